"""Having a database forget deleted bytes: SQLite's file and log, PostgreSQL's dead rows; knows no table."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa

from fieldwise_runtime import engines
from fieldwise_runtime.errors import FailedPrecondition

# A reader that holds on to an old snapshot is cut off after 30 seconds (engines.reading); then nothing is in the way.
_PATIENCE_SECONDS: Final = 40.0
_PAUSE_SECONDS: Final = 0.05


@contextmanager
def zeroing(connection: sa.Connection) -> Iterator[None]:
    """Deletes within it zero whole pages that become free as well, on SQLite; nothing else pays for that (engines.writing)."""
    if connection.dialect.name != "sqlite":
        yield
        return
    connection.exec_driver_sql("PRAGMA secure_delete=ON")
    try:
        yield
    finally:
        connection.exec_driver_sql("PRAGMA secure_delete=FAST")


def scrub(url: str, tables: Iterable[str], patience: float = _PATIENCE_SECONDS) -> None:
    """Returns when no file of the database holds bytes that were deleted with `zeroing`.

    On PostgreSQL rows are taken out of the tables; its own log and backups hold their sealed bytes until they are recycled.

    Raises:
        FailedPrecondition: Reason ERASURE_UNFINISHED; readers were in the way for too long.
    """
    engine = engines.writing(url, survives_power_loss=True)
    try:
        if engine.dialect.name == "sqlite":
            _truncate_log(engine, patience)
        else:
            _vacuum(engine, tables)
    finally:
        engine.dispose()


def _truncate_log(engine: sa.Engine, patience: float) -> None:
    """Writes SQLite's log into the file and cuts it to nothing."""
    end = time.monotonic() + patience
    raw = engine.raw_connection()
    try:
        cursor: Any = raw.cursor()
        while True:
            # (was something in the way, pages in the log, pages written back)
            busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return
            if time.monotonic() > end:
                message = "readers kept SQLite's log from being cut, so that it may hold what was deleted; ask again"
                raise FailedPrecondition("ERASURE_UNFINISHED", message)
            time.sleep(_PAUSE_SECONDS)
    finally:
        raw.close()


def _vacuum(engine: sa.Engine, tables: Iterable[str]) -> None:
    preparer = engine.dialect.identifier_preparer
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # What was counted may be more than tables.
        for table in sorted(set(tables) & set(sa.inspect(connection).get_table_names())):
            connection.exec_driver_sql(f"VACUUM {preparer.quote(table)}")
