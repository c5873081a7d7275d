"""Price sets in the allocation database: every version that was ever published, as the bytes it was answered with.

Nothing here looks into them. Functions take the connection of the transaction they belong to.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from fieldwise_allocation.core.terms import Window
from fieldwise_allocation.store import touch

_metadata: Final = sa.MetaData()
_price_sets: Final = sa.Table(
    "price_sets",
    _metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("valid_from", sa.BigInteger),
    sa.Column("valid_until", sa.BigInteger),
    sa.Column("body", sa.LargeBinary),
)
# Prices are solved once a week and when something changes: enough for a year back, and a few megabytes at most.
PRICE_SETS_READ: Final = 64


def newest_version(connection: sa.Connection) -> int:
    """Version of the newest price set; 0 before the first."""
    return connection.execute(sa.select(sa.func.max(_price_sets.c.version))).scalar() or 0


def add_price_set(connection: sa.Connection, window: Window[bytes]) -> None:
    values = {
        "version": window.version,
        "valid_from": window.valid_from,
        "valid_until": window.valid_until,
        "body": window.prices,
    }
    connection.execute(sa.insert(_price_sets).values(values))
    touch(connection)


def price_sets(connection: sa.Connection) -> tuple[Window[bytes], ...]:
    """The newest price sets, oldest version first; what `PRICE_SETS_READ` leaves out ended long ago."""
    newest = sa.select(_price_sets).order_by(_price_sets.c.version.desc()).limit(PRICE_SETS_READ)
    rows = connection.execute(newest).all()
    return tuple(Window(row.version, row.valid_from, row.valid_until, row.body) for row in reversed(rows))


def price_set(connection: sa.Connection, version: int) -> bytes | None:
    return connection.execute(sa.select(_price_sets.c.body).where(_price_sets.c.version == version)).scalar()


def history(
    connection: sa.Connection, *, before: int | None, since: int | None, until: int | None, most: int
) -> tuple[Window[bytes], ...]:
    """Price sets, newest version first.

    Args:
        before: Only versions below this one.
        since: Only those that hold at this moment or later, in nanoseconds since 1970.
        until: Only those that hold before this moment.
    """
    wanted = sa.select(_price_sets).order_by(_price_sets.c.version.desc()).limit(most)
    if before is not None:
        wanted = wanted.where(_price_sets.c.version < before)
    if since is not None:
        wanted = wanted.where(_price_sets.c.valid_until > since)
    if until is not None:
        wanted = wanted.where(_price_sets.c.valid_from < until)
    rows = connection.execute(wanted)
    return tuple(Window(row.version, row.valid_from, row.valid_until, row.body) for row in rows)
