"""Shifts and swaps of accounts between two reps: repair of bands, then descent; knows nothing of solvers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fieldwise_allocation.core.instance import Floats, Instance, Ints

MOVES_PER_PAIR = 200
SWEEPS = 30
# A matrix of swaps is cut to this many accounts a side: those that lose least by going.
WIDEST = 400


@dataclass
class Exchange:
    """A plan being improved in place.

    Args:
        price: Plan units per hour; only chooses which reps are neighbours.
        penalty: Plan units per hour outside a band; infinite keeps a feasible plan feasible.
        out_of_time: Asked between pairs of reps.
    """

    instance: Instance
    rep_of: Ints
    neighbours: list[tuple[int, int]]
    penalty: float
    out_of_time: Callable[[], bool]
    loads: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.loads = self.instance.loads(self.rep_of)

    def descend(self) -> None:
        """Best exchanges until no pair of neighbours has one; pairs whose reps stood still are not asked again."""
        touched = set(range(len(self.loads)))
        for _ in range(SWEEPS):
            changed: set[int] = set()
            for a, b in self.neighbours:
                if self.out_of_time():
                    return
                if (a in touched or b in touched or a in changed or b in changed) and self._settle(a, b):
                    changed |= {a, b}
            if not changed:
                return
            touched = changed

    def _settle(self, a: int, b: int) -> bool:
        """Exchange between two reps until nothing is gained; whether anything was."""
        moved = False
        for _ in range(MOVES_PER_PAIR):
            if not self._best_exchange(a, b):
                break
            moved = True
        return moved

    def _best_exchange(self, a: int, b: int) -> bool:
        mine, gain_away = self._movable(a, b)
        yours, gain_back = self._movable(b, a)
        # The last row and column stand for "nobody goes": an exchange with nobody is a shift.
        hours = np.append(self.instance.workload[yours], 0.0)[None, :]
        hours = hours - np.append(self.instance.workload[mine], 0.0)[:, None]
        score = np.append(gain_away, 0.0)[:, None] + np.append(gain_back, 0.0)[None, :]
        score = score + self._band_change(a, b, hours)
        where = int(np.argmin(score))
        goes, comes = divmod(where, score.shape[1])
        if score[goes, comes] >= -1e-9 * (1.0 + abs(self.instance.target[a])):
            return False
        if goes < len(mine):
            self.rep_of[mine[goes]] = b
        if comes < len(yours):
            self.rep_of[yours[comes]] = a
        self.loads = self.instance.loads(self.rep_of)
        return True

    def _movable(self, a: int, b: int) -> tuple[Ints, Floats]:
        """Accounts of ``a`` that ``b`` may have, and what each costs more there."""
        held = np.flatnonzero(self.rep_of == a)
        more = self.instance.cost[held, b] - self.instance.cost[held, a]
        allowed = np.isfinite(more)
        held, more = held[allowed], more[allowed]
        if len(held) > WIDEST:
            keep = np.sort(np.argpartition(more, WIDEST)[:WIDEST])
            held, more = held[keep], more[keep]
        return held, more

    def _band_change(self, a: int, b: int, hours: Floats) -> Floats:
        """Penalty of ``hours`` more for a and fewer for b, against the penalty now."""
        now = self._outside(a, self.loads[a]) + self._outside(b, self.loads[b])
        then = self._outside(a, self.loads[a] + hours) + self._outside(b, self.loads[b] - hours)
        change = then - now
        if np.isinf(self.penalty):
            return np.where(change > 1e-12, np.inf, 0.0)
        return np.asarray(self.penalty * change)

    def _outside(self, rep: int, load: Floats | float) -> Floats:
        low, high = self.instance.low[rep], self.instance.high[rep]
        return np.asarray(np.maximum(np.maximum(low - load, load - high), 0.0))


def neighbours(instance: Instance, reduced: Floats, rep_of: Ints, *, near: int = 4) -> list[tuple[int, int]]:
    """Pairs of reps worth an exchange: some account of one has the other among its ``near`` cheapest.

    Few reps are all neighbours; the order of the pairs is that of the reps, so equal input gives equal plans.
    """
    count = len(instance.target)
    if count <= 25:
        return [(a, b) for a in range(count) for b in range(a + 1, count)]
    cheapest = np.argpartition(reduced, near, axis=1)[:, :near]
    holder = np.repeat(rep_of, near)
    other = cheapest.ravel()
    pairs = np.unique(np.sort(np.stack([holder, other], axis=1), axis=1), axis=0)
    return [(int(a), int(b)) for a, b in pairs if a != b]
