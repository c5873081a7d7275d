"""Two plans side by side, an override's cost, and the tree of scenarios, as a planner reads them. Knows no call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2
from fieldwise.allocation.v1.plan_service_pb2 import (
    OverridePlanResponse,
    PlanComparison,
    PlanTotals,
    RepComparison,
)
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_client.names import short

MOST_MOVES = 10
HOUR_MORE = (
    "an hour more: by how many plan units the plan would cost less; below 0, the rep has hours to spare"
)
_NEXT = {
    plan_life_pb2.PLAN_STATE_DRAFT: "draft",
    plan_life_pb2.PLAN_STATE_APPROVED: "approved",
    plan_life_pb2.PLAN_STATE_APPLIED: "in force",
    plan_life_pb2.PLAN_STATE_SUPERSEDED: "superseded",
}


# ---- comparison ---------------------------------------------------------------------------------------------------


def side_by_side(found: PlanComparison, plan: str, base: str, names: Mapping[str, str]) -> str:
    """The whole comparison: totals, what changes hands, reps, the most valuable moves.

    Args:
        plan, base: What the planner calls the two.
        names: The planner's name of each rep.
    """
    parts = [_totals(found, plan, base), _handed(found)]
    parts.append("\n".join([*_reps(found.reps, names), HOUR_MORE]))
    if found.moves:
        parts.append("\n".join(_moves(found, names)))
    return "\n\n".join(parts)


def _totals(found: PlanComparison, plan: str, base: str) -> str:
    now, before = found.plan_totals, found.base_totals
    rows = [
        ("cost, plan units", now.objective, before.objective, ",.1f"),
        ("kilometres, one way", now.travel_km, before.travel_km, ",.0f"),
        ("worst balance", now.worst_deviation, before.worst_deviation, ".1%"),
        ("workload outside bands", now.outside_band, before.outside_band, ".1%"),
        ("rules broken", now.breach_count, before.breach_count, ",d"),
        ("accounts without a rep", now.unassigned, before.unassigned, ",d"),
    ]
    width = max(14, len(plan) + 2, len(base) + 2)
    lines = [f"{'':<24}{plan:>{width}}{base:>{width}}"]
    for name, one, other, form in rows:
        change = f"   {one / other - 1:+.1%}" if other and form != ",d" else ""
        lines.append(f"{name:<24}{one:>{width}{form}}{other:>{width}{form}}{change}".rstrip())
    lines.append(f"{'certified gap':<24}{_gap(now):>{width}}{_gap(before):>{width}}")
    lines.append(
        "each by its own question: a plan made from another counts moves from that one, unless told otherwise"
    )
    return "\n".join(lines)


def _gap(totals: PlanTotals) -> str:
    return f"{totals.gap:.2%}" if totals.HasField("gap") else "none"


def _handed(found: PlanComparison) -> str:
    said = (
        f"{found.accounts_moved:,} of {found.plan_totals.accounts:,} accounts have another rep: "
        f"{_money(found.value_moved)} of value, {found.hours_moved:,.1f} h a week"
    )
    if found.accounts_added or found.accounts_removed:
        said += f"; {found.accounts_added:,} accounts are new and {found.accounts_removed:,} are gone"
    return said


def _reps(reps: Sequence[RepComparison], names: Mapping[str, str]) -> Iterator[str]:
    yield f"{'rep':<20}{'hours':>8}{'before':>8}{'share':>8}{'km':>10}{'before':>10}{'gains':>7}{'loses':>7}{'an hour more':>14}"
    for each in reps:
        now, before = each.plan_load, each.base_load
        share = now.target_hours or before.target_hours
        yield (
            f"{_name(names, each.rep):<20.20}{now.workload_hours:>8.1f}{before.workload_hours:>8.1f}{share:>8.1f}"
            f"{each.plan_km:>10,.0f}{each.base_km:>10,.0f}{each.gained:>7,}{each.lost:>7,}{now.hour_price:>14.2f}"
        )


def _moves(found: PlanComparison, names: Mapping[str, str]) -> Iterator[str]:
    shown = list(found.moves[:MOST_MOVES])
    yield f"{'the most valuable of them':<30}{'from':>16}{'to':>16}{'value':>16}{'km more':>10}"
    for move in shown:
        before, now = _name(names, move.from_rep), _name(names, move.to_rep)
        yield f"{move.account:<30.30}{before:>16.16}{now:>16.16}{_money(move.value):>16}{move.km_more:>+10,.0f}"


def _name(names: Mapping[str, str], rep: str) -> str:
    return names.get(rep, short(rep)) if rep else "nobody"


def _money(money: Money) -> str:
    return f"{money.micros / 1e6:,.0f} {money.currency_code}".rstrip()


# ---- override -----------------------------------------------------------------------------------------------------


def override_told(answer: OverridePlanResponse, names: Mapping[str, str]) -> str:
    """What a manager's wish costs, what it breaks, and what would do instead."""
    more = answer.objective_after - answer.objective_before
    km = answer.travel_km_after - answer.travel_km_before
    lines = [
        f"cost {answer.objective_before:,.1f} -> {answer.objective_after:,.1f}: {more:+,.1f} plan units, {km:+,.0f} km, "
        f"{'1 account has' if answer.moves == 1 else f'{answer.moves:,} accounts have'} another rep"
    ]
    for breach in answer.new_breaches:
        price = f" (worth {breach.price:,.1f} plan units)" if breach.price else ""
        lines.append(f"  breaks {breach.description}{price}")
    for each in answer.alternatives:
        moves = ", ".join(f"{one.account} to {_name(names, one.rep)}" for one in each.assignments)
        kind = "room for it" if each.grants_wish else "instead"
        lines.append(f"  {kind}: {moves}: {each.cost_more:+,.1f} plan units")
    return "\n".join(lines)


