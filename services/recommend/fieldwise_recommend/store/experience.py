"""Choices and their results in plain columns, in SQL; knows no rule and no statistics."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from fieldwise_recommend.core.choices import Choice
from fieldwise_recommend.store import baselines as store_baselines
from fieldwise_recommend.store.decisions import outcomes
from fieldwise_runtime.database import Database, upsert
from fieldwise_runtime.scrubbing import zeroing

_metadata: Final = sa.MetaData()

# By time, so that a period is read in one piece and what is due is found at once.
choices: Final = sa.Table(
    "choices",
    _metadata,
    sa.Column("decision_time", sa.BigInteger, primary_key=True),  # microseconds since 1970
    sa.Column("decision", sa.String(64), primary_key=True),
    sa.Column("customer", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("arm", sa.SmallInteger, nullable=False),
    sa.Column("probability", sa.Float(53), nullable=False),
    sa.Column("rep", sa.Text, nullable=False),
    sa.Column("by_rep", sa.SmallInteger, nullable=False),
    sa.Column("p_buy", sa.Float(53), nullable=False),
    sa.Column("p_silent", sa.Float(53), nullable=True),
    sa.Column("baseline", sa.BigInteger, nullable=False),  # micros, as the two below
    sa.Column("effect", sa.BigInteger, nullable=False),
    sa.Column("value", sa.BigInteger, nullable=False),
    sa.Column("open", sa.Text, nullable=False),
    sa.Column("campaigns", sa.Text, nullable=False),
    sa.Column("facts", sa.LargeBinary, nullable=False),
    sa.Column("fact_set", sa.BigInteger, nullable=False),
)
fact_sets: Final = sa.Table(
    "fact_sets",
    _metadata,
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("names", sa.Text, nullable=False),  # one a line
)
# Money is NULL where nothing can be known of the customer; such a row says that he was asked about.
results: Final = sa.Table(
    "results",
    _metadata,
    sa.Column("decision_time", sa.BigInteger, primary_key=True),
    sa.Column("decision", sa.String(64), primary_key=True),
    sa.Column("money", sa.BigInteger, nullable=True),  # micros
    sa.Column("money_before", sa.BigInteger, nullable=True),
    sa.Column("purchase_days", sa.Integer, nullable=True),
    sa.Column("flags", sa.Integer, nullable=False),  # core.experience's bits
)
# Outcomes of erased customers are deleted; that there were some still counts.
outcome_marks: Final = sa.Table(
    "outcome_marks",
    _metadata,
    sa.Column("decision", sa.String(64), primary_key=True),
    sa.Column("kinds", sa.Text, nullable=False),  # joined by spaces
)

_RESULT_COLUMNS: Final = tuple(
    results.c[name] for name in ("money", "money_before", "purchase_days", "flags")
)
# As `pages` gives them.
PAGE_COLUMNS: Final = (
    "time",
    *(column.name for column in list(choices.c)[1:]),
    *(column.name for column in _RESULT_COLUMNS),
)
_INSERT_CHOICES: Final = sa.insert(choices)
_INSERT_IN_ORDER: Final = f"INSERT INTO choices VALUES ({', '.join('?' * len(Choice._fields))})"
# Two parameters each; old SQLite takes 999.
_CHUNK: Final = 400
_DAY: Final = 86_400_000_000
_PAGE: Final = 20_000


class Due(NamedTuple):
    """A decision whose window has closed; ``decision_time`` in microseconds since 1970."""

    decision_time: int
    decision: str
    customer: str


class ResultRow(NamedTuple):
    """What a customer did in the window after a decision; None and 0 where it cannot be known."""

    decision_time: int
    decision: str
    money: int | None
    money_before: int | None
    purchase_days: int | None
    flags: int


def add_choices(connection: sa.Connection, rows: Sequence[Choice]) -> None:
    """Stores rows beside their decisions, in the same transaction."""
    if connection.dialect.name == "sqlite":
        # In the order of the table, without a name for every value: this is done for each decision.
        connection.exec_driver_sql(_INSERT_IN_ORDER, list(rows))
    else:
        connection.execute(_INSERT_CHOICES, [row._asdict() for row in rows])


class ExperienceStore:
    """Statements about choices and results."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep_fact_set(self, number: int, names: Sequence[str]) -> None:
        """Keeps the names of the facts that rows of this number have, once."""
        statement = upsert(fact_sets, self._database.dialect).on_conflict_do_nothing()
        row = {"number": number, "names": "\n".join(names)}
        await self._database.write(lambda connection: connection.execute(statement, row).rowcount)

    async def due(self, until: int, after: tuple[int, str], most: int) -> list[Due]:
        """Decisions made by ``until`` that have no results, by time and name, from just after one of them on."""
        without = _joined(sa.select(choices.c.decision_time, choices.c.decision, choices.c.customer))
        query = without.where(results.c.decision.is_(None), choices.c.decision_time <= until)
        query = query.where(choices.c.customer.startswith("customers/"))
        # The first comparison is what the key is searched by.
        time, decision = choices.c.decision_time, choices.c.decision
        query = query.where(time >= after[0], sa.or_(time > after[0], decision > after[1]))
        ordered = query.order_by(choices.c.decision_time, choices.c.decision).limit(most)
        return await self._database.read(
            lambda connection: [Due(*row) for row in connection.execute(ordered)]
        )

    async def add_results(self, rows: Sequence[ResultRow]) -> int:
        """How many are new; the first word about a decision stands."""
        distinct = {(row.decision_time, row.decision): row for row in reversed(rows)}
        statement = upsert(results, self._database.dialect).on_conflict_do_nothing()

        def work(connection: sa.Connection) -> int:
            known = _known(connection, list(distinct))
            connection.execute(statement, [row._asdict() for row in distinct.values()])
            return len(distinct) - known

        return await self._database.write(work)

    async def erase(self, customers: Sequence[str]) -> dict[str, int]:
        """Makes their rows nobody's: what they did stays countable, under names that lead nowhere; rows, by table.

        Kept are the day, the action, how it was chosen and what came of it; facts and reps go.
        """
        mine = sa.select(choices.c.decision_time, choices.c.decision, choices.c.customer)
        query = mine.where(choices.c.customer.in_(customers))
        # Read apart: it walks over all rows, and the writer must not wait for that.
        found = await self._database.read(lambda connection: list(connection.execute(query)))
        strangers = {customer: f"erased/{uuid.uuid4()}" for customer in customers}

        def work(connection: sa.Connection) -> dict[str, int]:
            with zeroing(connection):
                for time, decision, customer in found:
                    _made_nobodys(connection, time, decision, strangers[customer])
                return {"choices": len(found), "baseline_rows": store_baselines.forget(connection, strangers)}

        return await self._database.write(work)


