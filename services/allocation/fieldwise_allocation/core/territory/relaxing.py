"""The smallest changes of rules that make a question possible, each tried; knows no wire and no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.territory.conflicts import Conflict, Trials, conflict_in
from fieldwise_allocation.core.territory.possible import Answer, impossible, plan_exists
from fieldwise_allocation.core.territory.problem import Problem
from fieldwise_allocation.core.territory.stated_rules import LOCK, MOVES, SKILL, STAFFING, Stated

# Steps between the smallest and the largest change of a band: each 4 % more than the one before.
BAND_STEPS = 200
# Steps between one and as many as there are.
COUNT_STEPS = 250
SMALLEST_WIDER, LARGEST_WIDER = 0.004, 8.0
# Beyond the first change that prices allow, whole accounts may need a little more.
PATIENCE = (0, 1, 3, 8, 20, 50)
MOST_CONFLICTS = 5


@dataclass(frozen=True)
class Relaxation:
    """Changes, as ``Stated`` takes them, under which a plan was found.

    Args:
        size: The sum of the changes, each as a share of what it changes.
    """

    changes: tuple[tuple[str, float], ...]
    size: float


def relaxations(
    stated: Stated, found: Conflict, hurry: Callable[[], bool] = lambda: False
) -> tuple[Relaxation, ...]:
    """Every single change that is enough, the smallest first; where none is, one set of changes that is."""
    every = frozenset(stated.names)
    single = []
    for rule in found.rules:
        if hurry():
            break
        change = smallest_change(Trials(stated, hurry), every, rule)
        if change is not None:
            single.append(Relaxation(((rule, change),), size_of(stated, rule, change)))
    if single:
        return tuple(sorted(single, key=lambda each: (each.size, each.changes)))
    several = _one_after_another(stated, found, hurry)
    return () if several is None else (several,)


def _one_after_another(stated: Stated, found: Conflict, hurry: Callable[[], bool]) -> Relaxation | None:
    """Several conflicts: each is ended by the smallest change that ends it, until a plan is found."""
    changes: dict[str, float] = {}
    for _ in range(MOST_CONFLICTS):
        here = Trials(stated, hurry, changes)
        options = []
        for rule in found.rules:
            change = smallest_change(here, frozenset(found.rules), rule)
            if change is not None:
                options.append((size_of(stated, rule, change), rule, change))
        if not options:
            return None
        _, rule, change = min(options)
        changes[rule] = change
        found = conflict_in(Trials(stated, hurry, changes))
        if found.answer is Answer.POSSIBLE:
            size = sum(size_of(stated, rule, change) for rule, change in changes.items())
            return Relaxation(tuple(sorted(changes.items())), size)
        if not found.rules or hurry():
            return None
    return None


def smallest_change(trials: Trials, rules: frozenset[str], rule: str) -> float | None:
    """The smallest change of one rule under which these rules hold together; None when no change is enough."""
    stated, already = trials.stated, trials.changes
    steps = possible_changes(stated, rule)
    steps = steps[steps > already.get(rule, 0.0)]

    def changed(step: int) -> Problem:
        return stated.problem(rules, {**already, rule: float(steps[step])})

    # Where divided accounts would fit, only a search for a plan tells how much is enough.
    divided = impossible(stated.problem(rules, already), quick=True)

    def too_little(step: int) -> bool:
        return impossible(changed(step), quick=True) if divided else not plan_exists(changed(step))

    last = len(steps) - 1
    if last < 0 or too_little(last):
        return None
    first = _first(too_little, -1, last, trials.hurry)
    tried = -1 if not divided else first - 1
    for more in PATIENCE:
        step = min(first + more, last)
        if trials.hurry():
            return None
        if plan_exists(changed(step)):
            enough = _first(lambda between: not plan_exists(changed(between)), tried, step, trials.hurry)
            return float(steps[enough])
        tried = step
        if step == last:
            break
    return None


def _first(too_little: Callable[[int], bool], low: int, high: int, hurry: Callable[[], bool]) -> int:
    """The first step above ``low`` that is enough; ``high`` is, and is the answer in a hurry."""
    while high - low > 1 and not hurry():
        middle = (low + high) // 2
        if too_little(middle):
            low = middle
        else:
            high = middle
    return high


def possible_changes(stated: Stated, rule: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The changes of a rule that make sense, the smallest first."""
    if rule in stated.bands:
        return _wider(stated, rule)
    if rule == MOVES:
        return _counts(len(stated.question.accounts))
    if rule.startswith(LOCK):
        return _counts(len(stated.locks[rule]))
    if rule.startswith(SKILL):
        return _counts(len(stated.pupils(rule)))
    return _counts(stated.staffing[rule].least)


def _counts(most: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Every number up to some 30, then steps of a few hundredths, up to the most there can be."""
    return np.unique(np.round(np.geomspace(1.0, max(most, 1), COUNT_STEPS)))[: max(most, 0)]


def _wider(stated: Stated, rule: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Widths in ten-thousandths, so that the answer is a number that a planner can type."""
    band = stated.bands[rule]
    steps = np.geomspace(SMALLEST_WIDER, LARGEST_WIDER, BAND_STEPS)
    if band.width is None:
        return np.unique(np.ceil(steps * 1e4) / 1e4)
    becomes = np.unique(np.minimum(np.ceil((band.width + steps) * 1e4) / 1e4, 1.0))
    return becomes[becomes > band.width] - band.width


def size_of(stated: Stated, rule: str, change: float) -> float:
    """A change as a share of what it changes."""
    if rule in stated.bands:
        width = stated.bands[rule].width
        return change if width is None else change / max(width, 0.01)
    if rule == MOVES:
        return change / max(stated.question.rules.most_moves or 0, 1)
    if rule.startswith(LOCK):
        whole = len(stated.locks[rule])
    elif rule.startswith(STAFFING):
        whole = stated.staffing[rule].least
    else:
        whole = len(stated.reps)
    return change / whole
