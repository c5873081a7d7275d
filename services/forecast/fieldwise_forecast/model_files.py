"""Model files in one folder, named by their content; knows no model and no registry."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from fieldwise_runtime.errors import FailedPrecondition

from .core.versions import StoredFile


def keep(folder: Path, model: str, content: bytes) -> StoredFile:
    """Write a file whole or not at all, and durably: the registry will promise that it is there."""
    checksum = hashlib.sha256(content).hexdigest()
    path = Path(model) / f"{checksum[:32]}.model"
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(target)
    sync_folder(target.parent)
    return StoredFile(str(path), checksum, len(content))


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power loss."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def content_of(folder: Path, file: StoredFile) -> bytes:
    """The content of a file.

    Raises:
        FailedPrecondition: Reason MODEL_FILE_REFUSED, it is missing or is not what was registered.
    """
    try:
        content = (folder / file.path).read_bytes()
    except OSError as error:
        raise refused(file, f"cannot be read ({error.strerror})") from error
    found = hashlib.sha256(content).hexdigest()
    if found != file.checksum:
        raise refused(file, f"has SHA-256 {found[:12]}..., registered is {file.checksum[:12]}...")
    return content


def refused(file: StoredFile, fact: str) -> FailedPrecondition:
    message = (
        f"model file {file.path} {fact}; restore it from a backup, roll the model back or train it again"
    )
    return FailedPrecondition("MODEL_FILE_REFUSED", message)
