"""Budgets of the periods to come; knows nothing of prices."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from fieldwise_allocation import store
from fieldwise_allocation.core import budgets
from fieldwise_allocation.core.budgets import Budget
from fieldwise_allocation.repeating import earlier_answer, remember
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import InvalidRequest


async def replace(
    db: Database, stated: Sequence[Budget], request_id: str, fingerprint: str
) -> tuple[Budget, ...]:
    """Put these budgets in the place of all that were set; all in force come back.

    Raises:
        InvalidRequest: A resource twice, or a unit that does not fit.
        AlreadyExists: Reason REQUEST_ID_REUSED.
    """
    wrong = budgets.faults(stated)
    if wrong:
        raise InvalidRequest(wrong)
    await db.write(lambda connection: _replace(connection, stated, request_id, fingerprint))
    return await in_force(db)


async def in_force(db: Database) -> tuple[Budget, ...]:
    """Every budget by resource, minutes of reps included."""
    return await db.read(_in_force)


def _in_force(connection: sa.Connection) -> tuple[Budget, ...]:
    return budgets.in_force(store.budgets(connection), store.reps(connection))


def _replace(connection: sa.Connection, stated: Sequence[Budget], request_id: str, fingerprint: str) -> None:
    if earlier_answer(connection, "SetBudgets", request_id, fingerprint) is None:
        store.replace_budgets(connection, stated)
        remember(connection, "SetBudgets", request_id, fingerprint, b"")
