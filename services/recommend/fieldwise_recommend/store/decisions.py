"""Decisions, what they were made from, what was set aside for them and what came of them, in SQL; knows no rule."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from fieldwise_recommend.core.ledger import Hold
from fieldwise_runtime.database import Database, upsert
from fieldwise_runtime.scrubbing import zeroing

metadata: Final = sa.MetaData()

decisions: Final = sa.Table(
    "decisions",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("request_id", sa.String(128), nullable=False, unique=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("customer", sa.Text, nullable=False),
    sa.Column("decision_time", sa.BigInteger, nullable=False),  # microseconds since 1970
    sa.Column("catalogue_version", sa.String(12), nullable=False),
    sa.Column("chosen_action", sa.Text, nullable=False),
    sa.Column("price_key", sa.String(32), nullable=False),  # empty: there were no prices
    sa.Column("inputs", sa.LargeBinary, nullable=False),  # DecisionInputs without the price set
    sa.Column("decision", sa.LargeBinary, nullable=False),  # Decision without outcomes
)
# Price sets by content: thousands of decisions share one.
price_sets: Final = sa.Table(
    "price_sets",
    metadata,
    sa.Column("key", sa.String(32), primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
catalogues: Final = sa.Table(
    "catalogues",
    metadata,
    sa.Column("version", sa.String(12), primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
# One row for each customer and action of a period, whichever decision came first.
reservations: Final = sa.Table(
    "reservations",
    metadata,
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("customer", sa.Text, primary_key=True),
    sa.Column("action", sa.Text, primary_key=True),
    sa.Column("uses", sa.Text, nullable=False),  # JSON: amount by resource
    sqlite_with_rowid=False,
)
outcomes: Final = sa.Table(
    "outcomes",
    metadata,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("event_id", sa.String(128), primary_key=True),
    sa.Column("decision", sa.String(64), nullable=False, index=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("event_time", sa.BigInteger, nullable=False),  # microseconds since 1970
    sa.Column("amount_micros", sa.BigInteger, nullable=True),
    sa.Column("score", sa.SmallInteger, nullable=True),  # 1 to 5
)

# Nothing is kept of them but their names, so that a decision that was under way does not bring anything back.
erased_customers: Final = sa.Table(
    "erased_customers", metadata, sa.Column("customer", sa.Text, primary_key=True)
)

_INSERT_DECISION: Final = sa.insert(decisions)
# Fewer than the 999 parameters that old SQLite takes.
_CHUNK: Final = 900


class AlreadyDecided(Exception):
    """A request_id or a name of the batch is taken; nothing of the batch was stored."""


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision as it is stored."""

    name: str
    request_id: str
    fingerprint: str
    customer: str
    decision_time: int
    catalogue_version: str
    chosen_action: str
    price_key: str
    inputs: bytes
    decision: bytes


@dataclass(frozen=True, slots=True)
class Known:
    """What was decided for a request before."""

    name: str
    fingerprint: str
    decision: bytes


@dataclass(frozen=True, slots=True)
class Recorded:
    """A stored decision with all that a replay needs; ``price_set`` is None when there were no prices."""

    inputs: bytes
    decision: bytes
    price_set: bytes | None


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """What came of a decision; ``event_time`` in microseconds since 1970."""

    source: str
    event_id: str
    decision: str
    kind: str
    event_time: int
    amount_micros: int | None
    score: int | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """What became of a batch of outcomes."""

    recorded: int
    duplicates: int
    unknown_decisions: list[str]


