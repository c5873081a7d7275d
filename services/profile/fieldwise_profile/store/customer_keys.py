"""Customers' wrapped keys in SQL; knows no cipher."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from fieldwise_profile.core.keys import Wrapped
from fieldwise_profile.store.privacy_tables import customer_keys
from fieldwise_runtime.database import upsert

# Fewer than the 999 parameters that old SQLite takes.
_CHUNK = 900


def of(connection: sa.Connection, customers: Iterable[str]) -> dict[str, Wrapped]:
    """The keys of those customers who have one."""
    names = list(customers)
    found: dict[str, Wrapped] = {}
    for start in range(0, len(names), _CHUNK):
        some = customer_keys.c.customer.in_(names[start : start + _CHUNK])
        rows = connection.execute(sa.select(customer_keys).where(some))
        found |= {row.customer: Wrapped(row.version, row.wrapped) for row in rows}
    return found


def add(connection: sa.Connection, wrapped: Mapping[str, Wrapped]) -> dict[str, Wrapped]:
    """Stores keys of customers who have none; gives the keys that hold, which may be another process's."""
    rows = [
        {"customer": name, "version": key.version, "wrapped": key.sealed}
        for name, key in sorted(wrapped.items())
    ]
    connection.execute(upsert(customer_keys, connection.dialect.name).on_conflict_do_nothing(), rows)
    return of(connection, wrapped)


def not_of_version(connection: sa.Connection, version: int, most: int) -> dict[str, Wrapped]:
    """Some keys that another version wraps."""
    # Two ranges, not "!=": the index serves ranges.
    other = sa.or_(customer_keys.c.version < version, customer_keys.c.version > version)
    rows = connection.execute(sa.select(customer_keys).where(other).limit(most))
    return {row.customer: Wrapped(row.version, row.wrapped) for row in rows}


def replace(connection: sa.Connection, wrapped: Mapping[str, Wrapped]) -> None:
    """Stores keys in the place of those there; one that was destroyed meanwhile stays destroyed."""
    statement = (
        sa.update(customer_keys)
        .where(customer_keys.c.customer == sa.bindparam("name"))
        .values(version=sa.bindparam("by"), wrapped=sa.bindparam("bytes"))
    )
    rows = [{"name": name, "by": key.version, "bytes": key.sealed} for name, key in sorted(wrapped.items())]
    connection.execute(statement, rows)


def destroy(connection: sa.Connection, customers: Sequence[str]) -> int:
    """Deletes keys; how many there were."""
    some = customer_keys.c.customer.in_(customers)
    return connection.execute(sa.delete(customer_keys).where(some)).rowcount


def count(connection: sa.Connection, version: int | None = None) -> int:
    """How many there are, of one version or of all."""
    statement = sa.select(sa.func.count()).select_from(customer_keys)
    if version is not None:
        statement = statement.where(customer_keys.c.version == version)
    found: int = connection.execute(statement).scalar_one()
    return found


def lock(connection: sa.Connection) -> None:
    """Keeps others from storing keys until the end of the transaction; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {customer_keys.name} IN SHARE ROW EXCLUSIVE MODE")


def one(connection: sa.Connection) -> tuple[str, Wrapped] | None:
    """Any of them."""
    row = connection.execute(sa.select(customer_keys).limit(1)).first()
    return None if row is None else (row.customer, Wrapped(row.version, row.wrapped))
