"""Channels of the clients, under TLS where an authority is named; knows no call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from fieldwise_client.errors import InvalidRequest

_FOLDER: Final = "FIELDWISE_TLS"
_AUTHORITY: Final = "FIELDWISE_CA"
_OPERATOR: Final = "operator"


@dataclass(frozen=True)
class Trust:
    """Whom a client believes, and who it is itself.

    Args:
        authority: File of the certificate that signed the servers'.
        certificate: Its own, with ``key``: only those who operate an installation have one.
    """

    authority: Path
    certificate: Path | None = None
    key: Path | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """For a channel; read now.

        Raises:
            InvalidRequest: A file cannot be read.
        """
        return grpc.ssl_channel_credentials(
            _read(_AUTHORITY, self.authority),
            _read(_FOLDER, self.key) if self.key else None,
            _read(_FOLDER, self.certificate) if self.certificate else None,
        )


def trust(
    ca: str | Path | None = None, environ: Mapping[str, str] = os.environ, folder: str = ""
) -> Trust | None:
    """Whom to believe: the file ``ca``, else FIELDWISE_CA, else `ca.pem` in FIELDWISE_TLS or ``folder``; None: no TLS.

    With a folder that holds the operator's certificate, the client shows it.
    """
    told = str(ca or "") or environ.get(_AUTHORITY, "").strip()
    below = environ.get(_FOLDER, "").strip() or folder
    if not told and not below:
        return None
    authority = Path(told) if told else Path(below) / "ca.pem"
    key = Path(below) / f"{_OPERATOR}-key.pem" if below else None
    if key is None or not key.is_file():
        return Trust(authority)
    return Trust(authority, Path(below) / f"{_OPERATOR}.pem", key)


def opened(address: str, trusted: Trust | None, options: Sequence[tuple[str, Any]]) -> grpc.Channel:
    """A channel; it connects when it is first used."""
    if trusted is None:
        return grpc.insecure_channel(address, options=options)
    return grpc.secure_channel(address, trusted.credentials(), options)


def opened_aio(address: str, trusted: Trust | None, options: Sequence[tuple[str, Any]]) -> grpc.aio.Channel:
    """The same for asyncio."""
    if trusted is None:
        return grpc.aio.insecure_channel(address, options=options)
    return grpc.aio.secure_channel(address, trusted.credentials(), options)


def _read(variable: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise InvalidRequest.of(
            variable, str(path), f"{why.lower()}; name a file of `fieldwise certificates`"
        ) from None
