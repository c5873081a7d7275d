"""What a planner reads on the terminal: progress while it solves, the figures when it is done."""

from __future__ import annotations

from typing import NamedTuple, TextIO

from fieldwise.allocation.v1.plan_pb2 import PlanMeasure, TerritoryPlan
from fieldwise_client.plan.outcome import Outcome
from fieldwise_client.requests import PlanProgress


class ProgressLine:
    """One line that is written over on a terminal; elsewhere a line per change."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._overwrites = stream.isatty()
        self._shown = ""

    def show(self, progress: PlanProgress) -> None:
        """Show how far the plan is."""
        text = progress_text(progress)
        if text == self._shown:
            return
        padding = " " * (len(self._shown) - len(text))
        self._stream.write(f"\r{text}{padding}" if self._overwrites else f"{text}\n")
        self._stream.flush()
        self._shown = text

    def tell(self, progress: PlanProgress | None) -> None:
        """Show how far the plan is, where that is known."""
        if progress is not None:
            self.show(progress)

    def end(self, words: str = "") -> None:
        """Leave the line; say the last words."""
        if self._overwrites and self._shown:
            self._stream.write("\n")
        if words:
            self._stream.write(f"{words}\n")
        self._stream.flush()


def progress_text(progress: PlanProgress) -> str:
    """`improving   objective 1,234.5   bound 1,200.0   gap 2.79%`."""
    facts = [f"{progress.step:<10}"]
    if progress.objective is not None:
        facts.append(f"objective {progress.objective:,.1f}")
    if progress.bound is not None:
        facts.append(f"bound {progress.bound:,.1f}")
    if progress.gap is not None:
        facts.append(f"gap {progress.gap:.2%}")
    return "   ".join(facts).rstrip()


def headline(outcome: Outcome) -> str:
    """The plan's figures, beside today's, those of K-means and of the nearest rep, as a small table."""
    plan = outcome.plan
    own = _Row(
        "this plan", plan.objective, plan.travel_km, outcome.worst_deviation, plan.moves, plan.breach_count
    )
    rows = [own]
    if plan.HasField("incumbent"):
        rows.append(_measured("today", plan.incumbent))
    if plan.HasField("k_means"):
        rows.append(_measured("k-means", plan.k_means))
    if plan.HasField("nearest_rep"):
        rows.append(_measured("nearest rep", plan.nearest_rep))
    head = (
        f"{'':<12}{'cost, units':>14}{'km, one way':>13}{'worst balance':>16}{'move':>9}{'rules broken':>15}"
    )
    table = [
        f"{row.name:<12}{row.cost:>14,.1f}{row.km:>13,.0f}{row.deviation:>15.1%} {row.moves:>9,}{row.broken:>15,}"
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in [head, *table, _verdict(outcome)])


class _Row(NamedTuple):
    """One plan, or what stands in for one."""

    name: str
    cost: float
    km: float
    deviation: float
    moves: int
    broken: int


def _measured(name: str, measure: PlanMeasure) -> _Row:
    broken = sum(each.count for each in measure.broken)
    return _Row(name, measure.objective, measure.travel_km, measure.worst_deviation, measure.moves, broken)


def _verdict(outcome: Outcome) -> str:
    plan = outcome.plan
    moved = f"{plan.moves} of {len(outcome.lines)} accounts move"
    if plan.value_moved.micros:
        moved += f" ({plan.value_moved.micros / 1e6:,.0f} {plan.value_moved.currency_code} of value)"
    return f"{moved}; {_proof(plan)}, in {plan.solve_seconds:.1f} s"


def _proof(plan: TerritoryPlan) -> str:
    if plan.gap <= 0:
        return "proven optimal"
    if plan.bound <= 0:
        return "how much cheaper a plan may be is not known"
    return f"no plan is more than {plan.gap:.2%} cheaper"