def pages(connection: sa.Connection, start: int, until: int) -> Iterator[list[Any]]:
    """Rows of PAGE_COLUMNS, decided from ``start`` to just before ``until``, by time, page by page."""
    query = _joined(sa.select(*choices.c, *_RESULT_COLUMNS))
    chosen = query.where(choices.c.decision_time >= start, choices.c.decision_time < until)
    ordered = chosen.order_by(choices.c.decision_time, choices.c.decision)
    found = connection.execution_options(yield_per=_PAGE).execute(ordered)
    for page in found.partitions(_PAGE):
        yield list(page)


def names_of_facts(connection: sa.Connection) -> dict[int, list[str]]:
    """Names of facts by the number of their set."""
    return {row.number: row.names.split("\n") for row in connection.execute(sa.select(fact_sets))}


def outcome_pages(connection: sa.Connection) -> Iterator[list[Any]]:
    """(decision, kind, microseconds since 1970, score or None) of all outcomes, page by page."""
    query = sa.select(outcomes.c.decision, outcomes.c.kind, outcomes.c.event_time, outcomes.c.score)
    found = connection.execution_options(yield_per=_PAGE).execute(query)
    for page in found.partitions(_PAGE):
        yield list(page)
    for row in connection.execute(sa.select(outcome_marks)):
        yield [(row.decision, kind, 0, None) for kind in row.kinds.split()]


def _known(connection: sa.Connection, places: Sequence[tuple[int, str]]) -> int:
    """How many of these decisions have results. Drivers do not agree on what a statement for many rows counts."""
    found = 0
    for start in range(0, len(places), _CHUNK):
        here = sa.tuple_(results.c.decision_time, results.c.decision).in_(places[start : start + _CHUNK])
        found += connection.execute(sa.select(sa.func.count()).select_from(results).where(here)).scalar_one()
    return found


def _joined(query: sa.Select[Any]) -> sa.Select[Any]:
    same = sa.and_(
        results.c.decision_time == choices.c.decision_time, results.c.decision == choices.c.decision
    )
    return query.select_from(choices.outerjoin(results, same))


def _made_nobodys(connection: sa.Connection, time: int, decision: str, stranger: str) -> None:
    day = time - time % _DAY
    name = f"erased/{uuid.uuid4()}"
    row = sa.and_(choices.c.decision_time == time, choices.c.decision == decision)
    values: dict[str, Any] = {"decision_time": day, "decision": name}
    emptied = sa.update(choices).where(row)
    connection.execute(emptied.values(values | {"customer": stranger, "rep": "", "facts": b""}))
    result = sa.and_(results.c.decision_time == time, results.c.decision == decision)
    connection.execute(sa.update(results).where(result).values(values))
    kinds = sa.select(outcomes.c.kind).where(outcomes.c.decision == decision)
    told = sorted(set(connection.execute(kinds).scalars()))
    if told:
        connection.execute(sa.insert(outcome_marks).values(decision=name, kinds=" ".join(told)))
