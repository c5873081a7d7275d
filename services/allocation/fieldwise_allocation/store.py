"""The allocation database: reps, assignments in force, budgets; takes and returns core values and bytes.

Functions take the connection of the transaction they belong to; they neither begin nor commit one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from fieldwise_allocation.core.budgets import Budget
from fieldwise_allocation.core.question import Place, Rep
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
    sa.Column("share", sa.Float),
    sa.Column("free_home", sa.Boolean),
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
        "share": new.share,
        "free_home": new.free_home,
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
    return Rep(
        row.name,
        row.hours,
        home,
        frozenset(row.skills),
        row.display_name,
        share=row.share,
        free_home=bool(row.free_home),
    )


# ---- assignments in force ----------------------------------------------------------------------------------------


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


def rep_serving(connection: sa.Connection, account: str) -> str | None:
    """The rep of one account, as the plan in force has it."""
    wanted = _assignments.c.account == account
    return connection.execute(sa.select(_assignments.c.rep).where(wanted)).scalar()


def forget_accounts(connection: sa.Connection, accounts: Iterable[str]) -> None:
    """Takes accounts out of the assignments in force."""
    connection.execute(sa.delete(_assignments).where(_assignments.c.account.in_(list(accounts))))
    touch(connection)


def assignments(connection: sa.Connection) -> dict[str, str]:
    """The rep of each account, as the plan in force has it."""
    return {row.account: row.rep for row in connection.execute(sa.select(_assignments))}


# ---- budgets -----------------------------------------------------------------------------------------------------------------------


def budgets(connection: sa.Connection) -> tuple[Budget, ...]:
    """The budgets that were set; minutes that follow from reps' hours are not stored."""
    rows = connection.execute(sa.select(_budgets).order_by(_budgets.c.resource))
    return tuple(Budget(row.resource, row.unit, row.capacity) for row in rows)


def replace_budgets(connection: sa.Connection, new: Iterable[Budget]) -> None:
    connection.execute(sa.delete(_budgets))
    rows = [{"resource": b.resource, "unit": b.unit, "capacity": b.capacity} for b in new]
    if rows:
        connection.execute(sa.insert(_budgets), rows)


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
