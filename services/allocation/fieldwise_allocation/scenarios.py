"""Scenarios: plans as a tree, listed, copied, changed and planned again, deleted; knows nothing of how plans are solved."""

from __future__ import annotations

import asyncio
import uuid

import sqlalchemy as sa
from google.longrunning import operations_pb2
from google.protobuf import timestamp_pb2
from opentelemetry import trace

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from fieldwise_allocation import changes, plan_records, store, store_plans
from fieldwise_allocation.plan_records import Origin
from fieldwise_allocation.planning import Planning
from fieldwise_allocation.repeating import once
from fieldwise_allocation.store_plans import Event
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

log = get_logger(__name__)

PAGE, MOST = 100, 1_000
ACCOUNTS_PAGE, MOST_ACCOUNTS = 10_000, 50_000


# ---- reading ------------------------------------------------------------------------------------------------------


async def page(
    db: Database, parent: str, page_size: int, token: str
) -> tuple[list[plan_pb2.TerritoryPlan], str]:
    """Plans, newest first, without assignments and loads, and the token of the next page."""
    size = clamp_page_size(page_size, PAGE, MOST)
    scope = f"plans {parent}"
    before = cursor_of(token, scope)
    rows = await db.read(
        lambda connection: store_plans.page(
            connection, before=int(before) if before else None, parent=parent, most=size + 1
        )
    )
    after = page_token(str(rows[size - 1][0].number), scope) if len(rows) > size else ""
    return [_headline(plan_records.figures_of(record, body)) for record, body in rows[:size]], after


def _headline(plan: plan_pb2.TerritoryPlan) -> plan_pb2.TerritoryPlan:
    for field in ("assignments", "loads", "k_means_rep"):
        plan.ClearField(field)
    return plan


async def question(db: Database, name: str) -> plans_pb2.PlanQuestion:
    """Reps and rules that a plan answers.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
        FailedPrecondition: Reason NO_QUESTION.
    """
    asked = await db.read(lambda connection: plan_records.question(connection, name))
    figures = await db.read(lambda connection: plan_records.figures(connection, name))
    return plans_pb2.PlanQuestion(
        name=name,
        reps=asked.reps,
        rules=asked.rules,
        accounts=figures.accounts,
        account_set=asked.account_set,
    )


async def accounts(db: Database, name: str, page_size: int, token: str) -> plans_pb2.ListPlanAccountsResponse:
    """Accounts that a plan answers for, in the order of its assignments.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
        FailedPrecondition: Reason NO_QUESTION.
    """
    size = clamp_page_size(page_size, ACCOUNTS_PAGE, MOST_ACCOUNTS)
    scope = f"accounts of {name}"
    first = int(cursor_of(token, scope) or 0)

    def read(connection: sa.Connection) -> plans_pb2.ListPlanAccountsResponse:
        asked = plan_records.question_with_accounts(connection, name)
        more = page_token(str(first + size), scope) if len(asked.accounts) > first + size else ""
        answer = plans_pb2.ListPlanAccountsResponse(next_page_token=more)
        plan_records.append(answer.accounts, asked.accounts[first : first + size])
        return answer

    return await db.read(read)


# ---- making -------------------------------------------------------------------------------------------------------


async def copy(db: Database, request: plans_pb2.CopyPlanRequest) -> plan_pb2.TerritoryPlan:
    """A plan with the same question and assignments, as a child.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
        AlreadyExists: Reason REQUEST_ID_REUSED.
    """
    return await made_once(
        db, "CopyPlan", request.request_id, fingerprint(request), lambda c: _copy(c, request)
    )


def _copy(connection: sa.Connection, request: plans_pb2.CopyPlanRequest) -> str:
    plan = plan_records.figures(connection, request.name)
    as_new(plan, request.decision_time)
    origin = Origin(
        parent=request.name,
        kind=plan_life_pb2.PLAN_ORIGIN_COPIED,
        display_name=request.display_name or plan.display_name,
    )
    plan_records.keep_copy(connection, plan, origin)
    return plan.name


