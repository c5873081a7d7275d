"""What a search found, told to a planner: costs per rule, loads, prices, reasons; knows no solver and no wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.question import VALUE, WORKLOAD, Place, Question
from fieldwise_allocation.core.territory import problem as territory
from fieldwise_allocation.core.territory.audit import RuleCost
from fieldwise_allocation.core.territory.compile import Compiled, compiled
from fieldwise_allocation.core.territory.contiguity import Connected, connected
from fieldwise_allocation.core.territory.found import Found
from fieldwise_allocation.core.territory.ledger import Ledger
from fieldwise_allocation.core.territory.plan import REASONS, BandLoad, Compared, Plan, Staying
from fieldwise_allocation.core.territory.problem import Floats, Ints, Problem
from fieldwise_allocation.core.territory.staying import Return, put_back, returns
from fieldwise_allocation.core.territory.warnings import warnings

_Kind = TypeVar("_Kind", bound=np.generic)
_CODE = {reason: code for code, reason in enumerate(REASONS)}


@dataclass(frozen=True)
class Prepared:
    """A question made ready: to be solved, and to be described and checked at once when the search ends."""

    question: Question
    compiled: Compiled
    ledger: Ledger
    warnings: tuple[str, ...]

    def described(self, found: Found, compared: Compared = Compared()) -> Plan:
        """The plan in the order of the question, with every figure a planner asks for.

        Accounts that left their incumbent for nothing are put back first: the plan may cost less than ``found``.
        """
        problem = replace(self.compiled.problem, home=found.home)
        rep_of = put_back(problem, found.rep_of)
        return _Description(self, problem, rep_of, found, compared).plan()


def prepared(question: Question) -> Prepared:
    """Compile a question and read the columns that its plan will be checked against."""
    ledger = Ledger(question)
    ledger.read()
    return Prepared(question, compiled(question), ledger, tuple(warnings(question)))


@dataclass(frozen=True)
class _Description:
    frame: Prepared
    problem: Problem
    rep_of: Ints
    found: Found
    compared: Compared

    def plan(self) -> Plan:
        """Everything in the problem's order is put into the question's here."""
        frame, problem, rep_of = self.frame, self.problem, self.rep_of
        way = frame.compiled
        loads = territory.loads(problem, rep_of)
        outside = territory.excess(problem, loads)
        parts = self._connected()
        costs = tuple(self._costs(outside, parts))
        objective = sum(each.cost for each in costs)
        back = returns(problem, rep_of)
        targets = way.whole[0] * way.share
        total = float(loads[0].sum())
        hard = np.isinf(problem.outside) & (problem.band_measure == 0)[:, None]
        return Plan(
            rep_of=way.asked(rep_of),
            moved=self._by_account(territory.moved(problem, rep_of)),
            reason=self._by_account(self._reasons(back)),
            km=self._by_account(territory.km_to(problem, np.arange(problem.accounts), rep_of)),
            staying=self._staying(back),
            loads=self._by_rep(loads[0]),
            targets=self._by_rep(targets),
            values=self._by_rep(np.bincount(rep_of, self._values(), problem.reps).astype(np.float64)),
            hour_prices=self._by_rep(self._hour_prices()),
            bands=tuple(self._bands(loads)),
            chosen=self._chosen(),
            connected=None if parts is None else self._by_rep(_shares(parts)),
            connected_share=None if parts is None else parts.share,
            objective=objective,
            # Floats of two different sums: a bound above the cost would be a fault of rounding only.
            bound=min(max(self.found.bound, 0.0), objective),
            move_price=self.found.move_price,
            outside_band=float(outside[hard].sum()) / total if total > 0 else 0.0,
            worst_deviation=float((np.abs(loads[0] - targets) / np.where(targets > 0, targets, 1.0)).max()),
            rule_costs=costs,
            compared=self.compared,
            warnings=frame.warnings,
        )

    def _by_account(self, column: npt.NDArray[_Kind]) -> npt.NDArray[_Kind]:
        answer = np.empty_like(column)
        answer[self.frame.compiled.rows] = column
        return answer

    def _by_rep(self, column: Floats) -> Floats:
        answer = np.empty_like(column, dtype=np.float64)
        answer[self.frame.compiled.seats] = column
        return answer

    def _values(self) -> Floats:
        return self.frame.ledger.amount(VALUE)[self.frame.compiled.rows]

    def _connected(self) -> Connected | None:
        if not self.frame.question.travels:
            return None
        chart, rows = self.frame.ledger.chart, self.frame.compiled.rows
        chart = replace(chart, cell=chart.cell[rows])
        return connected(chart, self.problem.amount[0], self.rep_of, self.problem.reps)

    # ---- costs ----------------------------------------------------------------------------------------------------

    def _costs(self, outside: Floats, parts: Connected | None) -> Sequence[RuleCost]:
        problem, rules = self.problem, self.frame.question.rules
        km = territory.km_to(problem, np.arange(problem.accounts), self.rep_of)
        moved = territory.moved(problem, self.rep_of)
        costs = [
            RuleCost("travel", float((problem.per_km * km).sum()), float(km.sum()), "km", False),
            RuleCost(
                "continuity", float(problem.per_move[moved].sum()), float(moved.sum()), "accounts", False
            ),
        ]
        for band, out in zip(self.frame.compiled.bands, outside.sum(axis=1).tolist(), strict=True):
            unit = "h" if band.measure == WORKLOAD else band.measure
            much = 0.0 if band.hard else out
            costs.append(RuleCost(band.id, band.cost * much, much, unit, band.hard))
        if parts is not None:
            apart = float((parts.total - parts.largest).sum())
            costs.append(RuleCost("contiguity", rules.contiguity_cost * apart, apart, "h", False))
        return costs + [RuleCost(rule, 0.0, 0.0, unit, True) for rule, unit in self._hard_rules()]

    def _hard_rules(self) -> Sequence[tuple[str, str]]:
        problem, way = self.problem, self.frame.compiled
        rules = [(f"skill:{skill}", "accounts") for skill in sorted(frozenset().union(*way.needs))]
        rules += [("locks", "accounts")] if problem.locked.any() else []
        rules += [("moves", "accounts")] if problem.most_moves is not None else []
        return rules + [(f"staffing:{each.area}", "reps") for each in self.frame.question.rules.staffing]

    def _hour_prices(self) -> Floats:
        """What one more hour of each rep saves: of all bands on workload together."""
        of_hours = self.problem.band_measure == 0
        return np.asarray(-self.found.price[of_hours].sum(axis=0) + 0.0)

    def _bands(self, loads: Floats) -> Sequence[BandLoad]:
        problem = self.problem
        return [
            BandLoad(
                band.id,
                band.measure,
                self._by_rep(loads[problem.band_measure[b]]),
                self._by_rep(problem.low[b]),
                self._by_rep(problem.high[b]),
                self._by_rep(-self.found.price[b] + 0.0),
            )
            for b, band in enumerate(self.frame.compiled.bands)
        ]

    def _chosen(self) -> tuple[Place | None, ...]:
        way = self.frame.compiled
        chosen: list[Place | None] = [None] * self.problem.reps
        for i in np.flatnonzero(way.free).tolist():
            x, y, z = self.found.home[i]
            if not np.isnan(x):
                latitude = np.degrees(np.arctan2(z, np.hypot(x, y)))
                chosen[way.seats[i]] = Place(float(latitude), float(np.degrees(np.arctan2(y, x))))
        return tuple(chosen)

    # ---- reasons --------------------------------------------------------------------------------------------------

    def _reasons(self, back: Return) -> npt.NDArray[np.int8]:
        """The first that holds: skills first, then what is saved, then what would break."""
        problem, before = self.problem, self.problem.incumbent
        reason = np.full(problem.accounts, _CODE["INCUMBENT"], dtype=np.int8)
        reason[before < 0] = _CODE["NEW"]  # nobody had it, or he has left the team
        reason[problem.locked] = _CODE["LOCKED"]
        saved = back.travel + back.move
        blocked = (back.overfull | back.starved).any(axis=0)
        dearer = back.total > 0
        reason[back.rows] = np.select(
            [
                back.unable,
                saved > 0,
                back.understaffed,
                blocked | ((back.band > 0) & dearer),
            ],
            [_CODE[name] for name in ("SKILL", "LESS_TRAVEL", "STAFFING", "BALANCE")],
            default=_CODE["SEARCH_ENDED"],
        )
        return reason

    def _staying(self, back: Return) -> Staying:
        way = self.frame.compiled
        order = np.argsort(way.rows[back.rows], kind="stable")
        barred = back.barred
        rows = back.rows[order]
        return Staying(
            account=way.rows[rows].astype(np.int32),
            travel=back.travel[order],
            move=back.move[order],
            band=back.band[order],
            worth=self._worth(rows),
            breaks=tuple(self._breaks(back, s) if barred[s] else () for s in order.tolist()),
        )

    def _worth(self, rows: Ints) -> Floats:
        """Plan units by which what the account takes of each band is dearer with the incumbent."""
        problem, price = self.problem, self.found.price
        now, before = self.rep_of[rows], problem.incumbent[rows]
        km_now, km_before = territory.km_to(problem, rows, now), territory.km_to(problem, rows, before)
        worth = np.zeros(len(rows))
        for b, measure in enumerate(problem.band_measure.tolist()):
            amount = problem.amount[measure][rows]
            pace = problem.pace[rows] if measure == 0 else 0.0
            worth += price[b][now] * (amount + pace * km_now) - price[b][before] * (amount + pace * km_before)
        return worth

    def _breaks(self, back: Return, s: int) -> tuple[str, ...]:
        reps, way = self.frame.question.reps, self.frame.compiled
        j = int(back.rows[s])
        before = reps[way.seats[self.problem.incumbent[j]]].name
        now = reps[way.seats[self.rep_of[j]]].name
        account = self.frame.question.accounts[way.rows[j]]
        broken = []
        if back.unable[s]:
            lacks = account.needs - reps[way.seats[self.problem.incumbent[j]]].skills
            broken += [f"skill:{skill} of {before}" for skill in sorted(lacks)]
        for b, band in enumerate(way.bands):
            broken += [f"{band.id} of {before}"] * bool(back.overfull[b, s])
            broken += [f"{band.id} of {now}"] * bool(back.starved[b, s])
        return (*broken, *([f"staffing:{account.area}"] * bool(back.understaffed[s])))


def _shares(parts: Connected) -> Floats:
    return np.asarray(
        np.where(parts.total > 0, parts.largest / np.where(parts.total > 0, parts.total, 1.0), 1.0)
    )
