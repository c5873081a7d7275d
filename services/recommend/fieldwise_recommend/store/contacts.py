"""Contacts that were decided and the policies about them, in SQL; knows no rule."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from fieldwise_recommend.store.decisions import decisions, outcomes
from fieldwise_runtime.database import Database
from fieldwise_runtime.scrubbing import zeroing

_metadata: Final = sa.MetaData()

contacts: Final = sa.Table(
    "contacts",
    _metadata,
    sa.Column("decision", sa.String(64), primary_key=True),
    sa.Column("customer", sa.Text, nullable=False),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("action", sa.Text, nullable=False),  # treatments together
    sa.Column(
        "due", sa.BigInteger, nullable=False
    ),  # seconds since 1970; when it took place, once that is known
    sa.Column("by_rep", sa.SmallInteger, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),  # core.contact_policy.book, or DROPPED
)
policies: Final = sa.Table(
    "contact_policies",
    _metadata,
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),  # fieldwise.recommend.v1.ContactPolicy
    sa.Column("request_id", sa.String(64), nullable=False, unique=True),
)

# The rep did not carry it out.
DROPPED: Final = -1
_DAY: Final = 86_400
_MICROS: Final = 1_000_000
# Fewer than the 999 parameters that old SQLite takes.
_CHUNK: Final = 900
_INSERT: Final = sa.insert(contacts)


class ContactRow(NamedTuple):
    """A contact as it is stored; without a channel the decision left the customer alone."""

    decision: str
    customer: str
    channel: str
    action: str
    due: int
    by_rep: int
    state: int = 0


class RemarkRow(NamedTuple):
    """An outcome and the contact that it is about; ``time`` in seconds since 1970, no channel where there was none."""

    customer: str
    kind: str
    decision: str
    channel: str
    by_rep: int
    time: int


class PolicyRow(NamedTuple):
    """A policy as it was put in force."""

    number: int
    body: bytes
    request_id: str


_IN_ORDER: Final = f"INSERT INTO contacts VALUES ({', '.join('?' * len(ContactRow._fields))})"


def add_contacts(connection: sa.Connection, rows: Sequence[ContactRow]) -> None:
    """Stores rows beside their decisions, in the same transaction."""
    if connection.dialect.name == "sqlite":
        # In the order of the table, without a name for every value: this is done for each decision.
        connection.exec_driver_sql(_IN_ORDER, list(rows))
    else:
        connection.execute(_INSERT, [row._asdict() for row in rows])


class ContactStore:
    """Statements about contacts and their policies."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def every(self, days: int) -> list[ContactRow]:
        """All contacts of so many days before the latest, but for those that did not take place."""
        latest = sa.select(sa.func.max(contacts.c.due)).scalar_subquery()
        query = sa.select(contacts).where(contacts.c.due > latest - days * _DAY, contacts.c.state != DROPPED)
        return await self._database.read(
            lambda connection: [ContactRow(*row) for row in connection.execute(query)]
        )

    async def remarks(self, kinds: Collection[str], days: int) -> list[RemarkRow]:
        """Outcomes of these kinds, of so many days before the latest outcome."""
        latest = sa.select(sa.func.max(outcomes.c.event_time)).scalar_subquery()
        joined = outcomes.join(decisions, decisions.c.name == outcomes.c.decision)
        columns = (
            decisions.c.customer,
            outcomes.c.kind,
            outcomes.c.decision,
            sa.func.coalesce(contacts.c.channel, "").label("channel"),
            sa.func.coalesce(contacts.c.by_rep, 0).label("by_rep"),
            (outcomes.c.event_time // _MICROS).label("time"),
        )
        query = (
            sa.select(*columns)
            .select_from(joined.outerjoin(contacts, contacts.c.decision == outcomes.c.decision))
            .where(outcomes.c.kind.in_(kinds), outcomes.c.event_time > latest - days * _DAY * _MICROS)
            .where(decisions.c.customer != "")
        )
        return await self._database.read(
            lambda connection: [RemarkRow(**row._mapping) for row in connection.execute(query)]
        )

    async def about(self, names: Collection[str]) -> dict[str, ContactRow]:
        """The contacts of decisions, by decision; those that reached nobody have no channel."""
        wanted = sorted(names)
        columns = [decisions.c.name, decisions.c.customer, *list(contacts.c)[2:]]
        joined = decisions.outerjoin(contacts, contacts.c.decision == decisions.c.name)
        query = sa.select(*columns).select_from(joined).where(decisions.c.customer != "")

        def work(connection: sa.Connection) -> dict[str, ContactRow]:
            found: dict[str, ContactRow] = {}
            for start in range(0, len(wanted), _CHUNK):
                mine = query.where(decisions.c.name.in_(wanted[start : start + _CHUNK]))
                for name, customer, channel, *rest in connection.execute(mine):
                    row = (channel, *rest) if channel else ("", "", 0, 0, 0)
                    found[name] = ContactRow(name, customer, *row)
            return found

        return await self._database.read(work)

    async def change(self, rows: Sequence[ContactRow]) -> None:
        """Writes when contacts took place and how far they got."""

        def work(connection: sa.Connection) -> None:
            for row in rows:
                mine = sa.update(contacts).where(contacts.c.decision == row.decision)
                connection.execute(mine.values(due=row.due, state=row.state))

        await self._database.write(work)

    async def erase(self, customers: Sequence[str]) -> dict[str, int]:
        """Deletes what is known of contacts with these customers; rows, by table."""
        mine = sa.delete(contacts).where(contacts.c.customer.in_(customers))

        def work(connection: sa.Connection) -> dict[str, int]:
            with zeroing(connection):
                return {"contacts": connection.execute(mine).rowcount}

        return await self._database.write(work)

    async def latest(self) -> PolicyRow | None:
        """The policy in force; None when none was set."""
        query = sa.select(policies).order_by(policies.c.number.desc()).limit(1)
        return await self._policy(query)

    async def of_request(self, request_id: str) -> PolicyRow | None:
        """The policy that a request put in force."""
        return await self._policy(sa.select(policies).where(policies.c.request_id == request_id))

    async def add_policy(self, row: PolicyRow) -> None:
        await self._database.write(
            lambda connection: connection.execute(sa.insert(policies), row._asdict()).rowcount
        )

    async def _policy(self, query: sa.Select[Any]) -> PolicyRow | None:
        def work(connection: sa.Connection) -> PolicyRow | None:
            row = connection.execute(query).first()
            return None if row is None else PolicyRow(**row._mapping)

        return await self._database.read(work)
