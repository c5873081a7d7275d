"""Which rules cannot hold together, and how far each would have to give way; knows no wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.resources.compiling import Compiled, Rule
from fieldwise_allocation.core.resources.feasibility import blame, impossible, together
from fieldwise_allocation.core.resources.programme import Ints, Programme
from fieldwise_allocation.core.resources.solving import Infeasible, NotFound, solve

# Rows that are taken out one by one to find a smallest set.
MOST_TAKEN_OUT = 60


@dataclass(frozen=True)
class Way:
    """One way out: the rule as it would have to read while all others stay; None where that alone does not do."""

    rule: Rule
    needed: float | None


@dataclass(frozen=True)
class Conflict:
    """Rules that no plan keeps together: without any one of them the others can be kept.

    Args:
        ways: One per rule in conflict, the smallest relative change first.
        whole: Only whole levels are in the way: shares of levels would do.
    """

    ways: tuple[Way, ...]
    whole: bool = False


def explain(compiled: Compiled, seconds_left: Callable[[], float]) -> Conflict:
    """The conflict of a question that was found infeasible."""
    programme = compiled.programme
    rows = smallest(programme)
    whole = not rows.size
    if whole:
        rows = np.arange(len(programme.rows))
    ways = [Way(compiled.rules[r], _needed(compiled, r, seconds_left)) for r in rows.tolist()]
    return Conflict(tuple(sorted(ways, key=_change)), whole)


def _change(way: Way) -> float:
    if way.needed is None:
        return np.inf
    return abs(way.needed - way.rule.stated) / max(abs(way.rule.stated), 1e-9)


def smallest(programme: Programme) -> Ints:
    """Rows in conflict, none of them superfluous; empty where shares of levels keep all rows."""
    alone = impossible(programme)
    if alone.size:
        return alone
    blamed = blame(programme)
    if not blamed.size:
        return np.empty(0, dtype=np.int64)
    rows = np.flatnonzero(blamed > 0)
    if not together(programme, rows):  # too small to count, and yet needed
        rows = np.arange(len(blamed))
    for row in sorted(rows.tolist(), key=lambda r: blamed[r])[:MOST_TAKEN_OUT]:
        others = rows[rows != row]
        if others.size and together(programme, others):
            rows = others
    return rows


def _needed(compiled: Compiled, row: int, seconds_left: Callable[[], float]) -> float | None:
    """The nearest number for a rule that some plan keeps together with all other rules: found by solving."""
    programme, rule = compiled.programme, compiled.rules[row]
    if rule.per:
        return None
    rows = programme.rows
    counted = rows.sign[row] * programme.amount[rows.measure[row]] * rows.member[row][:, None]
    others = rows.only(np.arange(len(rows)) != row)
    easing = Programme(np.where(programme.present, -counted, -np.inf), programme.amount, others)
    try:
        found = solve(easing, seconds_left)
    except (Infeasible, NotFound):
        return None
    return float(-rows.sign[row] * found.value)
