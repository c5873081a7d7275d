"""TLS of this process: its certificate, the authority it trusts, and credentials made of both; knows no contract.

A folder holds `ca.pem`, and `<name>.pem` with `<name>-key.pem` of each process that runs on it. A certificate names its
process twice: as DNS name `<name>`, which those who call it check whatever its address is, and as URI
`spiffe://fieldwise/<name>`, which those whom it calls check.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.settings import SettingsError

log = get_logger(__name__)

VARIABLE: Final = "FIELDWISE_TLS"
SPIFFE: Final = "spiffe://fieldwise/"
# People and tools with a certificate of their own: the supervisor, `fieldwise trace`, health probes.
OPERATOR: Final = "operator"
_MAKE: Final = "make them with `fieldwise certificates"


@dataclass(frozen=True)
class Identity:
    """One process's certificate and key, and the authority that it trusts."""

    name: str
    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        return self.folder / f"{self.name}.pem"

    @property
    def key(self) -> Path:
        return self.folder / f"{self.name}-key.pem"

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """Authority, certificate and key."""
        return self.authority, self.certificate, self.key

    def faults(self) -> list[str]:
        """Why it cannot be used, one sentence each; none when it can."""
        missing = [path.name for path in self.files if not path.is_file()]
        if missing:
            remedy = f"{_MAKE} {self.folder}`"
            return [f"{VARIABLE}: {self.folder} lacks {', '.join(missing)} for {self.name}; {remedy}"]
        try:
            found = _proven(self)
        except (ssl.SSLError, OSError) as error:
            remedy = f"{_MAKE} {self.folder}`, which renews what is bad"
            return [f"{VARIABLE}: {self.certificate} cannot be used ({_words(error)}); {remedy}"]
        uri = SPIFFE + self.name
        if uri in found:
            return []
        return [f"{VARIABLE}: {self.certificate} does not name {uri}; {_MAKE} {self.folder}`"]

    def ssl_context(self, *, of_apps: bool) -> ssl.SSLContext:
        """For a server of another kind than gRPC, such as HTTP.

        Args:
            of_apps: It takes callers without a certificate.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        if not of_apps:
            context.load_verify_locations(self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def server_credentials(self, *, of_apps: bool) -> grpc.ServerCredentials:
        """For a gRPC server; files that are replaced are taken from the next connection on."""
        fresh = _Fresh(self)
        return grpc.dynamic_ssl_server_credentials(
            fresh.configuration(), fresh.changed, require_client_authentication=not of_apps
        )

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """For a channel; it keeps the certificate that is there now."""
        authority, certificate, key = (path.read_bytes() for path in self.files)
        return grpc.ssl_channel_credentials(authority, key, certificate)


class _Fresh:
    """The files of an identity as a server needs them, read again when they were replaced."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._stamp = self._stamped()

    def configuration(self) -> Any:
        authority, certificate, key = (path.read_bytes() for path in self._identity.files)
        return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=authority)

    def changed(self) -> Any:
        """The configuration when it is another than before, else None. Called by grpc before each handshake."""
        try:
            stamp = self._stamped()
            if stamp == self._stamp or self._identity.faults():
                # Half replaced, as between two renames: the next handshake looks again.
                return None
            self._stamp = stamp
            log.info("certificate replaced", name=self._identity.name)
            return self.configuration()
        except OSError:
            return None

    def _stamped(self) -> tuple[tuple[int, int], ...]:
        found = (path.stat() for path in self._identity.files)
        return tuple((each.st_mtime_ns, each.st_ino) for each in found)


_current: Identity | None = None


def configure(name: str, folder: str) -> None:
    """Makes this process ``name`` (such as profile) speak TLS with the files in ``folder``; empty: no TLS.

    Raises:
        SettingsError: A file is missing, or the certificate is expired, of another authority, or another process's.
    """
    global _current  # noqa: PLW0603  # a process has one identity, as it has one log
    _current = None
    if not folder:
        return
    identity = Identity(name, Path(folder))
    faults = identity.faults()
    if faults:
        raise SettingsError(faults)
    _current = identity


def adopt(identity: Identity | None) -> None:
    """Makes this process, a worker of another, speak as that one does."""
    global _current  # noqa: PLW0603  # see above
    _current = identity


def current() -> Identity | None:
    """This process's identity; None without TLS."""
    return _current


def any_of(folder: Path) -> Identity:
    """An identity whose key lies in ``folder``, the operator's first: for tools, which have no name of their own.

    Raises:
        SettingsError: There is none that can be used.
    """
    names = sorted(path.name.removesuffix("-key.pem") for path in folder.glob("*-key.pem"))
    found = Identity(OPERATOR if OPERATOR in names or not names else names[0], folder)
    faults = found.faults()
    if faults:
        raise SettingsError(faults)
    return found


def channel(address: str, peer: str, options: Sequence[tuple[str, Any]] = ()) -> grpc.Channel:
    """A channel to ``peer``, under TLS when this process speaks it."""
    if _current is None:
        return grpc.insecure_channel(address, options=options)
    return grpc.secure_channel(address, _current.channel_credentials(), (*options, *named(peer)))


def aio_channel(address: str, peer: str, options: Sequence[tuple[str, Any]] = ()) -> grpc.aio.Channel:
    """The same for the event loop."""
    if _current is None:
        return grpc.aio.insecure_channel(address, options=options)
    return grpc.aio.secure_channel(address, _current.channel_credentials(), (*options, *named(peer)))


def named(peer: str) -> tuple[tuple[str, str], ...]:
    """Options of a channel that make ``peer``'s name the one its certificate must have, wherever it is reached."""
    return (("grpc.ssl_target_name_override", peer),) if peer else ()


def _proven(identity: Identity) -> list[str]:
    """The URIs of the certificate, after a handshake of the process with itself: key, authority and dates are right.

    Raises:
        ssl.SSLError: They are not.
    """
    server = identity.ssl_context(of_apps=False)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(identity.authority)
    client.load_cert_chain(identity.certificate, identity.key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname=identity.name)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    left = [asking, answering]
    while left:
        left = [side for side in left if not _shaken(side)]
    found: Any = asking.getpeercert() or {}
    return [value for kind, value in found.get("subjectAltName", ()) if kind == "URI"]


def _shaken(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    told = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return str(told).replace("_", " ").lower()
