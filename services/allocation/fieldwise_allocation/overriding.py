"""A manager gives accounts to reps by hand: what it costs, what breaks, what would do instead; knows nothing of solvers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import sqlalchemy as sa

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from fieldwise_allocation import measuring, plan_records, scenarios
from fieldwise_allocation.core.plans.alternatives import Alternative, alternatives
from fieldwise_allocation.core.question import Question
from fieldwise_allocation.core.territory.audit import Audit
from fieldwise_allocation.core.territory.compile import Compiled, compiled
from fieldwise_allocation.measuring import BY_HAND, Bench, Seats
from fieldwise_allocation.plan_records import Origin
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, Violation
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# Hand assignments told one by one in the list of scenarios.
MOST_TOLD = 20
# A breach counts as new when it is larger than in the parent by more than sums of floats differ.
LARGER = 1e-6


async def override(
    db: Database, request: plans_pb2.OverridePlanRequest, currency: str
) -> plans_pb2.OverridePlanResponse:
    """Make a child of a plan with some accounts given to other reps, or only say what it would cost.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
        InvalidRequest: Every account or rep that the plan does not know.
        FailedPrecondition: Reason RULES_BROKEN, unless that is accepted; or NO_QUESTION.
        AlreadyExists: Reason REQUEST_ID_REUSED.
    """
    parent = await db.read(lambda connection: plan_records.whole(connection, request.name, most=None))
    asked = await db.read(lambda connection: plan_records.question_with_accounts(connection, request.name))
    wish = await asyncio.to_thread(_wish, parent, asked, request.assignments, currency)
    answer = await asyncio.to_thread(wish.cost)
    if request.validate_only:
        return answer
    if answer.new_breaches and not request.accept_broken_rules:
        raise _refused(answer)
    plan = await asyncio.to_thread(wish.plan, accepted=request.accept_broken_rules)
    origin = Origin(
        parent=request.name,
        kind=plan_life_pb2.PLAN_ORIGIN_OVERRIDDEN,
        changes=wish.in_words(),
        display_name=request.display_name or parent.display_name,
        actor=request.actor,
        note=request.note,
    )

    def keep(connection: sa.Connection) -> str:
        scenarios.as_new(plan, request.decision_time)
        question = plan_records.found(connection, request.name).question
        plan_records.keep_under(connection, plan, question, origin)
        return plan.name

    asked_for = await asyncio.to_thread(fingerprint, request)
    kept = await scenarios.made_once(db, "OverridePlan", request.request_id, asked_for, keep)
    answer.plan.CopyFrom(kept)
    log.info("plan overridden", plan=kept.name, parent=request.name, breaches=len(answer.new_breaches))
    return answer


@dataclass(frozen=True)
class _Wish:
    """What the manager wants, beside the plan it is wanted of; indices in the order of the question."""

    parent: plan_pb2.TerritoryPlan
    bench: Bench
    before: Seats
    after: Seats
    named: Sequence[plan_life_pb2.HandAssignment]

    @cached_property
    def audit_before(self) -> Audit:
        return self.bench.audit(self.before)

    @cached_property
    def audit_after(self) -> Audit:
        return self.bench.audit(self.after)

    @cached_property
    def changed(self) -> list[int]:
        """Accounts that really get another rep."""
        changed: list[int] = np.flatnonzero(self.before != self.after).tolist()
        return changed

    def cost(self) -> plans_pb2.OverridePlanResponse:
        """What it costs, what breaks by it, and what would do instead where something does."""
        broken = self._new_breaches()
        return plans_pb2.OverridePlanResponse(
            objective_before=self.audit_before.objective,
            objective_after=self.audit_after.objective,
            travel_km_before=self.audit_before.travel_km,
            travel_km_after=self.audit_after.travel_km,
            moves=len(self.changed),
            new_breaches=broken,
            alternatives=self._alternatives() if broken else (),
        )

    def _new_breaches(self) -> list[plan_life_pb2.Breach]:
        """What is broken now and was not before, or less."""
        known = {(each.rule, each.subject): each.amount for each in self.audit_before.broken}
        found = self.bench.breaches(self.audit_after, self.after)
        return [each for each in found if each.amount > known.get((each.rule, each.subject), 0.0) + LARGER]

    def _alternatives(self) -> list[plans_pb2.OverrideAlternative]:
        if (self.before == measuring.NOBODY).any():
            return []  # A practice that was brought in and leaves accounts aside is no plan to stay close to.
        way = compiled(self.bench.question)
        problem = replace(way.problem, home=_homes(self.bench))
        row = {int(j): k for k, j in enumerate(way.rows)}
        seat = {int(i): k for k, i in enumerate(way.seats)}
        accounts = [row[j] for j in self.changed]
        reps = [seat[int(self.after[j])] for j in self.changed]
        plan = way.solved(self.before.astype(np.int32))
        return [self._message(each, way) for each in alternatives(problem, plan, accounts, reps)]

    def _message(self, found: Alternative, way: Compiled) -> plans_pb2.OverrideAlternative:
        question = self.bench.question
        named = [
            plan_life_pb2.HandAssignment(
                account=question.accounts[int(way.rows[k])].name, rep=question.reps[int(way.seats[i])].name
            )
            for k, i in zip(found.accounts, found.reps, strict=True)
        ]
        return plans_pb2.OverrideAlternative(
            assignments=named, cost_more=found.cost_more, grants_wish=found.grants
        )

    def plan(self, *, accepted: bool) -> plan_pb2.TerritoryPlan:
        """The plan as wished, without a name."""
        plan = plan_pb2.TerritoryPlan()
        plan.CopyFrom(self.parent)
        measuring.fill(plan, self.bench, self.after, self.audit_after)
        plan.breaches_accepted = accepted or self.parent.breaches_accepted
        reasons = [each.reason for each in self.parent.assignments]
        for j in self.changed:
            reasons[j] = BY_HAND
        plan.ClearField("assignments")
        made = measuring.assignments(self.bench, self.after, self.audit_after, reasons)
        plan_records.append(plan.assignments, made)
        self._keep_what_still_holds(plan)
        return plan

    def _keep_what_still_holds(self, plan: plan_pb2.TerritoryPlan) -> None:
        """What staying would have cost, for accounts none of whose reps has gained or lost by the wish."""
        touched = {self.parent.assignments[j].rep for j in self.changed}
        touched |= {plan.assignments[j].rep for j in self.changed}
        for old, new, account in zip(
            self.parent.assignments, plan.assignments, self.bench.question.accounts, strict=True
        ):
            if old.HasField("staying") and not touched & {new.rep, account.incumbent}:
                new.staying.CopyFrom(old.staying)

    def in_words(self) -> tuple[str, ...]:
        """Each account that gets another rep; the first few."""
        accounts = self.bench.question.accounts
        names = [*(rep.name for rep in self.bench.question.reps), "nobody"]
        told = [
            f"{accounts[j].name}: {names[self.before[j]]} -> {names[self.after[j]]}"
            for j in self.changed[:MOST_TOLD]
        ]
        more = len(self.changed) - len(told)
        return (*told, f"and {more} more") if more else tuple(told)


def _wish(
    parent: plan_pb2.TerritoryPlan,
    asked: service_pb2.PlanTerritoriesRequest,
    named: Sequence[plan_life_pb2.HandAssignment],
    currency: str,
) -> _Wish:
    bench = Bench.of(asked, currency, parent)
    demand_known(bench.question, named, allow_nobody=False)
    held = {each.account: each.rep for each in parent.assignments}
    wished = {each.account: each.rep for each in named}
    return _Wish(parent, bench, bench.seats(held), bench.seats(held | wished), named)


def demand_known(
    question: Question, named: Sequence[plan_life_pb2.HandAssignment], *, allow_nobody: bool
) -> None:
    """Refuse accounts and reps that a question does not have, and accounts named twice.

    Raises:
        InvalidRequest: Every such assignment.
    """
    accounts = {account.name for account in question.accounts}
    reps = {rep.name for rep in question.reps} | ({""} if allow_nobody else set())
    first: dict[str, int] = {}
    wrong = []
    for k, each in enumerate(named):
        if each.account not in accounts:
            remedy = "the plan has no such account; ListPlanAccounts names them"
            wrong.append(Violation.of(f"assignments[{k}].account", each.account, remedy))
        if each.rep not in reps:
            remedy = "the plan has no such rep; GetPlanQuestion names them"
            wrong.append(Violation.of(f"assignments[{k}].rep", each.rep, remedy))
        if first.setdefault(each.account, k) != k:
            remedy = f"assignments[{first[each.account]}] names it already; give each account once"
            wrong.append(Violation.of(f"assignments[{k}].account", each.account, remedy))
    if wrong:
        raise InvalidRequest(wrong)


def _homes(bench: Bench) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The homes that the plan has, chosen ones included, in the order of the problem."""
    reps = tuple(
        replace(rep, home=home, free_home=False)
        for rep, home in zip(bench.question.reps, bench.homes, strict=True)
    )
    return compiled(replace(bench.question, reps=reps)).problem.home


def _refused(answer: plans_pb2.OverridePlanResponse) -> FailedPrecondition:
    lines = [each.description for each in answer.new_breaches[:5]]
    if len(answer.new_breaches) > len(lines):
        lines.append(f"and {len(answer.new_breaches) - len(lines)} more")
    instead = [_in_words(each) for each in answer.alternatives[:3]]
    message = "hard rules break; set accept_broken_rules to do it all the same:\n" + "\n".join(
        lines + instead
    )
    rules = ", ".join(f"{each.rule} {each.subject}" for each in answer.new_breaches[:20])
    return FailedPrecondition("RULES_BROKEN", message, metadata={"rules": rules})


def _in_words(found: plans_pb2.OverrideAlternative) -> str:
    moves = ", ".join(f"{each.account} to {each.rep}" for each in found.assignments)
    return f"instead: {moves} costs {found.cost_more:+.6g}"
