"""What a planner reads on the terminal: progress while it solves, the figures when it is done."""

from __future__ import annotations

from typing import TextIO

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
    """The plan's figures, beside today's and beside the nearest rep, as a small table."""
    plan = outcome.plan
    rows = [("this plan", plan.objective, plan.travel_km, outcome.worst_deviation)]
    if plan.HasField("incumbent"):
        today = plan.incumbent
        rows.append(("today", today.objective, today.travel_km, today.worst_deviation))
    if plan.HasField("nearest_rep"):
        nearest = plan.nearest_rep
        rows.append(("nearest rep", nearest.objective, nearest.travel_km, nearest.worst_deviation))
    table = [f"{'':<12}{'cost':>14}{'km':>12}{'worst balance':>16}"]
    table += [
        f"{name:<12}{cost:>14,.1f}{km:>12,.0f}{deviation:>15.1%} " for name, cost, km, deviation in rows
    ]
    return "\n".join(line.rstrip() for line in [*table, _verdict(outcome)])


def _verdict(outcome: Outcome) -> str:
    plan = outcome.plan
    moved = f"{plan.moves} of {len(outcome.lines)} accounts move"
    if plan.value_moved.micros:
        moved += f" ({plan.value_moved.micros / 1e6:,.0f} {plan.value_moved.currency_code} of value)"
    proof = "proven optimal" if plan.gap <= 0 else f"at most {plan.gap:.2%} above the best possible"
    return f"{moved}; {proof}, in {plan.solve_seconds:.1f} s"
