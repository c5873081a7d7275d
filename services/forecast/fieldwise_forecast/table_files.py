"""Files of users' rows on disk, arriving piece by piece; knows no SQL and no row."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

from fieldwise_runtime.errors import FailedPrecondition, ResourceExhausted

from .model_files import sync_folder

HASHED = 1 << 20


class TableFiles:
    """One file per table and checksum in one folder. What has arrived is what the file holds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, table: str, checksum: str) -> Path:
        """The file with this content, or the begin of it."""
        return self._folder / table / f"{checksum[:32]}.csv"

    def received(self, table: str, checksum: str) -> int:
        """Bytes that have arrived."""
        path = self.path(table, checksum)
        return path.stat().st_size if path.exists() else 0

    def append(self, table: str, checksum: str, offset: int, content: bytes) -> int:
        """Write a piece and return the bytes that there are then; a piece that is there already changes nothing.

        Raises:
            FailedPrecondition: Reason WRONG_OFFSET, bytes before it are missing.
            ResourceExhausted: Reason DISK_FULL.
        """
        path = self.path(table, checksum)
        path.parent.mkdir(parents=True, exist_ok=True)
        here = self.received(table, checksum)
        if offset > here:
            message = f"offset {offset:,} leaves a gap: {here:,} bytes have arrived; go on from there"
            raise FailedPrecondition("WRONG_OFFSET", message, metadata={"received": str(here)})
        new = content[here - offset :]
        try:
            with path.open("ab") as file:
                file.write(new)
        except OSError as error:
            # A piece that was written in part would shift all that follow.
            os.truncate(path, here)
            raise refused(error) from error
        return here + len(new)

    def check(self, table: str, checksum: str) -> None:
        """Make a whole file durable, once it is what its checksum says.

        Raises:
            FailedPrecondition: Reason CHECKSUM_DIFFERS; the file is removed.
        """
        path = self.path(table, checksum)
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(HASHED):
                digest.update(piece)
            os.fsync(file.fileno())
        if digest.hexdigest() != checksum:
            path.unlink()
            message = (
                f"the file has SHA-256 {digest.hexdigest()[:12]}..., announced was {checksum[:12]}...; "
                "it changed on the way: send it again from offset 0"
            )
            raise FailedPrecondition("CHECKSUM_DIFFERS", message, metadata={"received": "0"})
        sync_folder(path.parent)

    def remove(self, table: str, keep: str = "") -> None:
        """Remove the files of a table, but the one with the checksum ``keep``."""
        kept = self.path(table, keep) if keep else None
        for path in sorted((self._folder / table).glob("*.csv")):
            if path != kept:
                path.unlink(missing_ok=True)


def refused(error: OSError) -> Exception:
    """What a caller is told of a file that cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceExhausted(
            "DISK_FULL", "no space is left for tables; free some and send the same piece again"
        )
    return error
