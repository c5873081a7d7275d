"""A plan joined with the question it answers, in the planner's own names: the numbers that files and map show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.type.latlng_pb2 import LatLng

from fieldwise.allocation.v1 import plan_pb2, rep_pb2
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_client.names import short
from fieldwise_client.plan.files import Account, Place, Question, Rep

_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}")


@dataclass(frozen=True)
class Line:
    """One account in the plan.

    ``before`` is empty when nobody had it, ``k_means`` where that was not made; ``account`` is None when only its name is known.
    """

    name: str
    rep: str
    before: str
    moved: bool
    reason: str
    travel_km: float
    account: Account | None
    k_means: str = ""


@dataclass(frozen=True)
class Load:
    """One rep's part of the plan, in hours per week and currency units; ``home`` as in the files."""

    rep: str
    home: Place | None
    accounts: int
    hours: float
    target_hours: float
    value: float
    hour_price: float

    @property
    def deviation(self) -> float:
        """(hours - target) / target."""
        return (self.hours - self.target_hours) / self.target_hours if self.target_hours else 0.0


@dataclass(frozen=True)
class Outcome:
    """The whole answer. ``plan`` is the message it was read from."""

    lines: tuple[Line, ...]
    loads: tuple[Load, ...]
    plan: plan_pb2.TerritoryPlan

    @property
    def worst_deviation(self) -> float:
        """Largest deviation of a rep's workload from his target, as a share of the target."""
        return max((abs(load.deviation) for load in self.loads), default=0.0)


def rep_ids(reps: Sequence[Rep]) -> Mapping[str, str]:
    """``reps/{id}`` of each rep by the planner's name, which may hold any signs; ids are plain."""
    taken = {rep.name for rep in reps if _PLAIN_ID.fullmatch(rep.name)}
    ids: dict[str, str] = {}
    for number, rep in enumerate(reps, 1):
        made = rep.name if rep.name in taken else f"rep-{number}"
        while made != rep.name and made in taken:
            made += "-"
        ids[rep.name] = f"reps/{made}"
    return ids


def account_messages(question: Question, currency: str) -> list[plan_pb2.Account]:
    """The accounts for the wire."""
    ids = rep_ids(question.reps)
    return [
        plan_pb2.Account(
            name=account.name,
            place=_latlng(account.place),
            workload_hours=account.workload_hours,
            value=Money(currency_code=currency, micros=round(account.value * 1_000_000)),
            needs_skills=account.needs_skills,
            incumbent=ids.get(account.incumbent, ""),
            locked=account.locked,
            visit_hours=account.visit_hours,
            visits_per_week=account.visits_per_week,
            area=account.area,
        )
        for account in question.accounts
    ]


def rep_messages(question: Question) -> list[rep_pb2.Rep]:
    """The reps for the wire."""
    ids = rep_ids(question.reps)
    return [
        rep_pb2.Rep(
            name=ids[rep.name],
            display_name=rep.name,
            home=_latlng(rep.home),
            hours_per_week=rep.hours_per_week,
            skills=rep.skills,
            share_of_full_time=rep.share,
        )
        for rep in question.reps
    ]


def read_outcome(
    plan: plan_pb2.TerritoryPlan, question: Question, names: Mapping[str, str] | None = None
) -> Outcome:
    """Join the plan with its question; without files in the question the plan's own names stand.

    Args:
        names: The planner's name of each ``reps/{id}``; by default those that the question's reps are sent under.
    """
    if names is None:
        names = {made: name for name, made in rep_ids(question.reps).items()}
    accounts = {account.name: account for account in question.accounts}
    reps = {rep.name: rep for rep in question.reps}
    loads = tuple(_load(each, names, reps) for each in plan.loads)
    usual = [loads[seat].rep for seat in plan.k_means_rep] or [""] * len(plan.assignments)
    lines = tuple(
        _line(each, accounts.get(each.account), names, k_means)
        for each, k_means in zip(plan.assignments, usual, strict=True)
    )
    return Outcome(lines, loads, plan)


def _line(
    assignment: plan_pb2.Assignment, account: Account | None, names: Mapping[str, str], k_means: str
) -> Line:
    return Line(
        name=assignment.account,
        rep=names.get(assignment.rep, short(assignment.rep)),
        before=account.incumbent if account else "",
        moved=assignment.moved,
        reason=assignment.reason,
        travel_km=assignment.travel_km,
        account=account,
        k_means=k_means,
    )


def _load(load: plan_pb2.RepLoad, names: Mapping[str, str], reps: Mapping[str, Rep]) -> Load:
    name = names.get(load.rep, short(load.rep))
    rep = reps.get(name)
    chosen = load.chosen_home
    home = Place(chosen.latitude, chosen.longitude) if load.HasField("chosen_home") else None
    return Load(
        rep=name,
        home=home or (rep.home if rep else None),
        accounts=load.accounts,
        hours=load.workload_hours,
        target_hours=load.target_hours,
        value=load.value.micros / 1e6,
        hour_price=load.hour_price,
    )


def _latlng(place: Place | None) -> LatLng | None:
    return LatLng(latitude=place.lat, longitude=place.lon) if place else None