# ---- the tree -----------------------------------------------------------------------------------------------------


def tree(plans: Iterable[plan_pb2.TerritoryPlan]) -> Iterator[str]:
    """Plans below what they were made from, the newest tree first."""
    yield f"{'plan':<24}{'state':<12}{'made':<18}{'cost':>14}{'gap':>8}{'km':>12}{'move':>8}{'broken':>8}  name and changes"
    listed = list(plans)
    known = {plan.name for plan in listed}
    below: dict[str, list[plan_pb2.TerritoryPlan]] = {}
    for plan in listed:
        below.setdefault(plan.parent if plan.parent in known else "", []).append(plan)
    waiting = [(plan, 0) for plan in reversed(below.get("", []))]
    while waiting:
        plan, depth = waiting.pop()
        yield _branch(plan, depth)
        waiting += [(child, depth + 1) for child in below.get(plan.name, [])]


def _branch(plan: plan_pb2.TerritoryPlan, depth: int) -> str:
    made = plan.create_time.ToJsonString()[:16].replace("T", " ")
    told = "; ".join(filter(None, [plan.display_name, *plan.changes]))
    name = "  " * depth + short(plan.name)[:8]
    origin = plan_life_pb2.PlanOrigin.Name(plan.origin).removeprefix("PLAN_ORIGIN_").lower()
    gap = "" if plan.origin == plan_life_pb2.PLAN_ORIGIN_IMPORTED else f"{plan.gap:.2%}"
    return (
        f"{name:<24}{state_of(plan):<12}{made:<18}{plan.objective:>14,.1f}{gap:>8}{plan.travel_km:>12,.0f}"
        f"{plan.moves:>8,}{plan.breach_count:>8,}  {told or origin}"
    )


def state_of(plan: plan_pb2.TerritoryPlan) -> str:
    """`draft`, `approved`, `in force` or `superseded`."""
    return _NEXT.get(plan.state, "")


def event_line(event: plan_life_pb2.PlanEvent) -> str:
    """One line of the history."""
    at = event.event_time.ToJsonString()[:16].replace("T", " ") if event.HasField("event_time") else ""
    kind = (
        plan_life_pb2.PlanEventKind.Name(event.kind)
        .removeprefix("PLAN_EVENT_KIND_")
        .lower()
        .replace("_", " ")
    )
    who = f"by {event.actor}" if event.actor else ""
    return f"{at:<18}{short(event.plan)[:8]:<10}{kind:<14}{who:<24}{event.note}".rstrip()
