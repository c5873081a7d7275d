"""Lists and sums over all customers; knows no fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from fieldwise_profile.core.event import DAY, Event, Kind
from fieldwise_profile.store.schema import EVENT_COLUMNS, events, log, profiles

WEEK: Final = 7 * DAY
# 1970-01-05, the first Monday after the epoch, 00:00 UTC.
FIRST_MONDAY: Final = 4 * DAY
_LARGEST: Final = (1 << 63) - 1


@dataclass(frozen=True)
class WeekOfSales:
    """Sales of one category in one week that begins on a Monday; time in microseconds, money in micros."""

    category: str
    week: int
    amount: int


def customer_count(connection: sa.Connection) -> int:
    found: int = connection.execute(sa.select(log.c.customers)).scalar_one()
    return found


def customers_after(connection: sa.Connection, name: str, most: int) -> list[str]:
    """Names after ``name`` (empty: from the first), ascending; those of erased customers are left out."""
    statement = sa.select(profiles.c.customer).where(
        profiles.c.customer > name, profiles.c.erased_at.is_(None)
    )
    return list(connection.execute(statement.order_by(profiles.c.customer).limit(most)).scalars())


def outcomes_after(connection: sa.Connection, sequence: int, most: int) -> list[tuple[int, Event]]:
    """Outcome events after a position of the log, each with its own position."""
    # The number stands in the text of the statement: the partial index is chosen only for its own condition.
    outcome = events.c.kind == sa.literal_column(str(int(Kind.OUTCOME)))
    columns = [events.c[name] for name in EVENT_COLUMNS]
    statement = sa.select(events.c.sequence, *columns).where(outcome, events.c.sequence > sequence)
    rows = connection.execute(statement.order_by(events.c.sequence).limit(most))
    return [(row[0], Event._make(row[1:])) for row in rows]


def weekly_sales(connection: sa.Connection, start: int, as_of: int) -> list[WeekOfSales]:
    """Sales of each category and week, ascending, of the whole weeks between two moments, as known at the second."""
    first = FIRST_MONDAY - (FIRST_MONDAY - start) // WEEK * WEEK
    end = FIRST_MONDAY + (as_of - FIRST_MONDAY) // WEEK * WEEK
    # Numbers in the text of the statement: PostgreSQL takes two parameters for different, and refuses the grouping.
    # "+ 0" keeps the index on time out: over most of the table it is slower than reading row after row.
    time = events.c.event_time + sa.literal_column("0")
    week = sa.literal_column(f"(event_time - {FIRST_MONDAY}) / {WEEK}", sa.BigInteger)
    statement = (
        sa.select(events.c.category, week, _sum_of_amounts(connection))
        .where(
            events.c.kind == Kind.PURCHASE,
            time >= first,
            time < end,
            events.c.known_at <= as_of,
        )
        .group_by(events.c.category, week)
    )
    found = [
        WeekOfSales(category, FIRST_MONDAY + number * WEEK, min(int(amount), _LARGEST))
        for category, number, amount in connection.execute(statement)
    ]
    return sorted(found, key=lambda sales: (sales.category, sales.week))


def buyers_by_category(connection: sa.Connection, start: int, end: int) -> tuple[dict[str, int], list[int]]:
    """Customers who bought between two moments, as known at the second: how many in each category, and what each spent."""
    statement = (
        sa.select(events.c.customer, events.c.category, _sum_of_amounts(connection))
        .where(
            events.c.kind == Kind.PURCHASE,
            events.c.event_time >= start,
            events.c.event_time < end,
            events.c.known_at <= end,
        )
        .group_by(events.c.customer, events.c.category)
    )
    counts: dict[str, int] = {}
    spent: dict[str, int] = {}
    for customer, category, amount in connection.execute(statement):
        counts[category] = counts.get(category, 0) + 1
        spent[customer] = spent.get(customer, 0) + int(amount)
    return counts, list(spent.values())


def _sum_of_amounts(connection: sa.Connection) -> sa.ColumnElement[Any]:
    """Micros, as a number that a broken source cannot make overflow: SQLite's sum fails beyond 64 bits, its total does not."""
    return (sa.func.total if connection.dialect.name == "sqlite" else sa.func.sum)(events.c.amount)
