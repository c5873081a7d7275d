"""The life of a plan: approved, put in force, rolled back, and what is told of it; knows nothing of how plans are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from google.protobuf import timestamp_pb2

from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2
from fieldwise_allocation import plan_records, store, store_plans
from fieldwise_allocation.core.plans.history import Turn, standing
from fieldwise_allocation.repeating import once
from fieldwise_allocation.store_plans import Event
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import Aborted, FailedPrecondition, NotFound
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

log = get_logger(__name__)

PAGE, MOST = 100, 1_000

_TURNS = {
    plan_life_pb2.PLAN_EVENT_KIND_APPLIED: Turn.APPLIED,
    plan_life_pb2.PLAN_EVENT_KIND_ROLLED_BACK: Turn.ROLLED_BACK,
    plan_life_pb2.PLAN_EVENT_KIND_DELETED: Turn.DELETED,
}
_PUT_IN_FORCE = (plan_life_pb2.PLAN_EVENT_KIND_APPLIED, plan_life_pb2.PLAN_EVENT_KIND_RESTORED)


@dataclass(frozen=True)
class Act:
    """Somebody does something to a plan.

    Args:
        request_id: The caller's; with the same ``fingerprint`` it is the same act.
        at: Nanoseconds since 1970, UTC, on the business clock; None when the caller gave no time.
    """

    request_id: str
    fingerprint: str
    at: int | None = None
    actor: str = ""
    note: str = ""

    def event(self, plan: str, kind: plan_life_pb2.PlanEventKind.ValueType) -> Event:
        """The line of the history."""
        return Event(plan, kind, self.at, self.actor, self.note)


def moment(message: timestamp_pb2.Timestamp) -> int | None:
    """Nanoseconds of a moment; None for one that is not set."""
    return message.ToNanoseconds() or None


# ---- verbs --------------------------------------------------------------------------------------------------------


async def approve(db: Database, name: str, act: Act) -> plan_pb2.TerritoryPlan:
    """Approve a draft; approved again it changes nothing.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
        FailedPrecondition: Reason PLAN_NOT_DRAFT.
        AlreadyExists: Reason REQUEST_ID_REUSED.
    """
    await _once(db, "ApprovePlan", act, lambda connection: _approve(connection, name, act))
    return await db.read(lambda connection: plan_records.figures(connection, name))


async def apply(db: Database, name: str, act: Act, *, need_approval: bool) -> plan_pb2.TerritoryPlan:
    """Put a plan in force.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
        FailedPrecondition: Reason UNKNOWN_REPS, RULES_BROKEN or PLAN_NOT_APPROVED.
        AlreadyExists: Reason REQUEST_ID_REUSED.
    """

    def work(connection: sa.Connection) -> str:
        _demand_fit(connection, name, need_approval=need_approval)
        _put_in_force(connection, name, act, plan_life_pb2.PLAN_EVENT_KIND_APPLIED)
        return name

    await _once(db, "ApplyPlan", act, work)
    log.info("plan applied", plan=name)
    return await db.read(lambda connection: plan_records.whole(connection, name))


async def roll_back(db: Database, thought: str, act: Act) -> plan_pb2.TerritoryPlan:
    """Put the plan that was in force before in force again.

    Args:
        thought: The plan that the caller thinks is in force; empty for whichever is.
    Raises:
        FailedPrecondition: Reason NO_EARLIER_PLAN or UNKNOWN_REPS.
        Aborted: Reason PLAN_CHANGED.
        AlreadyExists: Reason REQUEST_ID_REUSED.
    """
    restored = await _once(db, "RollbackPlan", act, lambda connection: _roll_back(connection, thought, act))
    return await db.read(lambda connection: plan_records.figures(connection, restored))


async def events(
    db: Database, plan: str, page_size: int, token: str
) -> tuple[list[plan_life_pb2.PlanEvent], str]:
    """What happened, newest first, and the token of the next page."""
    size = clamp_page_size(page_size, PAGE, MOST)
    scope = f"plan events {plan}"
    before = cursor_of(token, scope)
    found = await db.read(
        lambda connection: store_plans.events(
            connection, plan=plan, before=int(before) if before else None, most=size + 1
        )
    )
    after = page_token(str(found[size - 1].number), scope) if len(found) > size else ""
    return [_message(event) for event in found[:size]], after


async def serving(db: Database, account: str) -> tuple[plan_pb2.Assignment, str, plan_life_pb2.PlanEvent]:
    """Who serves an account now: the assignment, its plan, and when that was put in force.

    Raises:
        NotFound: Reason ASSIGNMENT_NOT_FOUND.
    """
    return await db.read(lambda connection: _serving(connection, account))


# ---- within a transaction -----------------------------------------------------------------------------------------


async def _once(db: Database, kind: str, act: Act, work: Callable[[sa.Connection], str]) -> str:
    """Do it once for each request id; gives the name of the plan it was done to."""
    return await db.write(lambda connection: once(connection, kind, act.request_id, act.fingerprint, work))


def _approve(connection: sa.Connection, name: str, act: Act) -> str:
    state = plan_records.found(connection, name).state
    if state in (plan_life_pb2.PLAN_STATE_APPLIED, plan_life_pb2.PLAN_STATE_SUPERSEDED):
        message = f"{name} is or was in force; only a draft is approved"
        raise FailedPrecondition("PLAN_NOT_DRAFT", message, metadata={"plan": name})
    if state != plan_life_pb2.PLAN_STATE_APPROVED:
        store_plans.set_state(connection, name, plan_life_pb2.PLAN_STATE_APPROVED)
        store_plans.add_event(connection, act.event(name, plan_life_pb2.PLAN_EVENT_KIND_APPROVED))
    return name


def _demand_fit(connection: sa.Connection, name: str, *, need_approval: bool) -> None:
    plan = plan_records.figures(connection, name)
    if need_approval and plan.state == plan_life_pb2.PLAN_STATE_DRAFT:
        message = f"{name} is a draft, and plans need approval here; approve it with ApprovePlan"
        raise FailedPrecondition("PLAN_NOT_APPROVED", message, metadata={"plan": name})
    if plan.breach_count and not plan.breaches_accepted:
        first = plan.breaches[0].description if plan.breaches else ""
        message = (
            f"{name} breaks {plan.breach_count} rules; plan from it with ReplanTerritories, or accept them with "
            f"OverridePlan: {first}"
        )
        raise FailedPrecondition("RULES_BROKEN", message, metadata={"plan": name})


def _put_in_force(
    connection: sa.Connection, name: str, act: Act, kind: plan_life_pb2.PlanEventKind.ValueType
) -> None:
    rep_of = plan_records.rep_of(connection, name)
    _demand_known_reps(connection, name, set(rep_of.values()))
    before = store.applied_plan(connection)
    if before not in ("", name):
        store_plans.set_state(connection, before, plan_life_pb2.PLAN_STATE_SUPERSEDED)
        if kind == plan_life_pb2.PLAN_EVENT_KIND_APPLIED:
            superseded = act.event(before, plan_life_pb2.PLAN_EVENT_KIND_SUPERSEDED)
            store_plans.add_event(connection, superseded)
    store.put_in_force(connection, name, rep_of)
    store_plans.set_state(connection, name, plan_life_pb2.PLAN_STATE_APPLIED)
    store_plans.add_event(connection, act.event(name, kind))


def _demand_known_reps(connection: sa.Connection, name: str, needed: set[str]) -> None:
    unknown = sorted(needed - {rep.name for rep in store.reps(connection)})
    if unknown:
        shown = ", ".join(unknown[:5])
        message = (
            f"{name} gives accounts to reps who are not stored, {len(unknown)} in all ({shown}); add them with CreateRep, "
            "or plan without them with ReplanTerritories"
        )
        raise FailedPrecondition("UNKNOWN_REPS", message, metadata={"reps": shown})


def _roll_back(connection: sa.Connection, thought: str, act: Act) -> str:
    current = store.applied_plan(connection)
    if thought and thought != current:
        message = f"{current or 'no plan'} is in force, not {thought}; look again before rolling back"
        raise Aborted("PLAN_CHANGED", message)
    happened = reversed(store_plans.events(connection, kinds=tuple(_TURNS)))
    stack = standing((_TURNS[plan_life_pb2.PlanEventKind.ValueType(e.kind)], e.plan) for e in happened)
    if len(stack) < 2:
        message = f"no plan was in force before {current or 'now'}; apply one with ApplyPlan"
        raise FailedPrecondition("NO_EARLIER_PLAN", message)
    earlier = stack[-2]
    store_plans.add_event(connection, act.event(current, plan_life_pb2.PLAN_EVENT_KIND_ROLLED_BACK))
    _put_in_force(connection, earlier, act, plan_life_pb2.PLAN_EVENT_KIND_RESTORED)
    log.info("plan rolled back", plan=current, restored=earlier)
    return earlier


def _serving(
    connection: sa.Connection, account: str
) -> tuple[plan_pb2.Assignment, str, plan_life_pb2.PlanEvent]:
    name = store.applied_plan(connection)
    rep = store.rep_serving(connection, account)
    if not name or rep is None:
        remedy = "apply a plan that holds it; ListAssignments gives those of a plan"
        raise NotFound(
            f"a rep for account {account!r} in the plan in force", remedy, reason="ASSIGNMENT_NOT_FOUND"
        )
    assignment = next(
        each for each in plan_records.each_assignment(connection, name) if each.account == account
    )
    (applied,) = store_plans.events(connection, plan=name, kinds=_PUT_IN_FORCE, most=1) or [Event(name, 0)]
    return assignment, name, _message(applied)


def _message(event: Event) -> plan_life_pb2.PlanEvent:
    message = plan_life_pb2.PlanEvent(
        plan=event.plan,
        kind=plan_life_pb2.PlanEventKind.ValueType(event.kind),
        actor=event.actor,
        note=event.note,
    )
    if event.event_time is not None:
        message.event_time.FromNanoseconds(event.event_time)
    return message
