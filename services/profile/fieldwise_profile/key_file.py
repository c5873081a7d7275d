"""The file of the installation's keys on disk: made once, read at start, replaced whole; knows no table."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fieldwise_profile.core import keys
from fieldwise_profile.core.keys import KeyRing, WrongKeys
from fieldwise_runtime import engines
from fieldwise_runtime.errors import FailedPrecondition
from fieldwise_runtime.settings import DEFAULT_DATA

VARIABLE: Final = "FIELDWISE_PROFILE_KEYS"
_OWNER_ONLY: Final = 0o600
_OTHERS: Final = 0o077


def path_of(told: str, url: str, environ: Mapping[str, str] | None = None) -> Path:
    """Where the keys are: as told, else beside a SQLite database, else in the data folder."""
    if told:
        return Path(told)
    parts = engines.parsed(url)
    if parts.drivername == "sqlite":
        return Path(parts.database or "").with_suffix(".keys")
    data = (os.environ if environ is None else environ).get("FIELDWISE_DATA", "").strip()
    return Path(data or DEFAULT_DATA) / "profile.keys"


class KeyFile:
    """The keys, as they stand in the file now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen, self._ring = self._read()

    @property
    def ring(self) -> KeyRing:
        """The keys; read anew when another process has replaced the file.

        Raises:
            FailedPrecondition: Reason KEYS_UNUSABLE; it cannot be read, or was replaced by one that is no successor.
        """
        if self._stamp() != self._seen:
            seen, ring = self._read()
            # Never to be sealed with: what only another installation's file or an old backup opens is lost with it.
            if ring.index != self._ring.index or ring.newest < self._ring.newest:
                raise foreign(self.path)
            self._seen, self._ring = seen, ring
        return self._ring

    def replace(self, ring: KeyRing) -> None:
        """Puts other keys in the place of these, whole or not at all; durable when it returns.

        Raises:
            FailedPrecondition: Reason KEYS_UNUSABLE; the file cannot be written.
        """
        beside = self.path.with_name(f"{self.path.name}.new")
        try:
            beside.unlink(missing_ok=True)
            _write(beside, keys.written(ring))
            beside.replace(self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            remedy = "give this process the right to write its folder"
            raise _unusable(self.path, f"cannot be replaced ({error.strerror})", remedy) from None
        self._seen, self._ring = self._read()

    def _read(self) -> tuple[tuple[int, int], KeyRing]:
        seen = self._stamp()
        try:
            mode = self.path.stat().st_mode
            raw = self.path.read_bytes()
        except OSError as error:
            raise _unusable(self.path, f"cannot be read ({error.strerror})", _RESTORE) from None
        if mode & _OTHERS:
            raise _unusable(self.path, "may be read by others", f"run `chmod 600 {self.path}`")
        try:
            return seen, keys.read(raw)
        except WrongKeys as fault:
            raise _unusable(self.path, f"is no key file: {fault}", _RESTORE) from None

    def _stamp(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except OSError:
            return (0, 0)
        return found.st_mtime_ns, found.st_ino


_RESTORE: Final = (
    f"restore it from its backup or point {VARIABLE} to it; for a database without customers, "
    "`python -m fieldwise_profile migrate` makes one"
)


def make(path: Path) -> bool:
    """Makes a file of new keys where there is none; whether it did. Of several processes at once one makes it."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    _write(beside, keys.written(keys.generated(secrets.token_bytes)))
    try:
        # A link fails where the name is taken; a rename would take it from another process.
        os.link(beside, path)
    except FileExistsError:
        return False
    finally:
        beside.unlink()
    _sync_folder(path.parent)
    return True


def _write(path: Path, raw: bytes) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with open(number, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _unusable(path: Path, what: str, remedy: str) -> FailedPrecondition:
    return FailedPrecondition("KEYS_UNUSABLE", f"the key file {path} {what}; {remedy}")


def foreign(path: Path) -> FailedPrecondition:
    """The file holds keys, but not those of this database."""
    return _unusable(path, "does not open this database's customer keys", _RESTORE)
