"""The key that a client shows the gateway: what the app says, else the environment, else this machine's installation; knows no call."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fieldwise_client.errors import InvalidRequest

_KEY: Final = "FIELDWISE_API_KEY"
_FILE: Final = "FIELDWISE_API_KEY_FILE"
_DATA: Final = "FIELDWISE_DATA"
_USUAL_DATA: Final = ".fieldwise"
# Where a gateway puts the first key of its installation.
_OPERATORS: Final = Path("access") / "operator.key"

Metadata = tuple[tuple[str, str], ...]


class ApiKey:
    """A key, looked up when it is first needed and never shown.

    Args:
        given: An API key or a signed token; else FIELDWISE_API_KEY, else the file FIELDWISE_API_KEY_FILE, else, when the gateway is on
            this machine, the operator's key in the folder ``data``, FIELDWISE_DATA or `.fieldwise`.
    """

    def __init__(
        self,
        given: str | None = None,
        *,
        address: str = "",
        data: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._given = (given or environ.get(_KEY, "")).strip()
        self._file = environ.get(_FILE, "").strip()
        self._local = is_local(address)
        self._data = data or Path(environ.get(_DATA, "").strip() or _USUAL_DATA)
        self._metadata: Metadata = ()

    def __repr__(self) -> str:
        return "ApiKey(hidden)"

    def metadata(self) -> Metadata:
        """What a call carries; empty when there is no key, and then looked for again by the next call.

        Raises:
            InvalidRequest: The file of FIELDWISE_API_KEY_FILE cannot be read; the key is none that a header can carry.
        """
        if not self._metadata:
            key = self._given or self._read()
            if not key:
                return ()
            if not (key.isascii() and key.isprintable()) or " " in key:
                remedy = "give the key alone, as `fieldwise keys create` printed it"
                raise InvalidRequest.of("api_key", "(hidden)", remedy)
            self._metadata = (("authorization", f"Bearer {key}"),)
        return self._metadata

    def _read(self) -> str:
        if self._file:
            try:
                return Path(self._file).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                fault = type(error).__name__
                raise InvalidRequest.of(
                    _FILE, self._file, f"it cannot be read ({fault}); name a file with a key"
                ) from None
        if not self._local:
            return ""
        try:
            return (self._data / _OPERATORS).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):  # no installation here, or one of somebody else's
            return ""


def is_local(address: str) -> bool:
    """Whether an address, or all of several, are of this machine: the operator's key is sent nowhere else."""
    hosts = [each.strip().rpartition(":")[0].strip("[]") for each in address.split(",")]
    return all(host in ("localhost", "::1") or host.startswith("127.") for host in hosts)
