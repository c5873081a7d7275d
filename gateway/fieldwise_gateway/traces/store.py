"""The bounded store of spans: newest kept, oldest traces dropped whole. Knows no OTLP beyond the bytes it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from fieldwise_gateway.traces.core.span import Received
from fieldwise_runtime.database import Database, upsert

# Dropping is done for some hundred exports at once: it costs a look at the oldest rows each time.
_SPARE = 100

metadata = sa.MetaData()

span_table = sa.Table(
    "spans",
    metadata,
    sa.Column(
        "position",
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
        primary_key=True,
        comment="order of arrival",
    ),
    sa.Column("trace_id", sa.LargeBinary(16), nullable=False),
    sa.Column("span_id", sa.LargeBinary(8), nullable=False),
    sa.Column("service", sa.Text, nullable=False, comment="service.name of the sender"),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="opentelemetry.proto.trace.v1.Span"),
    sa.Index("spans_by_trace", "trace_id", "span_id", unique=True),
)

name_table = sa.Table(
    "decisions",
    metadata,
    # Plans, price sets and operations stand here too: the table is named after those that came first.
    sa.Column("decision", sa.Text, primary_key=True, comment="what was made in it, such as decisions/{uuid}"),
    sa.Column("trace_id", sa.LargeBinary(16), primary_key=True),
    sa.Index("decisions_by_trace", "trace_id"),
)


@dataclass(frozen=True)
class StoredSpan:
    """One span as it lies in the store: who sent it, and its bytes."""

    service: str
    body: bytes


@dataclass(frozen=True)
class Fill:
    """How full the store is: spans held, and spans dropped since the start of the process."""

    spans: int
    dropped: int


class SpanStore:
    """Spans by trace and by what was made in it, at most ``capacity`` of them."""

    def __init__(self, database: Database, capacity: int) -> None:
        self._database = database
        self._capacity = capacity
        self._dropped = 0

    async def add(self, spans: Sequence[Received]) -> None:
        """Keep the spans; returns when they survive a crash of the process. A span sent again is kept once."""
        if spans:
            self._dropped += await self._database.write(lambda connection: self._add(connection, spans))

    async def trace(self, trace_id: bytes) -> list[StoredSpan]:
        """Spans of one trace, in order of arrival; none when it never came or was dropped."""
        return await self._database.read(lambda connection: _spans(connection, trace_id))

    async def trace_of(self, name: str) -> bytes | None:
        """The trace in which a decision or a plan was made; the newest when it was asked for again. None when unknown."""
        return await self._database.read(lambda connection: _trace_of(connection, name))

    async def fill(self) -> Fill:
        """How full the store is now."""
        return Fill(await self._database.read(_held), self._dropped)

    def _add(self, connection: sa.Connection, spans: Sequence[Received]) -> int:
        dialect = self._database.dialect
        connection.execute(
            upsert(span_table, dialect).on_conflict_do_nothing(), [_row(span) for span in spans]
        )
        named = [{"decision": name, "trace_id": span.trace_id} for span in spans for name in span.names]
        if named:
            connection.execute(upsert(name_table, dialect).on_conflict_do_nothing(), named)
        return self._make_room(connection)

    def _make_room(self, connection: sa.Connection) -> int:
        # First and last position bound the count from above without counting; only then is it worth to count.
        first, last = connection.execute(_EXTENT).one()
        if last - first < self._capacity or (held := _held(connection)) <= self._capacity:
            return 0
        return _drop_oldest(connection, held - self._capacity + self._capacity // _SPARE)


_EXTENT = sa.select(
    sa.select(sa.func.min(span_table.c.position)).scalar_subquery(),
    sa.select(sa.func.max(span_table.c.position)).scalar_subquery(),
)


def _row(span: Received) -> dict[str, object]:
    return {"trace_id": span.trace_id, "span_id": span.span_id, "service": span.service, "body": span.body}


def _held(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(span_table)).scalar_one()


def _drop_oldest(connection: sa.Connection, excess: int) -> int:
    """Drop the traces of the ``excess`` oldest spans, whole: half a trace would look like one with missing services."""
    oldest = sa.select(span_table.c.trace_id).order_by(span_table.c.position).limit(excess).subquery()
    doomed = connection.execute(sa.select(oldest.c.trace_id).distinct()).scalars().all()
    dropped = 0
    for start in range(0, len(doomed), 500):  # SQLite takes a limited number of parameters
        traces = doomed[start : start + 500]
        dropped += connection.execute(span_table.delete().where(span_table.c.trace_id.in_(traces))).rowcount
        connection.execute(name_table.delete().where(name_table.c.trace_id.in_(traces)))
    return dropped


def _spans(connection: sa.Connection, trace_id: bytes) -> list[StoredSpan]:
    wanted = sa.select(span_table.c.service, span_table.c.body).where(span_table.c.trace_id == trace_id)
    rows = connection.execute(wanted.order_by(span_table.c.position))
    return [StoredSpan(row.service, bytes(row.body)) for row in rows]


def _trace_of(connection: sa.Connection, name: str) -> bytes | None:
    newest = (
        sa.select(span_table.c.trace_id)
        .join(name_table, name_table.c.trace_id == span_table.c.trace_id)
        .where(name_table.c.decision == name)
        .order_by(span_table.c.position.desc())
        .limit(1)
    )
    found = connection.execute(newest).scalar()
    return None if found is None else bytes(found)
