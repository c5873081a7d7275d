"""Schemas of custom events in SQL; knows no rule of them."""

from __future__ import annotations

import sqlalchemy as sa

from fieldwise_profile.core import schemas
from fieldwise_profile.core.schemas import EventSchema
from fieldwise_profile.store.privacy_tables import event_schemas


def every(connection: sa.Connection) -> list[tuple[EventSchema, int]]:
    """All versions of all schemas, ascending, each with when it was made."""
    rows = connection.execute(
        sa.select(event_schemas).order_by(event_schemas.c.name, event_schemas.c.version)
    )
    return [(EventSchema(row.name, row.version, schemas.read(row.fields)), row.created_at) for row in rows]


def count(connection: sa.Connection) -> int:
    """How many versions there are."""
    found: int = connection.execute(sa.select(sa.func.count()).select_from(event_schemas)).scalar_one()
    return found


def add(connection: sa.Connection, schema: EventSchema, at: int) -> None:
    """Stores a version that does not exist yet."""
    connection.execute(
        sa.insert(event_schemas),
        {
            "name": schema.name,
            "version": schema.version,
            "fields": schemas.written(schema.fields),
            "created_at": at,
        },
    )
