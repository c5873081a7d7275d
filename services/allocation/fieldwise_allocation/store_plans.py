"""Plans in the allocation database: bodies, assignments in chunks, questions, place in the tree, history; bytes in, bytes out.

Nothing here looks into a body. Functions take the connection of the transaction they belong to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

_metadata: Final = sa.MetaData()
_plans: Final = sa.Table(
    "plans",
    _metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("body", sa.LargeBinary),
)
_records: Final = sa.Table(
    "plan_records",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(64)),
    sa.Column("parent", sa.String(64)),
    sa.Column("state", sa.Integer),
    sa.Column("question", sa.String(64)),
)
_questions: Final = sa.Table(
    "plan_questions",
    _metadata,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("body", sa.LargeBinary),
)
_chunks: Final = sa.Table(
    "plan_chunks",
    _metadata,
    sa.Column("plan", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.LargeBinary),
)
_events: Final = sa.Table(
    "plan_events",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("plan", sa.String(64)),
    sa.Column("kind", sa.Integer),
    sa.Column("event_time", sa.BigInteger),
    sa.Column("actor", sa.String(128)),
    sa.Column("note", sa.String(1000)),
)


@dataclass(frozen=True)
class Record:
    """One plan's place: ``state`` is PlanState of the contract, ``question`` the fingerprint of what it answers."""

    name: str
    parent: str
    state: int
    question: str
    number: int = 0


@dataclass(frozen=True)
class Event:
    """One line of the history; ``kind`` is PlanEventKind of the contract, ``event_time`` nanoseconds since 1970 UTC."""

    plan: str
    kind: int
    event_time: int | None = None
    actor: str = ""
    note: str = ""
    number: int = 0


# ---- plans --------------------------------------------------------------------------------------------------------


def add(connection: sa.Connection, record: Record, body: bytes, chunks: Iterable[bytes]) -> None:
    """A new plan: its body, and its assignments apart."""
    connection.execute(sa.insert(_plans).values(name=record.name, body=body))
    values = {
        "name": record.name,
        "parent": record.parent,
        "state": record.state,
        "question": record.question,
    }
    connection.execute(sa.insert(_records).values(values))
    # One row at a time: all chunks of a million accounts would be held twice otherwise.
    for number, chunk in enumerate(chunks):
        connection.execute(sa.insert(_chunks).values(plan=record.name, number=number, body=chunk))


def record(connection: sa.Connection, name: str) -> Record | None:
    row = connection.execute(sa.select(_records).where(_records.c.name == name)).first()
    return None if row is None else _record(row)


def body(connection: sa.Connection, name: str) -> bytes | None:
    return connection.execute(sa.select(_plans.c.body).where(_plans.c.name == name)).scalar()


def page(
    connection: sa.Connection, *, before: int | None, parent: str, most: int
) -> list[tuple[Record, bytes]]:
    """Records and bodies, newest first, those made before number ``before``; of one parent, or all when it is empty."""
    statement = sa.select(_records, _plans.c.body).join(_plans, _plans.c.name == _records.c.name)
    if before is not None:
        statement = statement.where(_records.c.number < before)
    if parent:
        statement = statement.where(_records.c.parent == parent)
    rows = connection.execute(statement.order_by(_records.c.number.desc()).limit(most))
    return [(_record(row), row.body) for row in rows]


def children(connection: sa.Connection, name: str) -> list[str]:
    """Names of the plans made from this one, oldest first."""
    made_from = sa.select(_records.c.name).where(_records.c.parent == name).order_by(_records.c.number)
    return list(connection.execute(made_from).scalars())


def set_state(connection: sa.Connection, name: str, state: int) -> None:
    connection.execute(sa.update(_records).where(_records.c.name == name).values(state=state))


def remove(connection: sa.Connection, name: str) -> None:
    """The plan, and its question when no other plan answers it. Its events stay."""
    gone = record(connection, name)
    connection.execute(sa.delete(_plans).where(_plans.c.name == name))
    connection.execute(sa.delete(_chunks).where(_chunks.c.plan == name))
    connection.execute(sa.delete(_records).where(_records.c.name == name))
    if gone is not None and gone.question:
        others = sa.select(_records.c.name).where(_records.c.question == gone.question)
        unasked = sa.and_(_questions.c.fingerprint == gone.question, ~others.exists())
        connection.execute(sa.delete(_questions).where(unasked))


