"""Who calls, from the `authorization` header, and whether he may; knows no message and no transport.

For another face of the gateway: `Access.authenticate(header)` gives the Principal (a key or token as `Bearer`, a key as the user name of
`Basic`), `Access.require(principal, scope)` refuses him who lacks the scope, such as `events.write`, and `Access.charge(principal)` counts
the call. All three raise errors of `fieldwise_runtime.errors` that are safe to tell.
"""

from __future__ import annotations

import binascii
import time
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from fieldwise_gateway.core.access import ANYBODY, Principal
from fieldwise_gateway.core.rates import Bucket
from fieldwise_gateway.keyring import Keyring
from fieldwise_gateway.tokens import Tokens
from fieldwise_runtime.errors import PermissionDenied, ResourceExhausted, Unauthenticated

HEADER: Final = "authorization"
_MOST_BUCKETS: Final = 10_000
_MOST_CHARACTERS: Final = 12_000
_HOW: Final = "send `authorization: Bearer <API key or token>`"


class Access:
    """Lets callers in.

    Args:
        keyring: The API keys; None lets everybody in as operator, and asks nobody who he is.
        tokens: Signed tokens; None when none are taken.
        clock: A steady clock, in seconds.
    """

    def __init__(
        self,
        keyring: Keyring | None,
        tokens: Tokens | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keyring = keyring
        self._tokens = tokens
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    async def authenticate(self, header: str) -> Principal:
        """Who sends this `authorization` header.

        Raises:
            Unauthenticated: NO_CREDENTIALS, BAD_CREDENTIALS, EXPIRED_CREDENTIALS, EARLY_CREDENTIALS, REVOKED_CREDENTIALS.
        """
        if self._keyring is None:
            return ANYBODY
        if not header:
            raise Unauthenticated("NO_CREDENTIALS", f"nobody knows who calls; {_HOW}")
        if len(header) > _MOST_CHARACTERS:
            raise Unauthenticated("BAD_CREDENTIALS", f"the header is too long; {_HOW}")
        kind, _, shown = header.partition(" ")
        shown = shown.strip()
        if kind.lower() == "basic":
            shown = _key_in_basic(shown)
        elif kind.lower() != "bearer":
            raise Unauthenticated("BAD_CREDENTIALS", f"the header is neither Bearer nor Basic; {_HOW}")
        if not shown.isascii() or not shown:
            raise Unauthenticated("BAD_CREDENTIALS", f"what was sent is no key or token; {_HOW}")
        if shown.startswith("fw_") or self._tokens is None:
            return await self._keyring.principal(shown)
        return await self._tokens.principal(shown)

    def require(self, principal: Principal, scope: str) -> None:
        """Refuses a caller who lacks the scope.

        Raises:
            PermissionDenied: SCOPE_MISSING.
        """
        if not principal.may(scope):
            remedy = "ask for a key whose role has it (`fieldwise keys create`)"
            raise PermissionDenied(
                "SCOPE_MISSING",
                f"{principal.name} lacks the scope {scope}; {remedy}",
                metadata={"scope": scope},
            )

    def charge(self, principal: Principal) -> None:
        """Counts a call against the caller's limit.

        Raises:
            ResourceExhausted: RATE_LIMITED, with the seconds to wait.
        """
        if not principal.calls_per_second:
            return
        now = self._clock()
        bucket = self._buckets.get(principal.name)
        if bucket is None or (bucket.per_second, bucket.burst) != (
            principal.calls_per_second,
            principal.burst,
        ):
            bucket = Bucket(principal.calls_per_second, principal.burst, now)
            self._buckets[principal.name] = bucket
            if len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
        wait = bucket.take(now)
        if wait > 0.0:
            limit = f"{principal.calls_per_second:g} calls a second"
            raise ResourceExhausted(
                "RATE_LIMITED",
                f"{principal.name} may make {limit}; wait {wait:.3f} s, or ask for a key with a higher limit",
                metadata={"calls_per_second": f"{principal.calls_per_second:g}"},
                retry_after_seconds=wait,
            )

    def holds(self, principal: Principal) -> bool:
        """Whether what a caller showed when his call began still holds; for calls that last."""
        return self._keyring is None or self._keyring.holds(principal)


def _key_in_basic(encoded: str) -> str:
    """The user name, as event SDKs send it; else the password, as people type it into a browser."""
    try:
        name, _, password = b64decode(encoded, validate=True).decode("ascii").partition(":")
        return password if password.startswith("fw_") and not name.startswith("fw_") else name
    except (binascii.Error, ValueError):
        raise Unauthenticated("BAD_CREDENTIALS", f"the Basic header is not base64; {_HOW}") from None
