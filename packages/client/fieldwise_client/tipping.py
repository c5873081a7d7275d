"""Decision AI or plain reports: from how much a company decides, how hard that is, and what is surely gained. Knows no service.

Nobody needs a model to see what 200 rows say. The test for that is the one that a report of effects is held to: would so many customers show
even a doubled result, with the usual control group?
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import ceil, inf, log2
from typing import Final

# (quantile of 0.975 + quantile of 0.8) squared: 95 % and a power of 0.8.
_EVIDENCE: Final = (1.959964 + 0.841621) ** 2
CONTROL_SHARE: Final = 0.05
# Spread of the money of 28 days between customers, by its mean: 1.19 to 1.25 at four dates of Complete Journey.
VARIATION: Final = 1.2
# What a person weighs at a glance; more options cost more time by the logarithm (Hick, 1952).
_AT_A_GLANCE: Final = 3


class Choice(Enum):
    """What to use."""

    RULES = "use rules"
    REPORTS = "use plain reports"
    DECISION_AI = "use decision AI"


@dataclass(frozen=True)
class Practice:
    """How a company decides.

    Args:
        rows: Customers whose history is at hand.
        decisions: Decisions in a year.
        options: Actions that one decision chooses among.
        gain: Lower bound of what a decision by the engine earns more than one without; 0 where that is not measured.
        cost_per_year: Of running it, people included.
        cost_per_decision: Beside that.
        minutes: That a person takes for a decision among three options.
        hour_cost: Of that person.
    """

    rows: int
    decisions: int
    options: int
    gain: float
    cost_per_year: float
    cost_per_decision: float = 0.0
    minutes: float = 2.0
    hour_cost: float = 0.0


@dataclass(frozen=True)
class Advice:
    """What to use and why.

    Args:
        tipping: Decisions in a year from which on the engine pays; infinite where none would.
        surplus: What it brings in a year beyond its cost, at the lower bound.
        by_hand: What the same decisions cost by hand.
        rows_for_double, rows_for_tenth: Customers who would show a doubled result, and one that is a tenth higher.
    """

    choice: Choice
    tipping: float
    surplus: float
    by_hand: float
    rows_for_double: int
    rows_for_tenth: int
    reason: str


def advise(practice: Practice) -> Advice:
    """The choice for a company."""
    by_hand = minutes_by_hand(practice) / 60.0 * practice.hour_cost
    each = practice.gain + by_hand - practice.cost_per_decision
    tipping = practice.cost_per_year / each if each > 0 else inf
    surplus = practice.decisions * each - practice.cost_per_year
    double, tenth = rows_needed(1.0), rows_needed(0.1)
    choice, reason = _choice(practice, tipping, double)
    return Advice(choice, tipping, surplus, practice.decisions * by_hand, double, tenth, reason)


def rows_needed(lift: float) -> int:
    """Customers with whom a change of the mean by ``lift`` (1 is a doubling) would be seen, a control group of 5 % among them."""
    groups = 1.0 / CONTROL_SHARE + 1.0 / (1.0 - CONTROL_SHARE)
    return ceil(_EVIDENCE * groups * (VARIATION / lift) ** 2)


def minutes_by_hand(practice: Practice) -> float:
    """Minutes of a person for one decision: they grow with the logarithm of the options."""
    return practice.minutes * max(1.0, log2(1 + practice.options) / log2(1 + _AT_A_GLANCE))


def _choice(practice: Practice, tipping: float, double: int) -> tuple[Choice, str]:
    if practice.rows < double:
        return Choice.RULES, f"{practice.rows} rows would not show even a doubled result; {double} would"
    if tipping == inf:
        return Choice.REPORTS, "no gain is sure yet: measure it first (fieldwise effect report)"
    if practice.decisions < tipping:
        return Choice.REPORTS, f"{practice.decisions} decisions a year do not pay; {ceil(tipping)} would"
    return (
        Choice.DECISION_AI,
        f"it pays from {ceil(tipping)} decisions a year on, at the lower bound of its gain",
    )
