"""Stored traces by every filter of a search, newest first; knows no message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from fieldwise_gateway.traces.core.summary import term
from fieldwise_gateway.traces.otlp import attribute_term, written_values
from fieldwise_gateway.traces.store import Line, line_of
from fieldwise_gateway.traces.store.tables import name_table, part_table, trace_table
from fieldwise_runtime.database import Database


@dataclass(frozen=True)
class Query:
    """What traces must be like; what is empty or None lets all through.

    Attributes:
        made: A name that a span gave: a decision, a plan, a price set, an operation.
        customer: ``pseudonyms/{hex}``.
        root: Name of the first span, or what stands after its last slash.
        begun_ns, before_ns: Nanoseconds since 1970.
    """

    made: str = ""
    customer: str = ""
    service: str = ""
    root: str = ""
    errors: bool = False
    degraded: bool = False
    least_ns: int | None = None
    most_ns: int | None = None
    begun_ns: int | None = None
    before_ns: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


async def search(database: Database, query: Query, after: tuple[int, bytes] | None, limit: int) -> list[Line]:
    """The newest traces that match, after the one that began at ``after`` and has that id."""
    wanted = sa.select(trace_table).where(*_conditions(query, database.dialect))
    start, trace_id = trace_table.c.start_ns, trace_table.c.trace_id
    if after is not None:
        wanted = wanted.where(
            sa.tuple_(start, trace_id) < sa.tuple_(sa.literal(after[0]), sa.literal(after[1]))
        )
    wanted = wanted.order_by(start.desc(), trace_id.desc()).limit(limit)
    return await database.read(lambda connection: [line_of(row) for row in connection.execute(wanted)])


def _conditions(query: Query, dialect: str) -> list[sa.ColumnElement[bool]]:
    table = trace_table.c
    took = table.end_ns - table.start_ns
    found: list[sa.ColumnElement[bool]] = []
    for name in (query.made, query.customer):
        if name:
            named = sa.select(name_table.c.trace_id).where(name_table.c.decision == name)
            found.append(table.trace_id.in_(named))
    if query.errors:
        found.append(table.error.is_(sa.true()))
    if query.degraded:
        found.append(table.degraded.is_(sa.true()))
    limits = (
        (query.least_ns, took.__ge__),
        (query.most_ns, took.__le__),
        (query.begun_ns, table.start_ns.__ge__),
        (query.before_ns, table.start_ns.__lt__),
    )
    found += [compare(limit) for limit, compare in limits if limit is not None]
    if query.root:
        found.append(sa.or_(table.root == query.root, table.root.endswith(f"/{query.root}", autoescape=True)))
    if query.service:
        full = query.service if "-" in query.service else f"fieldwise-{query.service}"
        known = (_holds(table.terms, term("service", name), dialect) for name in {query.service, full})
        found.append(sa.or_(*known))
    # Last: what is cheaper has thrown out most by then.
    found += [_has(key, value, dialect) for key, value in query.attributes.items()]
    return found


def _has(key: str, value: str, dialect: str) -> sa.ColumnElement[bool]:
    if key.startswith("fieldwise."):
        return _holds(trace_table.c.terms, attribute_term(key, value), dialect)
    # Not among the terms: there is no end of what others may write. Its bytes are somewhere in a span, or nowhere.
    written = sa.or_(*(_holds(part_table.c.body, each, dialect) for each in written_values(key, value)))
    return sa.exists().where(part_table.c.trace_id == trace_table.c.trace_id, written)


def _holds(column: sa.ColumnElement[bytes], part: bytes, dialect: str) -> sa.ColumnElement[bool]:
    place = sa.func.pg_catalog.position if dialect == "postgresql" else sa.func.instr
    return place(column, sa.literal(part, sa.LargeBinary)) > 0