def as_new(plan: plan_pb2.TerritoryPlan, at: timestamp_pb2.Timestamp) -> None:
    """A name of its own, the moment it is made, not in force."""
    plan.name = f"plans/{uuid.uuid4()}"
    plan.create_time.CopyFrom(at)
    plan.applied = False


async def made_once(
    db: Database, kind: str, request_id: str, asked: str, make: plan_records.Make
) -> plan_pb2.TerritoryPlan:
    """Make a plan once for each request id; what was made, without assignments.

    Raises:
        AlreadyExists: Reason REQUEST_ID_REUSED.
        NotFound: Reason PLAN_NOT_FOUND, it was deleted since.
    """
    made: list[str] = []

    def making(connection: sa.Connection) -> str:
        made.append(make(connection))
        return made[-1]

    name = await db.write(lambda connection: once(connection, kind, request_id, asked, making))
    if made:
        trace.get_current_span().set_attribute("fieldwise.plan", name)
    return await db.read(lambda connection: plan_records.figures(connection, name))


async def replan(planning: Planning, request: plans_pb2.ReplanTerritoriesRequest) -> operations_pb2.Operation:
    """Plan again after changes, from the parent's plan.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
        FailedPrecondition: Reason NO_QUESTION.
        InvalidRequest: Every change that cannot be done; every fault of the new question.
        AlreadyExists: Reason REQUEST_ID_REUSED.
    """
    asked = await planning.db.read(lambda connection: _changed(connection, request))
    asked.request_id, asked.start_from = request.request_id, request.parent
    asked.decision_time.CopyFrom(request.decision_time)
    asked.fingerprint = await asyncio.to_thread(fingerprint, request)
    origin = Origin(
        parent=request.parent,
        kind=plan_life_pb2.PLAN_ORIGIN_REPLANNED,
        changes=changes.in_words(request.changes),
        display_name=request.display_name,
        actor=request.actor,
    )
    return await planning.start(asked, origin, quick=not request.whole)


def _changed(
    connection: sa.Connection, request: plans_pb2.ReplanTerritoriesRequest
) -> service_pb2.PlanTerritoriesRequest:
    asked = plan_records.question_with_accounts(connection, request.parent)
    before = plan_records.rep_of(connection, request.parent)
    return changes.changed(asked, request.changes, before, request.incumbents)


# ---- deleting -----------------------------------------------------------------------------------------------------


async def delete(db: Database, request: plans_pb2.DeletePlanRequest) -> None:
    """Remove a plan, and what was made from it when that is asked for; its history stays.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
        FailedPrecondition: Reason PLAN_IN_FORCE or PLAN_HAS_CHILDREN.
    """
    gone = await db.write(lambda connection: _delete(connection, request))
    log.info("plans deleted", plan=request.name, plans=gone)


def _delete(connection: sa.Connection, request: plans_pb2.DeletePlanRequest) -> int:
    plan_records.found(connection, request.name)
    doomed = _with_descendants(connection, request.name)
    if len(doomed) > 1 and not request.with_children:
        message = (
            f"{len(doomed) - 1} plans were made from {request.name}; delete them first, or set with_children"
        )
        raise FailedPrecondition("PLAN_HAS_CHILDREN", message, metadata={"plan": request.name})
    in_force = store.applied_plan(connection)
    if in_force in doomed:
        message = f"{in_force} is in force; apply another plan before deleting it"
        raise FailedPrecondition("PLAN_IN_FORCE", message, metadata={"plan": in_force})
    at = request.decision_time.ToNanoseconds()
    for name in doomed:
        store_plans.remove(connection, name)
        deleted = Event(name, plan_life_pb2.PLAN_EVENT_KIND_DELETED, at, request.actor)
        store_plans.add_event(connection, deleted)
    return len(doomed)


def _with_descendants(connection: sa.Connection, name: str) -> list[str]:
    found = [name]
    for each in found:  # grows while it is gone through: a tree has no circle
        found += store_plans.children(connection, each)
    return found
