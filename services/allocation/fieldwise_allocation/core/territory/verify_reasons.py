"""The reasons of a plan checked one by one: what is said about staying is worked out again from the question."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.question import VALUE, WORKLOAD, Band
from fieldwise_allocation.core.territory.audit import Audit
from fieldwise_allocation.core.territory.ledger import Floats, Indices, Ledger, road_km
from fieldwise_allocation.core.territory.plan import REASONS, Plan

RELATIVE = 1e-6
SHOWN = 5
# Of thousands of moves so many are worked out again account by account; sums are checked for all.
WORKED_OUT = 2000


def wrong_reasons(ledger: Ledger, plan: Plan, found: Audit) -> Iterator[str]:
    """Reasons that are not true, and costs of staying that do not add up."""
    yield from _wrong_states(ledger, plan)
    away = np.flatnonzero(found.moved & (ledger.incumbent >= 0))
    if plan.staying.account.tolist() != away.tolist():
        yield f"{len(plan.staying.account)} accounts have costs of staying, {len(away)} moved away from a rep"
        return
    yield from _wrong_columns(ledger, plan, found, away)
    step = max(1, -(-len(away) // WORKED_OUT))
    worker = _Staying(ledger, plan, found)
    yield from list(worker.faults(range(0, len(away), step)))[:SHOWN]


def _wrong_states(ledger: Ledger, plan: Plan) -> Iterator[str]:
    """Reasons that follow from the incumbent alone."""
    before = ledger.incumbent
    expected = np.select(
        [ledger.locked, before < 0, before == plan.rep_of],
        [REASONS.index("LOCKED"), REASONS.index("NEW"), REASONS.index("INCUMBENT")],
        default=-1,
    )
    allowed = [REASONS.index(r) for r in ("SKILL", "LESS_TRAVEL", "STAFFING", "BALANCE", "SEARCH_ENDED")]
    wrong = np.where(expected >= 0, plan.reason != expected, ~np.isin(plan.reason, allowed))
    for j in np.flatnonzero(wrong)[:SHOWN].tolist():
        yield f"{ledger.question.accounts[j].name}: {REASONS[plan.reason[j]]} is no reason for what happened to it"


def _wrong_columns(ledger: Ledger, plan: Plan, found: Audit, away: Indices) -> Iterator[str]:
    """Travel and move of all who went."""
    rules = ledger.question.rules
    km = road_km(ledger.degrees[away], ledger.homes[ledger.incumbent[away]])
    travel = rules.kilometre_cost * ledger.hours[away] * (km - found.km[away])
    move = -rules.move_cost * ledger.amount(VALUE)[away]
    for what, told, true in (("travel", plan.staying.travel, travel), ("move", plan.staying.move, move)):
        for s in np.flatnonzero(~np.isclose(told, true, rtol=RELATIVE, atol=1e-5))[:SHOWN].tolist():
            name = ledger.question.accounts[away[s]].name
            yield f"{name}: staying changes {what} by {told[s]:g} in the plan, by {true[s]:g} in truth"


@dataclass(frozen=True)
class _Staying:
    """One account after the other put back alone."""

    ledger: Ledger
    plan: Plan
    found: Audit

    def faults(self, which: range) -> Iterator[str]:
        rules = self.ledger.question.rules
        amounts = {
            b.measure: self.ledger.amount(b.measure) for b in rules.all_bands() if b.measure != WORKLOAD
        }
        for s in which:
            j = int(self.plan.staying.account[s])
            breaks, band = self._bands(j, amounts)
            breaks |= self._skills(j) | self._staffing(j)
            name = self.ledger.question.accounts[j].name
            told = set(self.plan.staying.breaks[s])
            if told != breaks:
                yield f"{name}: staying would break {sorted(breaks)}, the plan says {sorted(told)}"
            if not np.isclose(self.plan.staying.band[s], band, rtol=RELATIVE, atol=1e-5):
                yield f"{name}: staying changes bands by {self.plan.staying.band[s]:g}, by {band:g} in truth"
            yield from self._reason(j, s, breaks, band)

    def _reason(self, j: int, s: int, breaks: set[str], band: float) -> Iterator[str]:
        """The reason given is the case."""
        saved = float(self.plan.staying.travel[s] + self.plan.staying.move[s])
        hair = RELATIVE * (abs(self.plan.staying.travel[s]) + abs(self.plan.staying.move[s]) + 1.0)
        holds = {
            "SKILL": bool(self._skills(j)),
            "LESS_TRAVEL": saved > -hair,
            "STAFFING": bool(self._staffing(j)),
            "BALANCE": any(" of " in rule for rule in breaks) or saved + band > -hair,
            "SEARCH_ENDED": True,
        }
        reason = REASONS[self.plan.reason[j]]
        if not holds.get(reason, False):
            yield f"{self.ledger.question.accounts[j].name} moved for {reason}, which is not so"

    def _bands(self, j: int, amounts: dict[str, Floats]) -> tuple[set[str], float]:
        """Hard bands that the return breaks, and what the soft ones cost more."""
        reps = self.ledger.question.reps
        now, before = int(self.plan.rep_of[j]), int(self.ledger.incumbent[j])
        breaks, cost = set(), 0.0
        for band, (has, low, high) in zip(
            self.ledger.question.rules.all_bands(), self.found.bands, strict=True
        ):
            goes, comes = self._amounts(band, j, amounts)
            for i, change in ((before, comes), (now, -goes)):
                more = _outside(has[i] + change, low[i], high[i]) - _outside(has[i], low[i], high[i])
                limit = high[i] if np.isfinite(high[i]) else 0.0
                if not band.hard:
                    cost += band.cost * more if _bound(band, reps[i].name) else 0.0
                elif more > 1e-9 * max(limit, 1.0):
                    breaks.add(f"{band.id} of {reps[i].name}")
        return breaks, cost

    def _amounts(self, band: Band, j: int, amounts: dict[str, Floats]) -> tuple[float, float]:
        """What leaves today's rep and what comes to the incumbent."""
        if band.measure != WORKLOAD:
            same = float(amounts[band.measure][j])
            return same, same
        ledger = self.ledger
        pace = 2 * ledger.visits[j] / ledger.question.rules.speed
        km = float(road_km(ledger.degrees[j], ledger.homes[ledger.incumbent[j]])) if pace else 0.0
        return float(ledger.hours[j] + pace * self.found.km[j]), float(ledger.hours[j] + pace * km)

    def _skills(self, j: int) -> set[str]:
        rep = self.ledger.question.reps[self.ledger.incumbent[j]]
        return {
            f"skill:{skill} of {rep.name}" for skill in self.ledger.question.accounts[j].needs - rep.skills
        }

    def _staffing(self, j: int) -> set[str]:
        area = self.ledger.question.accounts[j].area
        least = {each.area: each.least for each in self.ledger.question.rules.staffing}.get(area)
        if not area or least is None:
            return set()
        reps = self._reps_of(area)
        held = reps[self.plan.rep_of[j]]
        then = len(reps) - (held == 1) + (int(self.ledger.incumbent[j]) not in reps)
        return {f"staffing:{area}"} if then < least else set()

    def _reps_of(self, area: str) -> dict[int, int]:
        """How many accounts of the area each of its reps has."""
        held: dict[int, int] = {}
        for account, rep in zip(self.ledger.question.accounts, self.plan.rep_of.tolist(), strict=True):
            if account.area == area:
                held[rep] = held.get(rep, 0) + 1
        return held


def _bound(band: Band, rep: str) -> bool:
    return not band.reps or rep in band.reps


def _outside(has: float, low: float, high: float) -> float:
    return max(low - has, has - high, 0.0)
