"""A development authority and the certificates it signs, as files; knows no command and no process that uses them.

Each certificate names its process as DNS name ``<name>`` and as URI ``spiffe://fieldwise/<name>``, and the hosts it may be
reached at. An organisation with an authority of its own makes the same files with that one.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PROCESSES: Final = ("gateway", "jobs", "profile", "forecast", "allocation", "recommend", "traces")
# Of people and tools: `fieldwise status`, `fieldwise trace`, the supervisor's questions whether a process serves.
OPERATOR: Final = "operator"
DAYS: Final = 90
_HERE: Final = ("localhost", "127.0.0.1", "::1")
_AUTHORITY_DAYS: Final = 3650
# What lives for less than a third of its days is renewed.
_RENEW_SHARE: Final = 3
# Clocks of machines differ.
_EARLIER: Final = timedelta(minutes=5)

_Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Made:
    """What one run did, by names of processes; ``authority`` is whether a new one was made."""

    authority: bool
    written: tuple[str, ...]
    kept: tuple[str, ...]


def make(folder: Path, hosts: Sequence[str] = (), *, days: int = DAYS, now: datetime | None = None) -> Made:
    """Makes what is missing, soon over, of another authority or without one of ``hosts``; leaves the rest as it is.

    Args:
        hosts: Names and addresses at which the processes are reached, besides their own names and this machine.
    Raises:
        ValueError: The folder holds an authority without its key, or files that are no certificates.
    """
    at = now or datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority, key, is_new = _authority(folder, at)
    wanted = (*_HERE, *hosts)
    written = []
    for name in (*PROCESSES, OPERATOR):
        if not is_new and _is_good(folder, name, authority, wanted, at, days):
            continue
        _write(folder, name, *_signed(name, wanted, authority, key, at, days))
        written.append(name)
    kept = tuple(name for name in (*PROCESSES, OPERATOR) if name not in written)
    return Made(is_new, tuple(written), kept)


def _authority(folder: Path, at: datetime) -> tuple[x509.Certificate, _Key, bool]:
    file, key_file = folder / "ca.pem", folder / "ca-key.pem"
    if file.exists() and not key_file.exists():
        raise ValueError(
            f"{file} has no {key_file.name} beside it, so it cannot sign; give another folder, or bring the key"
        )
    if file.exists():
        found, key = x509.load_pem_x509_certificate(file.read_bytes()), _key(key_file)
        if found.not_valid_after_utc > at:
            return found, key, False
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Fieldwise development authority")])
    made = (
        _dated(name, name, key, at, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(folder, "ca", made, key)
    return made, key, True


def _signed(
    name: str, hosts: Sequence[str], authority: x509.Certificate, key: _Key, at: datetime, days: int
) -> tuple[x509.Certificate, _Key]:
    own = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    made = (
        _dated(subject, authority.subject, own, at, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(both, critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(name, hosts)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made, own


def _dated(
    subject: x509.Name, issuer: x509.Name, key: _Key, at: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _EARLIER)
        .not_valid_after(at + timedelta(days=days))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(name: str, hosts: Sequence[str]) -> list[x509.GeneralName]:
    own = [x509.UniformResourceIdentifier(f"spiffe://fieldwise/{name}"), x509.DNSName(name)]
    return [*own, *(_host(host) for host in dict.fromkeys(hosts))]


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _is_good(
    folder: Path, name: str, authority: x509.Certificate, hosts: Sequence[str], at: datetime, days: int
) -> bool:
    file, key_file = folder / f"{name}.pem", folder / f"{name}-key.pem"
    if not file.exists() or not key_file.exists():
        return False
    try:
        found = x509.load_pem_x509_certificate(file.read_bytes())
        found.verify_directly_issued_by(authority)
        has = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        is_its_key = _key(key_file).public_key() == found.public_key()
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    lives = found.not_valid_after_utc - at >= timedelta(days=days / _RENEW_SHARE)
    return is_its_key and lives and all(each in has for each in _names(name, hosts))


def _key(file: Path) -> _Key:
    found = serialization.load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{file} is not a key on an elliptic curve; remove it, and one is made")
    return found


def _write(folder: Path, name: str, certificate: x509.Certificate, key: _Key) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # The key first: a server that looks in between finds a pair that does not match and keeps the old one.
    _replace(folder / f"{name}-key.pem", private, 0o600)
    _replace(folder / f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _replace(file: Path, content: bytes, mode: int) -> None:
    scratch = file.with_name(f"{file.name}.new")
    scratch.unlink(missing_ok=True)
    # Never readable by others, not even for a moment.
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as writing:
        writing.write(content)
    scratch.replace(file)
