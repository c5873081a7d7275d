"""Upper concave hulls of value against one resource, and the way along them; knows no price but the steps' own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.resources.programme import Bools, Floats, Ints


@dataclass(frozen=True)
class Way:
    """Every step of every hull, steepest first: the whole frontier of value against the resource.

    Args:
        first: Option of each cell where the way starts: the one that takes least, shape (n,).
        cell, option: Whose step it is and where it leads, shape (s,).
        slope: Value per unit of the resource, falling, shape (s,).
        use, value: Running totals after each step, the start's first, shape (s + 1,).
    """

    first: Ints
    cell: Ints
    option: Ints
    slope: Floats
    use: Floats
    value: Floats

    def choice(self, steps: int) -> Ints:
        """Option of each cell after so many steps."""
        chosen = self.first.copy()
        # Steps of a cell come in the order of its hull, so that the last of them stands.
        chosen[self.cell[:steps]] = self.option[:steps]
        return chosen

    def steps_within(self, capacity: float) -> int:
        """How many steps a capacity pays for."""
        return int(np.searchsorted(self.use, capacity, side="right")) - 1

    def worth(self, capacity: float) -> float:
        """The relaxation's value at a capacity: the next step counts by the part that is paid for."""
        return float(np.interp(capacity, self.use, self.value))

    def price(self, capacity: float) -> float:
        """What one more unit would bring at this capacity; 0 where the way has ended."""
        step = self.steps_within(capacity)
        return float(self.slope[step]) if 0 <= step < len(self.slope) else 0.0


def way(value: Floats, use: Floats) -> Way:
    """The way along all hulls.

    Args:
        value: Shape (n, l), -inf where there is no option.
        use: What each takes, shape (n, l), any order.
    """
    first = _cheapest(value, use)
    cell, option, gain, more = _steps(value, use, first)
    slope = gain / more
    # Stable: equal slopes keep the order of cells, and a cell's own steps never change places.
    order = np.argsort(-slope, kind="stable")
    rows = np.arange(len(value))
    return Way(
        first=first,
        cell=cell[order],
        option=option[order],
        slope=slope[order],
        use=_running(use[rows, first].sum(), more[order]),
        value=_running(value[rows, first].sum(), gain[order]),
    )


def _running(start: float, steps: Floats) -> Floats:
    return np.concatenate([[start], start + np.cumsum(steps)])


def _cheapest(value: Floats, use: Floats) -> Ints:
    """The option that takes least, of equals the one worth most."""
    taken = np.where(np.isfinite(value), use, np.inf)
    least = taken.min(axis=1, keepdims=True)
    return np.asarray(np.where(taken == least, value, -np.inf).argmax(axis=1), dtype=np.int64)


def _steps(value: Floats, use: Floats, first: Ints) -> tuple[Ints, Ints, Floats, Floats]:
    """(cell, option, value gained, use added) of each step of each hull; the steps of a cell in their order.

    From each corner the next is the option of the steepest slope, of equals the farthest (Jarvis).
    """
    at, active = first.copy(), np.arange(len(value))
    found: list[tuple[Ints, Ints, Floats, Floats]] = []
    while active.size:
        more = use[active] - use[active, at[active]][:, None]
        gain = value[active] - value[active, at[active]][:, None]
        ahead: Bools = (more > 0) & (gain > 0)
        slope = np.divide(gain, more, out=np.full_like(gain, -1.0), where=ahead)
        steepest = slope.max(axis=1)
        goes = steepest > 0
        active, slope, more, gain = active[goes], slope[goes], more[goes], gain[goes]
        tied = slope >= steepest[goes][:, None] * (1 - 1e-12)
        to = np.where(tied, more, -1.0).argmax(axis=1)
        picked = np.arange(len(active))
        found.append((active, to, gain[picked, to], more[picked, to]))
        at[active] = to
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0)
    cell, option, gains, mores = (np.concatenate(column) for column in zip(*found, strict=True))
    return cell, option, gains, mores
