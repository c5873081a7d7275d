"""Which processes may call this one, by the names in their certificates; knows no key, no role and no app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import grpc

from fieldwise_runtime import tls
from fieldwise_runtime.calls import Call
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

_IDENTITY: Final = "peer_spiffe_id"


@dataclass(frozen=True)
class Callers:
    """Those who may call a server when the installation runs under TLS.

    Args:
        names: Processes that may call everything, such as gateway.
        of_everybody: Paths (``/package.Service/Method``) that any certificate of the authority opens.
    """

    names: frozenset[str]
    of_everybody: frozenset[str] = frozenset()


# Gateway and jobs compose; nobody else calls a service, but for forecast, which learns from profiles.
COMPOSERS: Final = frozenset({"gateway", "jobs"})


class PeerKeeper:
    """Refuses calls of processes that have no business here; a gatekeeper."""

    def __init__(self, server: str, callers: Callers) -> None:
        self._server = server
        self._callers = callers
        self._expected = {f"{tls.SPIFFE}{name}".encode() for name in callers.names}

    async def enter(self, call: Call) -> None:
        """Refuses before anything is read.

        Raises:
            FieldwiseError: PERMISSION_DENIED, reason PEER_NOT_ALLOWED.
        """
        if call.path in self._callers.of_everybody:
            return
        known = call.context.auth_context()
        given = known.get(_IDENTITY) or ()
        if not any(each in self._expected for each in given):
            raise self._refused(call.path, given)

    def _refused(self, path: str, given: Any) -> FieldwiseError:
        peer = " and ".join(each.decode("utf-8", "replace") for each in given) or "no name of ours"
        log.warning("peer refused", method=path.strip("/"), peer=peer)
        names = ", ".join(sorted(self._callers.names))
        message = (
            f"{self._server} is called by {names}, and the certificate of this caller names {peer}; "
            f"call the gateway instead, or give the process its own certificate"
        )
        return FieldwiseError(
            "PEER_NOT_ALLOWED", message, code=grpc.StatusCode.PERMISSION_DENIED, metadata={"peer": peer}
        )

    async def check(self, call: Call, request: Any) -> None:
        """Nothing of a request is a peer's name."""

    async def passes(self, call: Call, answer: Any) -> None:
        """Every answer may pass."""

    def leave(self, call: Call, code: grpc.StatusCode) -> None:
        """Nothing is kept of a call."""
