"""Writing SQLite's log back into its file, beside the writer and not in it; knows no table.

SQLite does so in the commit that fills the log, which then waits for the disk: in an event loop all calls wait with it. Here
a thread with a connection of its own writes back while commits go on, and holds them up only for what came meanwhile, so that
the log can begin anew and stays short.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa

from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# In pages of 4 KiB: what is written back at once, and the log that has to begin anew.
_PORTION: Final = 4_000
_LONG: Final = 16_000
# Between two looks at the log while commits come.
_PAUSE_SECONDS: Final = 0.05


class Checkpoints:
    """The thread that keeps the log of one SQLite file short; it begins with the first commit.

    Args:
        engine: Of the file; one connection of it is used and closed with `close`.
        turn: Held by whoever commits, and here for the short end of a checkpoint.
        resume: Called after commits were held up.
    """

    def __init__(self, engine: sa.Engine, turn: threading.Lock, resume: Callable[[], None]) -> None:
        self._engine = engine
        self._turn = turn
        self._resume = resume
        self._committed = threading.Event()
        self._ended = threading.Event()
        # Held while the thread is started or asked to end: one that is not started yet cannot be joined.
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def committed(self) -> None:
        """To be called after commits, by one thread at a time."""
        if self._thread is None:
            self._start()
        self._committed.set()

    def close(self) -> None:
        """Ends the thread; the last connection that closes writes back what is left."""
        with self._starting:
            self._ended.set()
        self._committed.set()
        if self._thread is not None:
            self._thread.join()
        self._engine.dispose()

    def _start(self) -> None:
        with self._starting:
            if self._ended.is_set():
                return
            self._thread = threading.Thread(target=self._keep_short, name="database-checkpoints", daemon=True)
            self._thread.start()

    def _keep_short(self) -> None:
        raw = self._engine.raw_connection()
        try:
            cursor = raw.cursor()
            while not self._ended.is_set():
                self._committed.wait()
                self._committed.clear()
                self._look(cursor)
                self._ended.wait(_PAUSE_SECONDS)
        finally:
            raw.close()

    def _look(self, cursor: Any) -> None:
        try:
            logged, written = _log(cursor, "NOOP")
            if logged - written < _PORTION:
                return
            _log(cursor, "PASSIVE")
            if logged < _LONG:
                return
            # The log begins anew only when all of it is written back at the moment of a commit. That may never be under
            # a steady load, and waits for the disk: so not each time.
            try:
                with self._turn:
                    _log(cursor, "PASSIVE")
            finally:
                self._resume()
        except self._engine.dialect.loaded_dbapi.Error as error:
            # A full disk is told to those who write; the log is kept until it can be written back.
            log.warning("log not written back", error=type(error).__name__)


def _log(cursor: Any, mode: str) -> tuple[int, int]:
    """Pages in the log, and how many of them are in the file after a checkpoint of this mode; NOOP only counts."""
    _busy, logged, written = cursor.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    return int(logged), int(written)
