"""Any assignment of a kept question as a plan message, broken rules named; knows no solver and no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2
from fieldwise_allocation import territory_wire, wire
from fieldwise_allocation.core.question import VALUE, WORKLOAD, Place, Question
from fieldwise_allocation.core.territory.audit import Audit, Broken, audited
from fieldwise_allocation.core.territory.ledger import Ledger
from fieldwise_allocation.plan_records import MOST_BREACHES

Seats = npt.NDArray[np.int64]

NOBODY = -1
BY_HAND = "HAND"


@dataclass(frozen=True)
class Bench:
    """A question with its columns read, on which assignments are measured.

    Args:
        homes: Where each rep starts from, chosen by the plan or his own.
        prices: Plan units of one more hour of each rep, by name; empty where no plan has told them.
        currency: Of all amounts.
    """

    question: Question
    ledger: Ledger
    homes: tuple[Place | None, ...]
    prices: Mapping[str, float]
    currency: str

    @classmethod
    def of(
        cls,
        asked: service_pb2.PlanTerritoriesRequest,
        currency: str,
        figures: plan_pb2.TerritoryPlan | None = None,
    ) -> Bench:
        """Of a question with its accounts and reps; a plan of it tells prices, and homes that it chose."""
        question = territory_wire.question_from(asked, (), currency)
        loads = {load.rep: load for load in figures.loads} if figures is not None else {}
        chosen = {name: _chosen(load) for name, load in loads.items() if load.HasField("chosen_home")}
        homes = tuple(chosen.get(rep.name, rep.home) for rep in question.reps)
        prices = {name: load.hour_price for name, load in loads.items()}
        return cls(question, Ledger(question, homes), homes, prices, currency)

    def seats(self, rep_of: Mapping[str, str]) -> Seats:
        """An assignment by names as indices, in the order of the question; NOBODY where there is no rep of the question."""
        seat = {rep.name: i for i, rep in enumerate(self.question.reps)}
        return np.array(
            [seat.get(rep_of.get(account.name, ""), NOBODY) for account in self.question.accounts],
            dtype=np.int64,
        )

    def audit(self, seats: Seats) -> Audit:
        """The figures of an assignment."""
        return audited(self.ledger, seats)

    def breaches(self, audit: Audit, seats: Seats) -> list[plan_life_pb2.Breach]:
        """Every hard rule that does not hold, the costliest first."""
        names = {account.name: j for j, account in enumerate(self.question.accounts)}
        found = [
            plan_life_pb2.Breach(
                rule=each.rule,
                subject=each.subject,
                amount=each.amount,
                unit=each.unit,
                price=self._price(each),
                description=self._description(each, audit, seats, names),
            )
            for each in audit.broken
        ]
        return sorted(found, key=lambda each: (-each.price, -each.amount, each.rule, each.subject))

    def _price(self, broken: Broken) -> float:
        """Hours outside a band are worth what the plan's price of an hour says."""
        is_hours = broken.kind == "band" and broken.unit == "h"
        return abs(self.prices.get(broken.subject, 0.0)) * broken.amount if is_hours else 0.0

    def _description(self, broken: Broken, audit: Audit, seats: Seats, names: Mapping[str, int]) -> str:
        if broken.kind == "band":
            return self._off_band(broken, audit)
        if broken.kind in ("skill", "lock"):
            account = self.question.accounts[names[broken.subject]]
            seat = int(seats[names[broken.subject]])
            rep = self.question.reps[seat].name if seat >= 0 else "nobody"
            if broken.kind == "lock":
                return f"{account.name} is locked to {account.incumbent} and goes to {rep}; unlock it or leave it"
            lacks = sorted(account.needs - self.question.reps[seat].skills)
            return f"{account.name} needs {lacks}, which {rep} lacks; choose a rep who has it"
        if broken.kind == "moves":
            allowed = self.question.rules.most_moves
            return f"{broken.amount:g} accounts more than {allowed} leave their incumbent; raise most_moves"
        return f"area {broken.subject} is {broken.amount:g} reps short of its staffing; give accounts of it to more reps"

    def _off_band(self, broken: Broken, audit: Audit) -> str:
        at = [band.id for band in self.question.rules.all_bands()].index(broken.rule)
        seat = [rep.name for rep in self.question.reps].index(broken.subject)
        has, low, high = (float(column[seat]) for column in audit.bands[at])
        way = "below" if has < low else "above"
        limit = low if has < low else high
        return (
            f"{broken.rule}: {broken.subject} has {has:.4g} {broken.unit}, {broken.amount:.4g} {way} {limit:.4g}; "
            "move accounts or widen the band"
        )


