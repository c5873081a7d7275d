"""Erasures in SQL: what is deleted, and the receipts; knows no key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core import receipt
from fieldwise_profile.core.receipt import Receipt
from fieldwise_profile.store import appending, consents, customer_keys, dead_letters
from fieldwise_profile.store.privacy_tables import erasures
from fieldwise_profile.store.schema import changes, events, log, profiles

# A ChangeKind of the contract.
ERASED: Final = 4
# Deleted from; other tables come with the erasers of those who own them.
TABLES: Final = ("customer_keys", "events", "consents", "dead_letters", "profiles")


@dataclass(frozen=True)
class Kept:
    """A receipt as it is stored, and whether the database has forgotten the bytes."""

    receipt: Receipt
    is_scrubbed: bool


def of_request(connection: sa.Connection, request_id: str) -> Kept | None:
    """The erasure that was asked for so."""
    row = connection.execute(sa.select(erasures).where(erasures.c.request_id == request_id)).one_or_none()
    return None if row is None else _kept(row)


def of_customer(connection: sa.Connection, customer: str) -> Kept | None:
    """The erasure in which a customer went."""
    # In quotation marks, so that no name is found inside another.
    among = erasures.c.parts.contains(json.dumps(customer), autoescape=True)
    rows = connection.execute(sa.select(erasures).where(among)).all()
    return next((kept for kept in map(_kept, rows) if customer in kept.receipt.customers), None)


def unscrubbed(connection: sa.Connection) -> list[Receipt]:
    """Erasures after which the database may still hold deleted bytes."""
    rows = connection.execute(sa.select(erasures).where(erasures.c.scrubbed_at.is_(None)))
    return [_kept(row).receipt for row in rows]


def page(connection: sa.Connection, after: tuple[int, str], most: int) -> list[Receipt]:
    """Receipts after one (its time and request), oldest first."""
    time, request = erasures.c.erased_at, erasures.c.request_id
    behind = sa.or_(time > after[0], sa.and_(time == after[0], request > after[1]))
    rows = connection.execute(sa.select(erasures).where(behind).order_by(time, request).limit(most))
    return [_kept(row).receipt for row in rows]


def add(connection: sa.Connection, made: Receipt, name: str) -> None:
    """Stores a receipt."""
    connection.execute(
        sa.insert(erasures),
        {
            "request_id": made.request_id,
            "name": name,
            "erased_at": made.erased_at,
            "scrubbed_at": None,
            "parts": made.statement(),
        },
    )


def change(connection: sa.Connection, made: Receipt) -> None:
    """Stores a receipt in the place of the one there."""
    connection.execute(_of(made.request_id).values(parts=made.statement()))


def scrubbed(connection: sa.Connection, made: Receipt) -> None:
    """The database has forgotten the bytes."""
    connection.execute(_of(made.request_id).values(scrubbed_at=made.erased_at))


def _of(request_id: str) -> sa.Update:
    return sa.update(erasures).where(erasures.c.request_id == request_id)


def _kept(row: sa.Row[tuple[object, ...]]) -> Kept:
    return Kept(receipt.read(row.parts), row.scrubbed_at is not None)


def known(connection: sa.Connection, customers: Sequence[str]) -> dict[str, bool]:
    """Which of them there are, or were, and whether each is erased."""
    rows = connection.execute(
        sa.select(profiles.c.customer, profiles.c.erased_at).where(profiles.c.customer.in_(customers))
    )
    return {row.customer: row.erased_at is not None for row in rows}


def destroy(connection: sa.Connection, customers: Sequence[str], at: int) -> dict[str, int]:
    """Destroys customers' keys and deletes their rows; how many, by table."""
    names = list(customers)
    counts = {
        "customer_keys": customer_keys.destroy(connection, names),
        "events": connection.execute(sa.delete(events).where(events.c.customer.in_(names))).rowcount,
        "consents": consents.delete(connection, names),
        "dead_letters": dead_letters.delete_of(connection, names),
    }
    there = sa.update(profiles).where(profiles.c.customer.in_(names), profiles.c.erased_at.is_(None))
    counts["profiles"] = connection.execute(there.values(erased_at=at, state=None, position=0)).rowcount
    # One of whom there were only refused events, or none, has no row yet; his name must be refused all the same.
    missing = sorted(set(names) - known(connection, names).keys())
    if missing:
        connection.execute(sa.insert(profiles), [{"customer": name, "erased_at": at} for name in missing])
    connection.execute(sa.update(log).values(customers=log.c.customers - counts["profiles"]))
    return counts


def tell(connection: sa.Connection, customers: Sequence[str]) -> appending.Appended:
    """Puts the erasure of customers into the order of changes; returns the places it took."""
    last = appending.reserve(connection, len(customers))
    after = last - len(customers)
    rows = [
        {"sequence": sequence, "customer": name, "kind": ERASED}
        for sequence, name in enumerate(customers, after + 1)
    ]
    connection.execute(sa.insert(changes), rows)
    return appending.Appended(after, last)


def told_after(connection: sa.Connection, sequence: int) -> tuple[int, list[str]]:
    """The position of the log, and who was erased after a place of it."""
    rows = connection.execute(
        sa.select(changes.c.customer).where(changes.c.sequence > sequence, changes.c.kind == ERASED)
    )
    return appending.position(connection), list(rows.scalars())
