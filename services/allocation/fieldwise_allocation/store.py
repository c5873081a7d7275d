"""The allocation database: reps, plans, assignments, budgets, price sets; takes and returns core values and bytes.

Plans and price sets are kept as the bytes they were answered with: nothing here looks into them. Functions take the
connection of the transaction they belong to; they neither begin nor commit one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from fieldwise_allocation.core.budgets import Budget
from fieldwise_allocation.core.question import Place, Rep
from fieldwise_allocation.core.terms import Window
from fieldwise_runtime.database import upsert

_metadata: Final = sa.MetaData()
_reps: Final = sa.Table(
    "reps",
    _metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("display_name", sa.String(128)),
    sa.Column("hours", sa.Float),
    sa.Column("latitude", sa.Float),
    sa.Column("longitude", sa.Float),
    sa.Column("skills", sa.JSON),
)
_plans: Final = sa.Table(
    "plans",
    _metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("body", sa.LargeBinary),
)
_assignments: Final = sa.Table(
    "assignments",
    _metadata,
    sa.Column("account", sa.String(128), primary_key=True),
    sa.Column("rep", sa.String(128)),
)
_budgets: Final = sa.Table(
    "budgets",
    _metadata,
    sa.Column("resource", sa.String(128), primary_key=True),
    sa.Column("unit", sa.String(16)),
    sa.Column("capacity", sa.Float),
)
_price_sets: Final = sa.Table(
    "price_sets",
    _metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("valid_from", sa.BigInteger),
    sa.Column("valid_until", sa.BigInteger),
    sa.Column("body", sa.LargeBinary),
)
_answered: Final = sa.Table(
    "answered_requests",
    _metadata,
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("request_id", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("answer", sa.LargeBinary),
)
_state: Final = sa.Table(
    "state",
    _metadata,
    sa.Column("key", sa.String(32), primary_key=True),
    sa.Column("value", sa.String(128)),
)
# Prices are solved once a week and when something changes: enough for a year back, and a few megabytes at most.
PRICE_SETS_READ: Final = 64
_APPLIED: Final = "applied_plan"
_REVISION: Final = "revision"


@dataclass(frozen=True)
class Answered:
    """What an earlier request with the same id was, and what it was answered."""

    fingerprint: str
    answer: bytes


# ---- reps ---------------------------------------------------------------------------------------------------------


def rep(connection: sa.Connection, name: str) -> Rep | None:
    row = connection.execute(sa.select(_reps).where(_reps.c.name == name)).first()
    return None if row is None else _rep(row)


def reps(connection: sa.Connection, *, after: str = "", most: int | None = None) -> tuple[Rep, ...]:
    """Reps by name, those behind ``after``."""
    statement = sa.select(_reps).where(_reps.c.name > after).order_by(_reps.c.name).limit(most)
    return tuple(_rep(row) for row in connection.execute(statement))


def add_rep(connection: sa.Connection, new: Rep) -> None:
    values = {
        "name": new.name,
        "display_name": new.display_name,
        "hours": new.hours,
        "latitude": new.home.latitude if new.home else None,
        "longitude": new.home.longitude if new.home else None,
        "skills": sorted(new.skills),
    }
    connection.execute(sa.insert(_reps).values(values))


def remove_rep(connection: sa.Connection, name: str) -> bool:
    """Takes away the rep and his assignments; whether there was one."""
    removed = connection.execute(sa.delete(_reps).where(_reps.c.name == name)).rowcount > 0
    connection.execute(sa.delete(_assignments).where(_assignments.c.rep == name))
    touch(connection)
    return removed


def _rep(row: sa.Row[tuple[object, ...]]) -> Rep:
    home = None if row.latitude is None else Place(row.latitude, row.longitude)
    return Rep(row.name, row.hours, home, frozenset(row.skills), row.display_name)


# ---- plans and assignments ----------------------------------------------------------------------------------------


def add_plan(connection: sa.Connection, name: str, body: bytes) -> None:
    connection.execute(sa.insert(_plans).values(name=name, body=body))


def plan(connection: sa.Connection, name: str) -> bytes | None:
    return connection.execute(sa.select(_plans.c.body).where(_plans.c.name == name)).scalar()


def applied_plan(connection: sa.Connection) -> str:
    """Name of the plan in force; empty before the first."""
    return _value(connection, _APPLIED)


def put_in_force(connection: sa.Connection, name: str, rep_of: Mapping[str, str]) -> None:
    """Replaces every assignment by those of the plan."""
    connection.execute(sa.delete(_assignments))
    rows = [{"account": account, "rep": holder} for account, holder in rep_of.items()]
    if rows:
        connection.execute(sa.insert(_assignments), rows)
    _set_value(connection, _APPLIED, name)
    touch(connection)


def assignments(connection: sa.Connection) -> dict[str, str]:
    """The rep of each account, as the plan in force has it."""
    return {row.account: row.rep for row in connection.execute(sa.select(_assignments))}


# ---- budgets and prices -------------------------------------------------------------------------------------------


def budgets(connection: sa.Connection) -> tuple[Budget, ...]:
    """The budgets that were set; minutes that follow from reps' hours are not stored."""
    rows = connection.execute(sa.select(_budgets).order_by(_budgets.c.resource))
    return tuple(Budget(row.resource, row.unit, row.capacity) for row in rows)