class Store:
    """All statements of this service."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Built once: compiling finds an old statement by walking through the new one.
        self._add_reservations = _once(reservations, database.dialect)
        key = [reservations.c.period, reservations.c.customer, reservations.c.action]
        raising = upsert(reservations, database.dialect)
        self._raise_reservations = raising.on_conflict_do_update(
            index_elements=key, set_={"uses": raising.excluded.uses}
        )

    async def reachable(self, package: str = "") -> bool:
        return await self._database.reachable(package)

    async def close(self) -> None:
        await self._database.close()

    async def add_decisions(
        self,
        rows: Sequence[DecisionRow],
        period: str,
        holds: Sequence[Hold],
        price_set: tuple[str, bytes] | None,
        beside: Sequence[Callable[[sa.Connection], None]] = (),
    ) -> None:
        """Stores a batch whole or not at all; returns when it is durable.

        Args:
            period: Name of the period that the holds count against.
            price_set: (key, body) when it may not be stored yet.
            beside: What else belongs to the same transaction.

        Raises:
            AlreadyDecided: A request_id or a name is taken.
        """
        listed = [_values(row) for row in rows]
        held = [_reservation(period, hold) for hold in holds if not hold.more]
        raised = [_reservation(period, hold) for hold in holds if hold.more]

        def work(connection: sa.Connection) -> None:
            connection.execute(_INSERT_DECISION, listed)
            if held:
                connection.execute(self._add_reservations, held)
            if raised:
                connection.execute(self._raise_reservations, raised)
            if price_set is not None:
                key, body = price_set
                connection.execute(_once(price_sets, self._database.dialect), {"key": key, "body": body})
            for each in beside:
                each(connection)

        try:
            await self._database.write(work)
        except sa.exc.IntegrityError as error:
            raise AlreadyDecided from error

    async def known(self, request_ids: Collection[str]) -> dict[str, Known]:
        """What was decided for these requests before, by request_id."""
        wanted = list(request_ids)
        columns = (decisions.c.request_id, decisions.c.name, decisions.c.fingerprint, decisions.c.decision)

        def work(connection: sa.Connection) -> dict[str, Known]:
            found: dict[str, Known] = {}
            for chunk in _chunks(wanted):
                rows = connection.execute(sa.select(*columns).where(decisions.c.request_id.in_(chunk)))
                found |= {row.request_id: Known(row.name, row.fingerprint, row.decision) for row in rows}
            return found

        return await self._database.read(work)

    async def names_taken(self, names: Collection[str]) -> set[str]:
        """Which of these decisions exist."""
        wanted = list(names)
        return await self._database.read(lambda connection: _existing(connection, wanted))

    async def holds(self, period: str) -> list[Hold]:
        """All that was set aside in a period."""
        query = sa.select(reservations).where(reservations.c.period == period)

        def work(connection: sa.Connection) -> list[Hold]:
            return [
                Hold(row.customer, row.action, tuple(json.loads(row.uses).items()))
                for row in connection.execute(query)
            ]

        return await self._database.read(work)

    async def recorded(self, name: str) -> Recorded | None:
        """A decision and what it was made from."""
        query = (
            sa.select(decisions.c.inputs, decisions.c.decision, price_sets.c.body)
            .select_from(decisions.outerjoin(price_sets, price_sets.c.key == decisions.c.price_key))
            .where(decisions.c.name == name)
        )

        def work(connection: sa.Connection) -> Recorded | None:
            row = connection.execute(query).one_or_none()
            return None if row is None else Recorded(row.inputs, row.decision, row.body)

        return await self._database.read(work)

    async def outcomes(self, decision: str) -> list[OutcomeRow]:
        """What came of a decision, oldest first."""
        order = (outcomes.c.event_time, outcomes.c.source, outcomes.c.event_id)
        query = sa.select(outcomes).where(outcomes.c.decision == decision).order_by(*order)
        return await self._database.read(
            lambda connection: [OutcomeRow(**row._mapping) for row in connection.execute(query)]
        )

    async def decision_times(self, names: Collection[str]) -> dict[str, int]:
        """When those of these decisions that are here were made, in microseconds since 1970."""
        wanted = list(names)
        columns = (decisions.c.name, decisions.c.decision_time)

        def work(connection: sa.Connection) -> dict[str, int]:
            found: dict[str, int] = {}
            for chunk in _chunks(wanted):
                rows = connection.execute(sa.select(*columns).where(decisions.c.name.in_(chunk)))
                found |= {row.name: row.decision_time for row in rows}
            return found

        return await self._database.read(work)

    async def add_outcomes(self, rows: Sequence[OutcomeRow]) -> Joined:
        """Keeps outcomes, each (source, event_id) once, and says which join a decision; returns when durable.

        Those of decisions that are not here are kept too, and join them if they come back: a power cut or an older backup
        may take the last decisions, and the outcome is not sent a second time.
        """
        distinct = {(row.source, row.event_id): row for row in reversed(rows)}

        def work(connection: sa.Connection) -> Joined:
            known = _existing(connection, sorted({row.decision for row in rows}))
            unknown = list(dict.fromkeys(row.decision for row in rows if row.decision not in known))
            joined = [row for row in distinct.values() if row.decision in known]
            before = _count_known_events(connection, joined)
            if distinct:
                statement = _once(outcomes, self._database.dialect)
                connection.execute(statement, [_outcome_values(row) for row in distinct.values()])
            repeated = sum(row.decision in known for row in rows) - len(joined)
            return Joined(len(joined) - before, before + repeated, unknown)

        return await self._database.write(work)

    async def erased(self) -> set[str]:
        """Customers who were erased."""
        query = sa.select(erased_customers.c.customer)
        return await self._database.read(lambda connection: set(connection.execute(query).scalars()))

    async def erase(self, customers: Sequence[str]) -> dict[str, int]:
        """Empties their decisions, deletes what came of those, and frees reservations of their names; rows, by table.

        Decisions keep their names. What deletes leave in files is the caller's to scrub.
        """
        mine = sa.select(decisions.c.name).where(decisions.c.customer.in_(customers))
        # Read apart: it walks over all decisions, and the writer must not wait for that.
        names = await self._database.read(lambda connection: list(connection.execute(mine).scalars()))

        def work(connection: sa.Connection) -> dict[str, int]:
            with zeroing(connection):
                kept = _once(erased_customers, self._database.dialect)
                connection.execute(kept, [{"customer": customer} for customer in customers])
                return {
                    "decisions": sum(_emptied(connection, chunk) for chunk in _chunks(names)),
                    "outcomes": sum(_outcomes_deleted(connection, chunk) for chunk in _chunks(names)),
                    "reservations": sum(_made_nobodys(connection, customer) for customer in customers),
                }

        return await self._database.write(work)


def _emptied(connection: sa.Connection, names: Sequence[str]) -> int:
    emptied = sa.update(decisions).where(decisions.c.name.in_(names))
    values = {
        # Request ids are unique, and those of batches hold the customer's id.
        "request_id": sa.literal("erased/") + decisions.c.name,
        "fingerprint": "",
        "customer": "",
        "inputs": b"",
        "decision": b"",
    }
    return connection.execute(emptied.values(values)).rowcount


def _outcomes_deleted(connection: sa.Connection, names: Sequence[str]) -> int:
    return connection.execute(sa.delete(outcomes).where(outcomes.c.decision.in_(names))).rowcount


def _made_nobodys(connection: sa.Connection, customer: str) -> int:
    """What was set aside stays set aside: the budget is spent."""
    nobodys = sa.update(reservations).where(reservations.c.customer == customer)
    return connection.execute(nobodys.values(customer=f"erased/{uuid.uuid4()}")).rowcount


def _values(row: DecisionRow) -> dict[str, object]:
    return {
        "name": row.name,
        "request_id": row.request_id,
        "fingerprint": row.fingerprint,
        "customer": row.customer,
        "decision_time": row.decision_time,
        "catalogue_version": row.catalogue_version,
        "chosen_action": row.chosen_action,
        "price_key": row.price_key,
        "inputs": row.inputs,
        "decision": row.decision,
    }


def _reservation(period: str, hold: Hold) -> dict[str, object]:
    return {
        "period": period,
        "customer": hold.customer,
        "action": hold.action,
        "uses": json.dumps(dict(hold.uses)),
    }


def _outcome_values(row: OutcomeRow) -> dict[str, object]:
    return {
        "source": row.source,
        "event_id": row.event_id,
        "decision": row.decision,
        "kind": row.kind,
        "event_time": row.event_time,
        "amount_micros": row.amount_micros,
        "score": row.score,
    }


def _once(table: sa.Table, dialect: str) -> sa.Insert:
    """An insert that leaves rows as they are that exist."""
    return upsert(table, dialect).on_conflict_do_nothing()


def _existing(connection: sa.Connection, names: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for chunk in _chunks(names):
        found |= set(
            connection.execute(sa.select(decisions.c.name).where(decisions.c.name.in_(chunk))).scalars()
        )
    return found


def _count_known_events(connection: sa.Connection, rows: Sequence[OutcomeRow]) -> int:
    by_source: dict[str, set[str]] = {}
    for row in rows:
        by_source.setdefault(row.source, set()).add(row.event_id)
    found = 0
    # Source by source: the key begins with it, and without it every question would walk over all outcomes.
    for source, event_ids in by_source.items():
        mine = sa.select(sa.func.count()).select_from(outcomes).where(outcomes.c.source == source)
        for chunk in _chunks(sorted(event_ids)):
            found += connection.execute(mine.where(outcomes.c.event_id.in_(chunk))).scalar_one()
    return found


def _chunks(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