def fill(plan: plan_pb2.TerritoryPlan, bench: Bench, seats: Seats, audit: Audit) -> None:
    """Write the figures of an assignment into a plan: sums, loads, broken rules. Assignments are the caller's matter."""
    value = bench.ledger.amount(VALUE)
    plan.objective = audit.objective
    plan.travel_km = audit.travel_km
    plan.moves = audit.moves
    plan.value_moved.CopyFrom(wire.money(float(value[audit.moved].sum()), bench.currency))
    plan.worst_deviation = audit.worst_deviation
    plan.outside_band = _outside(bench.question, audit)
    plan.unassigned = int((seats == NOBODY).sum())
    breaches = bench.breaches(audit, seats)
    plan.breach_count = len(breaches)
    loads = _loads(plan, bench, seats, audit)
    for stale in ("breaches", "rule_costs", "loads"):
        plan.ClearField(stale)
    plan.breaches.extend(breaches[:MOST_BREACHES])
    plan.rule_costs.extend(map(territory_wire.rule_cost_message, audit.rule_costs))
    plan.loads.extend(loads)
    # The bound holds for plans that keep every rule: one that breaks some may cost less.
    plan.gap = (
        max(0.0, plan.objective - plan.bound) / plan.objective
        if plan.objective > 0 and plan.bound > 0
        else 0.0
    )
    if audit.connected is not None:
        plan.connected_share = audit.connected.share


def assignments(
    bench: Bench, seats: Seats, audit: Audit, reasons: Sequence[str]
) -> list[plan_pb2.Assignment]:
    """The assignments of a plan made by hand, in the order of the question; ``reasons`` by account."""
    names = [*(rep.name for rep in bench.question.reps), ""]
    return [
        plan_pb2.Assignment(account=account.name, rep=names[seat], moved=moved, reason=reason, travel_km=km)
        for account, seat, moved, reason, km in zip(
            bench.question.accounts,
            seats.tolist(),
            audit.moved.tolist(),
            reasons,
            audit.km.tolist(),
            strict=True,
        )
    ]


def _chosen(load: plan_pb2.RepLoad) -> Place:
    return Place(load.chosen_home.latitude, load.chosen_home.longitude)


def _outside(question: Question, audit: Audit) -> float:
    """Share of the workload outside the hard bands on it."""
    hard = {band.id for band in question.rules.all_bands() if band.hard and band.measure == WORKLOAD}
    total = float(audit.loads.sum())
    outside = sum(each.amount for each in audit.broken if each.kind == "band" and each.rule in hard)
    return outside / total if total > 0 else 0.0


def _loads(plan: plan_pb2.TerritoryPlan, bench: Bench, seats: Seats, audit: Audit) -> list[plan_pb2.RepLoad]:
    homes = {load.rep: load.chosen_home for load in plan.loads if load.HasField("chosen_home")}
    held = np.bincount(seats[seats >= 0], minlength=len(bench.question.reps))
    return [
        plan_pb2.RepLoad(
            rep=rep.name,
            accounts=int(held[i]),
            workload_hours=float(audit.loads[i]),
            target_hours=float(audit.targets[i]),
            value=wire.money(float(audit.values[i]), bench.currency),
            hour_price=bench.prices.get(rep.name, 0.0),
            chosen_home=homes.get(rep.name),
            measures=_measures(bench.question, audit, i),
        )
        for i, rep in enumerate(bench.question.reps)
    ]


def _measures(question: Question, audit: Audit, seat: int) -> list[plan_pb2.MeasureLoad]:
    """What a rep has of each measure beside workload that a band limits."""
    return [
        plan_pb2.MeasureLoad(
            rule=band.id,
            amount=float(has[seat]),
            low=float(low[seat]),
            high=float(high[seat]) if np.isfinite(high[seat]) else None,
        )
        for band, (has, low, high) in zip(question.rules.all_bands(), audit.bands, strict=True)
        if band.measure != WORKLOAD
    ]