def replace_budgets(connection: sa.Connection, new: Iterable[Budget]) -> None:
    connection.execute(sa.delete(_budgets))
    rows = [{"resource": b.resource, "unit": b.unit, "capacity": b.capacity} for b in new]
    if rows:
        connection.execute(sa.insert(_budgets), rows)


def newest_version(connection: sa.Connection) -> int:
    """Version of the newest price set; 0 before the first."""
    return connection.execute(sa.select(sa.func.max(_price_sets.c.version))).scalar() or 0


def add_price_set(connection: sa.Connection, window: Window[bytes]) -> None:
    values = {
        "version": window.version,
        "valid_from": window.valid_from,
        "valid_until": window.valid_until,
        "body": window.prices,
    }
    connection.execute(sa.insert(_price_sets).values(values))
    touch(connection)


def price_sets(connection: sa.Connection) -> tuple[Window[bytes], ...]:
    """The newest price sets, oldest version first; what `PRICE_SETS_READ` leaves out ended long ago."""
    newest = sa.select(_price_sets).order_by(_price_sets.c.version.desc()).limit(PRICE_SETS_READ)
    rows = connection.execute(newest).all()
    return tuple(Window(row.version, row.valid_from, row.valid_until, row.body) for row in reversed(rows))


# ---- requests and revision ----------------------------------------------------------------------------------------


def answered(connection: sa.Connection, kind: str, request_id: str) -> Answered | None:
    """The answer to an earlier request with this id."""
    same = sa.and_(_answered.c.kind == kind, _answered.c.request_id == request_id)
    row = connection.execute(sa.select(_answered.c.fingerprint, _answered.c.answer).where(same)).first()
    return None if row is None else Answered(row.fingerprint, row.answer)


def keep_answer(connection: sa.Connection, kind: str, request_id: str, kept: Answered) -> None:
    values = {"kind": kind, "request_id": request_id, "fingerprint": kept.fingerprint, "answer": kept.answer}
    connection.execute(sa.insert(_answered).values(values))


def revision(connection: sa.Connection) -> str:
    """Changes with every change of assignments or prices: what a cache compares."""
    return _value(connection, _REVISION)


def touch(connection: sa.Connection) -> None:
    """Tells the caches of all replicas that assignments or prices have changed."""
    _set_value(connection, _REVISION, str(int(_value(connection, _REVISION) or 0) + 1))


def _value(connection: sa.Connection, key: str) -> str:
    return connection.execute(sa.select(_state.c.value).where(_state.c.key == key)).scalar() or ""


def _set_value(connection: sa.Connection, key: str, value: str) -> None:
    statement = upsert(_state, connection.dialect.name).values(key=key, value=value)
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))
