"""Which way of choosing actions is let out: constant, a simple rule, or a learned table; knows no learner and no record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from fieldwise_recommend.core.arrays import Floats, Ints
from fieldwise_recommend.core.offpolicy.intervals import standard_error
from fieldwise_recommend.core.uplift.contrasts import NOTHING, Scores

# What can be said of a trial.
PERSONAL: Final = "PERSONAL"
SIMPLE_RULE: Final = "SIMPLE_RULE"
TREAT_ALL: Final = "TREAT_ALL"
TREAT_NONE: Final = "TREAT_NONE"
NOT_ENOUGH_EVIDENCE: Final = "NOT_ENOUGH_EVIDENCE"


@dataclass(frozen=True, slots=True)
class Bounded:
    """A mean per decision with one-sided bounds."""

    value: float
    error: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is let out.

    Args:
        verdict: What can be said: one of the words above.
        action: Column of the constant action that is best, or NOTHING.
        rule: Name of the simple rule that is let out; empty without one.
        average: What each action adds to doing nothing, on average over all decisions, in the order of the columns.
        gain: The learned table over the way it was nearest to, and its lower bound.
    """

    verdict: str
    action: int
    rule: str
    average: tuple[Bounded, ...]
    gain: Bounded


def verdict_of(
    known: Scores,
    learned: Ints,
    rules: Mapping[str, Ints],
    confidence: float = 0.95,
    family: float = 0.9,
) -> Verdict:
    """Compares the learned choices with simple ways, on customers none of them was made from.

    Constants first: one of them is let out only if what it adds is surely above 0. A rule has to beat every constant, the learned
    table every constant and every rule, each by a lower bound above 0. Else it is the best constant.

    Args:
        learned: Column that the learned table chooses, made from other customers, shape (n,).
        rules: The same of simple rules, by name.
        confidence: That a rule or the table is better than each simpler way, one-sided.
        family: That none of the claims that an action adds something, or that none does, is wrong; shared out over the actions.
    """
    actions = known.values.shape[1]
    shared = 1.0 - (1.0 - family) / max(actions - 1, 1)
    nothing = np.full(len(known.values), NOTHING)
    average = tuple(gain(known, constant(known, each), nothing, shared) for each in range(actions))
    best = int(np.argmax([each.value for each in average]))
    constants = [constant(known, each) for each in range(actions)]
    winner = next(
        (name for name, chosen in rules.items() if _beats(known, chosen, constants, confidence)), ""
    )
    rungs = [*constants, *rules.values()]
    ahead = min((gain(known, learned, rung, confidence) for rung in rungs), key=lambda each: each.low)
    if ahead.low > 0.0:
        return Verdict(PERSONAL, best, "", average, ahead)
    if winner:
        return Verdict(SIMPLE_RULE, best, winner, average, ahead)
    return Verdict(*_constant(best, average), "", average, ahead)


def _constant(best: int, average: tuple[Bounded, ...]) -> tuple[str, int]:
    if best != NOTHING:
        return (TREAT_ALL, best) if average[best].low > 0.0 else (NOT_ENOUGH_EVIDENCE, NOTHING)
    surely = all(each.high < 0.0 for each in average[NOTHING + 1 :])
    return (TREAT_NONE if surely else NOT_ENOUGH_EVIDENCE), NOTHING


def constant(known: Scores, action: int) -> Ints:
    """An action wherever it is open, nothing elsewhere."""
    return np.where(known.open[:, action], action, NOTHING)


def gain(known: Scores, chosen: Ints, other: Ints, confidence: float) -> Bounded:
    """What one way of choosing brings beyond another on the same decisions, rows of one customer taken together."""
    rows = np.arange(len(chosen))
    apart: Floats = known.values[rows, chosen] - known.values[rows, other]
    value = float(apart.mean())
    error = standard_error(apart - value, known.customers)
    reach = float(stats.norm.ppf(confidence)) * error
    return Bounded(value, error, value - reach, value + reach)


def _beats(known: Scores, chosen: Ints, rungs: list[Ints], confidence: float) -> bool:
    return all(gain(known, chosen, rung, confidence).low > 0.0 for rung in rungs)
