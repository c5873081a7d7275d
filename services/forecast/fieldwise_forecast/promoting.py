"""Putting a kept version in front, or the previous one back, by hand; knows no wire."""

from __future__ import annotations

from fieldwise_runtime.database import Database
from fieldwise_runtime.logs import get_logger

from . import store
from .core.versions import Version
from .lineup import Lineups

log = get_logger(__name__)


async def promote(db: Database, lineups: Lineups, name: str, request_id: str, fingerprint: str) -> Version:
    """Make a kept version champion, whatever the gate said; its file is read before anything changes.

    Raises:
        NotFound: Reason MODEL_VERSION_NOT_FOUND.
        FailedPrecondition: Reason MODEL_FILE_REFUSED.
        AlreadyExists: Reason REQUEST_ID_REUSED.
    """
    wanted = await lineups.version_of(name, object)
    version = await db.write(
        lambda connection: store.promote(connection, wanted.version, request_id, fingerprint)
    )
    await lineups.reload()
    log.info("version promoted by hand", version=version.name)
    return version


async def roll_back(db: Database, lineups: Lineups, model: str, request_id: str, fingerprint: str) -> Version:
    """Put the previous champion back; its file is read before anything changes, as what serves would be lost for nothing.

    Raises:
        NotFound: Reason MODEL_NOT_FOUND.
        FailedPrecondition: Reasons NO_PREVIOUS_VERSION, MODEL_FILE_REFUSED.
        AlreadyExists: Reason REQUEST_ID_REUSED.
    """
    previous = await db.read(lambda connection: store.to_put_back(connection, model, request_id, fingerprint))
    if previous is not None:
        await lineups.version_of(previous.name, object)
    version = await db.write(lambda connection: store.roll_back(connection, model, request_id, fingerprint))
    await lineups.reload()
    log.info("version put back by hand", version=version.name)
    return version
