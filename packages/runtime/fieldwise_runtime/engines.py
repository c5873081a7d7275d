"""SQLAlchemy engines with the settings we rely on, for SQLite files and PostgreSQL; knows no table."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pysqlite3.dbapi2
import sqlalchemy as sa

_BUSY_MILLISECONDS: Final = 10_000
_READING_SECONDS: Final = 30
_POOL_SECONDS: Final = 3.0
# A server that hangs or has vanished is noticed in seconds; libpq's defaults wait for minutes to hours.
_POSTGRESQL: Final = {
    "connect_timeout": "3",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


def parsed(url: str) -> sa.URL:
    """The URL with the driver we use.

    Raises:
        ValueError: Neither a SQLite file nor PostgreSQL.
    """
    parts = sa.make_url(url)
    if parts.drivername in ("postgresql", "postgresql+psycopg"):
        return parts.set(drivername="postgresql+psycopg")
    if parts.drivername == "sqlite" and parts.database and parts.database != ":memory:":
        return parts
    shown = parts.render_as_string(hide_password=True)
    raise ValueError(
        f"database {shown!r} is not supported; give sqlite:///<file> or postgresql://user@host/database"
    )


def reading(url: str, *, connections: int) -> sa.Engine:
    """An engine whose transactions see one snapshot and refuse to write."""
    parts = parsed(url)
    if parts.drivername == "sqlite":
        return _sqlite(parts, begin="BEGIN", pragmas=("query_only=ON",), connections=connections)
    engine = _postgresql(
        parts,
        connections=connections,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
    )
    _at_connect(engine, (f"SET statement_timeout = '{_READING_SECONDS}s'",))
    return engine


def writing(url: str, *, survives_power_loss: bool, checkpoints: bool = True) -> sa.Engine:
    """An engine with one connection, for one thread.

    Args:
        checkpoints: Commits write SQLite's log back when it is long; without, somebody else must.
    """
    parts = parsed(url)
    if parts.drivername == "sqlite":
        synchronous = "FULL" if survives_power_loss else "NORMAL"
        # FAST zeroes what leaves a page, at the cost of a memset: pages that are split would keep copies of rows that nobody
        # could delete later.
        pragmas = (
            f"synchronous={synchronous}",
            f"wal_autocheckpoint={4000 if checkpoints else 0}",
            "cache_size=-32000",
            "secure_delete=FAST",
        )
        return _sqlite(parts, begin="BEGIN IMMEDIATE", pragmas=pragmas, connections=1)
    engine = _postgresql(parts, connections=1)
    if not survives_power_loss:
        _at_connect(engine, ("SET synchronous_commit = off",))
    return engine


def migrating(url: str) -> sa.Engine:
    """An engine for the one-shot migration; makes the folder of a SQLite file."""
    parts = parsed(url)
    if parts.drivername == "sqlite" and parts.database:
        Path(parts.database).parent.mkdir(parents=True, exist_ok=True)
    return writing(url, survives_power_loss=True)


def _postgresql(parts: sa.URL, *, connections: int, **options: Any) -> sa.Engine:
    return sa.create_engine(
        parts.set(query={**_POSTGRESQL, **parts.query}),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        # A stale connection is noticed before it is used: PostgreSQL may have been restarted.
        pool_pre_ping=True,
        hide_parameters=True,
        **options,
    )


def _sqlite(parts: sa.URL, *, begin: str, pragmas: tuple[str, ...], connections: int) -> sa.Engine:
    # pysqlite3 brings a SQLite without the WAL-reset race of the interpreter's own (SQLite 3.40 on Debian 12).
    engine = sa.create_engine(
        parts,
        module=pysqlite3.dbapi2,
        poolclass=sa.QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        hide_parameters=True,
        # The driver begins transactions late and ends them early; we say BEGIN ourselves. A connection moves between
        # threads of the pool, never used by two at once.
        connect_args={
            "isolation_level": None,
            "check_same_thread": False,
            "timeout": _BUSY_MILLISECONDS / 1000,
        },
    )
    common = ("journal_mode=WAL", "foreign_keys=ON", "temp_store=MEMORY")
    _at_connect(engine, tuple(f"PRAGMA {pragma}" for pragma in (*common, *pragmas)))
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _at_connect(engine: sa.Engine, statements: tuple[str, ...]) -> None:
    def run(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        if engine.dialect.name == "postgresql":
            connection.commit()

    sa.event.listen(engine, "connect", run)
