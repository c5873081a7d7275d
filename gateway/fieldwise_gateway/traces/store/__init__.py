"""The bounded store of traces: newest kept, oldest dropped whole. Knows no OTLP beyond the bytes it is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from fieldwise_gateway.traces.core.summary import Summary
from fieldwise_gateway.traces.store.tables import export_table, name_table, part_table, trace_table
from fieldwise_runtime.database import Database, upsert

# Dropping is done for some hundred exports at once: it costs a look at the oldest rows each time.
_SPARE = 100
_PARAMETERS = 500  # SQLite takes a limited number


@dataclass(frozen=True)
class Settled:
    """A part of a trace that is kept, and why. ``fingerprint`` stands for its spans: the same part is kept once."""

    trace_id: bytes
    fingerprint: bytes
    body: bytes
    summary: Summary
    names: tuple[str, ...]
    because: str


@dataclass(frozen=True)
class Line:
    """A stored trace in one line."""

    trace_id: bytes
    summary: Summary
    because: str


class TraceStore:
    """Traces by id and by what was made in them, at most ``capacity`` spans, and the exports that are not settled."""

    def __init__(self, database: Database, capacity: int) -> None:
        self._database = database
        self.capacity = capacity
        self.spans = 0
        self.dropped = 0

    async def unsettled(self) -> list[tuple[int, bytes]]:
        """Exports that a process before this one took and did not settle, in order. Counts what is held, too."""
        self.spans = await self._database.read(_held)
        return await self._database.read(_exports)

    async def journal(self, export: bytes) -> int:
        """Keep an export until its traces are settled; gives its position when it survives a crash of the process."""
        adding = export_table.insert().values(body=export).returning(export_table.c.position)
        return await self._database.write(lambda connection: int(connection.execute(adding).scalar_one()))

    async def settle(self, parts: Sequence[Settled], below: int) -> None:
        """Keep parts of traces, and forget the exports before position ``below``, in one step."""
        self.spans += await self._database.write(lambda connection: self._settle(connection, parts, below))

    async def lines(self, trace_ids: Iterable[bytes]) -> dict[bytes, Line]:
        """The lines of those traces that are here."""
        wanted = list(trace_ids)
        return await self._database.read(lambda connection: _lines(connection, wanted)) if wanted else {}

    async def trace(self, trace_id: bytes) -> bytes:
        """All parts of a trace joined, in the order in which they were settled; empty when there is none."""
        return await self._database.read(lambda connection: _body(connection, trace_id))

    async def trace_of(self, name: str) -> bytes | None:
        """The trace in which something was made; the newest when it was asked for again. None when unknown."""
        return await self._database.read(lambda connection: _trace_of(connection, name))

    def _settle(self, connection: sa.Connection, parts: Sequence[Settled], below: int) -> int:
        """How many spans there are more than before."""
        dialect = self._database.dialect
        connection.execute(export_table.delete().where(export_table.c.position < below))
        if not parts:
            return 0
        known = _lines(connection, [part.trace_id for part in parts])
        there = _fingerprints(connection, list(known)) if known else set()
        new = [part for part in parts if (part.trace_id, part.fingerprint) not in there]
        if new:
            connection.execute(part_table.insert(), [_part_row(part) for part in new])
            writing = upsert(trace_table, dialect)
            changed = {
                column.name: writing.excluded[column.name]
                for column in trace_table.c
                if not column.primary_key
            }
            connection.execute(
                writing.on_conflict_do_update(index_elements=["trace_id"], set_=changed),
                [_trace_row(part, known.get(part.trace_id)) for part in new],
            )
        named = [{"decision": name, "trace_id": part.trace_id} for part in new for name in part.names]
        if named:
            connection.execute(upsert(name_table, dialect).on_conflict_do_nothing(), named)
        added = sum(part.summary.spans for part in new)
        return added - self._make_room(connection, self.spans + added)

    def _make_room(self, connection: sa.Connection, spans: int) -> int:
        if spans <= self.capacity:
            return 0
        dropped = _drop_oldest(connection, spans - self.capacity + self.capacity // _SPARE)
        self.dropped += dropped
        return dropped


def _part_row(part: Settled) -> dict[str, object]:
    return {
        "trace_id": part.trace_id,
        "fingerprint": part.fingerprint,
        "spans": part.summary.spans,
        "body": part.body,
    }


_SUMMARY = tuple(each.name for each in dataclasses.fields(Summary))


def _trace_row(part: Settled, known: Line | None) -> dict[str, object]:
    whole = part.summary if known is None else known.summary.merged(part.summary)
    row: dict[str, object] = {name: getattr(whole, name) for name in _SUMMARY}
    return row | {"trace_id": part.trace_id, "kept_because": part.because if known is None else known.because}


def line_of(row: sa.Row[tuple[object, ...]]) -> Line:
    """A row of the table of traces, read."""
    values = row._mapping
    summary = Summary(
        **{name: values[name] for name in _SUMMARY if name != "terms"}, terms=bytes(values["terms"])
    )
    return Line(bytes(values["trace_id"]), summary, values["kept_because"])


def _held(connection: sa.Connection) -> int:
    total = sa.select(sa.func.coalesce(sa.func.sum(part_table.c.spans), 0))
    return int(connection.execute(total).scalar_one())


def _exports(connection: sa.Connection) -> list[tuple[int, bytes]]:
    rows = connection.execute(sa.select(export_table).order_by(export_table.c.position))
    return [(row.position, bytes(row.body)) for row in rows]


def _lines(connection: sa.Connection, trace_ids: Sequence[bytes]) -> dict[bytes, Line]:
    found: dict[bytes, Line] = {}
    for start in range(0, len(trace_ids), _PARAMETERS):
        some = trace_ids[start : start + _PARAMETERS]
        rows = connection.execute(sa.select(trace_table).where(trace_table.c.trace_id.in_(some)))
        found |= {line.trace_id: line for line in map(line_of, rows)}
    return found


def _fingerprints(connection: sa.Connection, trace_ids: Sequence[bytes]) -> set[tuple[bytes, bytes]]:
    found: set[tuple[bytes, bytes]] = set()
    for start in range(0, len(trace_ids), _PARAMETERS):
        wanted = sa.select(part_table.c.trace_id, part_table.c.fingerprint).where(
            part_table.c.trace_id.in_(trace_ids[start : start + _PARAMETERS])
        )
        found.update((bytes(row.trace_id), bytes(row.fingerprint)) for row in connection.execute(wanted))
    return found


def _drop_oldest(connection: sa.Connection, excess: int) -> int:
    """Drop the traces of the oldest parts, whole, until ``excess`` spans are gone; how many were."""
    oldest = (
        sa.select(part_table.c.trace_id, part_table.c.spans).order_by(part_table.c.position).limit(excess)
    )
    doomed: dict[bytes, None] = {}
    gone = 0
    for row in connection.execute(oldest):
        if gone >= excess:
            break
        doomed[bytes(row.trace_id)] = None
        gone += row.spans
    dropped, traces = 0, list(doomed)
    for start in range(0, len(traces), _PARAMETERS):
        some = traces[start : start + _PARAMETERS]
        of_them = part_table.c.trace_id.in_(some)
        dropped += connection.execute(sa.select(sa.func.sum(part_table.c.spans)).where(of_them)).scalar_one()
        connection.execute(part_table.delete().where(of_them))
        connection.execute(trace_table.delete().where(trace_table.c.trace_id.in_(some)))
        connection.execute(name_table.delete().where(name_table.c.trace_id.in_(some)))
    return int(dropped)


def _body(connection: sa.Connection, trace_id: bytes) -> bytes:
    wanted = sa.select(part_table.c.body).where(part_table.c.trace_id == trace_id)
    rows = connection.execute(wanted.order_by(part_table.c.position)).scalars()
    return b"".join(bytes(body) for body in rows)


def _trace_of(connection: sa.Connection, name: str) -> bytes | None:
    newest = (
        sa.select(name_table.c.trace_id)
        .join(trace_table, trace_table.c.trace_id == name_table.c.trace_id)
        .where(name_table.c.decision == name)
        .order_by(trace_table.c.start_ns.desc())
        .limit(1)
    )
    found = connection.execute(newest).scalar()
    return None if found is None else bytes(found)