def _record(row: sa.Row[tuple[object, ...]]) -> Record:
    return Record(row.name, row.parent, row.state, row.question, row.number)


# ---- assignments and questions ------------------------------------------------------------------------------------


def chunks(
    connection: sa.Connection, plan: str, *, first: int = 0, most: int | None = None
) -> Iterator[bytes]:
    """Chunks of a plan's assignments, in order, from number ``first`` on."""
    statement = sa.select(_chunks.c.body).where(_chunks.c.plan == plan, _chunks.c.number >= first)
    yield from connection.execute(statement.order_by(_chunks.c.number).limit(most)).scalars()


def copy_chunks(connection: sa.Connection, plan: str, copy: str) -> None:
    """Gives a plan the chunks of another one, without reading them."""
    own = sa.select(sa.literal(copy), _chunks.c.number, _chunks.c.body).where(_chunks.c.plan == plan)
    connection.execute(sa.insert(_chunks).from_select(["plan", "number", "body"], own))


def keep_question(connection: sa.Connection, fingerprint: str, question: bytes) -> None:
    """Keeps a question, once: copies and re-plans share it."""
    if not has_question(connection, fingerprint):
        connection.execute(sa.insert(_questions).values(fingerprint=fingerprint, body=question))


def has_question(connection: sa.Connection, fingerprint: str) -> bool:
    same = sa.select(_questions.c.fingerprint).where(_questions.c.fingerprint == fingerprint)
    return connection.execute(same).first() is not None


def question(connection: sa.Connection, fingerprint: str) -> bytes | None:
    same = _questions.c.fingerprint == fingerprint
    return connection.execute(sa.select(_questions.c.body).where(same)).scalar()


# ---- history ------------------------------------------------------------------------------------------------------


def add_event(connection: sa.Connection, event: Event) -> None:
    values = {
        "plan": event.plan,
        "kind": event.kind,
        "event_time": event.event_time,
        "actor": event.actor,
        "note": event.note,
    }
    connection.execute(sa.insert(_events).values(values))


def events(
    connection: sa.Connection,
    *,
    plan: str = "",
    kinds: Sequence[int] = (),
    before: int | None = None,
    most: int | None = None,
) -> list[Event]:
    """Events, newest first; of one plan and of these kinds only, where they are given."""
    statement = sa.select(_events)
    if plan:
        statement = statement.where(_events.c.plan == plan)
    if kinds:
        statement = statement.where(_events.c.kind.in_(kinds))
    if before is not None:
        statement = statement.where(_events.c.number < before)
    rows = connection.execute(statement.order_by(_events.c.number.desc()).limit(most))
    return [Event(r.plan, r.kind, r.event_time, r.actor, r.note, r.number) for r in rows]


# ---- rewriting, for erasure ---------------------------------------------------------------------------------------


def names(connection: sa.Connection) -> list[str]:
    """All plans."""
    return list(connection.execute(sa.select(_plans.c.name)).scalars())


def questions(connection: sa.Connection) -> list[str]:
    """Fingerprints of all questions."""
    return list(connection.execute(sa.select(_questions.c.fingerprint)).scalars())


def replace_body(connection: sa.Connection, name: str, body: bytes) -> None:
    connection.execute(sa.update(_plans).where(_plans.c.name == name).values(body=body))


def replace_chunk(connection: sa.Connection, plan: str, number: int, body: bytes) -> None:
    same = sa.and_(_chunks.c.plan == plan, _chunks.c.number == number)
    connection.execute(sa.update(_chunks).where(same).values(body=body))


def replace_question(connection: sa.Connection, fingerprint: str, new: str, question: bytes) -> None:
    """Puts another question in the place of one, under its own fingerprint, for all plans that answer it."""
    keep_question(connection, new, question)
    answering = _records.c.question == fingerprint
    connection.execute(sa.update(_records).where(answering).values(question=new))
    if new != fingerprint:
        connection.execute(sa.delete(_questions).where(_questions.c.fingerprint == fingerprint))
