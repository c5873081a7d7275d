"""When personal fields were last read, and how often they are collected, in SQL; knows no register."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from fieldwise_profile.store.privacy_tables import field_uses
from fieldwise_profile.store.schema import events
from fieldwise_runtime.database import upsert


def keep(connection: sa.Connection, seen: Mapping[tuple[str, str], int]) -> None:
    """Keeps the last read of each (field, purpose)."""
    insert = upsert(field_uses, connection.dialect.name)
    statement = insert.on_conflict_do_update(
        index_elements=[field_uses.c.field, field_uses.c.purpose],
        set_={"last_read_at": insert.excluded.last_read_at},
        where=insert.excluded.last_read_at > field_uses.c.last_read_at,
    )
    rows = [
        {"field": field, "purpose": purpose, "last_read_at": at}
        for (field, purpose), at in sorted(seen.items())
    ]
    connection.execute(statement, rows)


def all_reads(connection: sa.Connection) -> dict[str, dict[str, int]]:
    """The last read of each field, by purpose."""
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(sa.select(field_uses)):
        found.setdefault(row.field, {})[row.purpose] = row.last_read_at
    return found


def newest_with_personal(
    connection: sa.Connection, since: int, most: int
) -> Sequence[tuple[int, str | None, str, str, str, bytes]]:
    """(kind, target, customer, source, event id, personal) of the newest events since a moment that hold something personal."""
    statement = (
        sa.select(
            events.c.kind,
            events.c.target,
            events.c.customer,
            events.c.source,
            events.c.event_id,
            events.c.personal,
        )
        .where(events.c.event_time >= since, events.c.personal.is_not(None))
        .order_by(events.c.event_time.desc())
        .limit(most)
    )
    return [tuple(row) for row in connection.execute(statement)]
