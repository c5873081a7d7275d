"""Prices of rows by the smoothed Lagrangian dual, climbed down by Newton's method; knows no choice in whole options."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.resources.programme import Bools, Floats, Programme

# Each stage smooths this much less than the one before.
COOLING = 0.2
# Smoothing ends where it can cost no more than this share of the value.
PRECISION = 2e-6
STEPS_PER_STAGE = 12
HALVINGS = 12


@dataclass(frozen=True)
class Prices:
    """Prices of rows and what they prove.

    Args:
        price: Worth of one more unit of each row's limit, shape (r,), >= 0.
        ceiling: No choice is worth more.
        share: Part of each option in the smoothed optimum, shape (n, l); rows of cells sum to 1.
    """

    price: Floats
    ceiling: float
    share: Floats


@dataclass(frozen=True)
class _Point:
    scaled: Floats
    worth: float
    slope: Floats
    share: Floats


def clear(programme: Programme, *, most: float = np.inf, start: Floats | None = None) -> Prices:
    """The prices of lowest ceiling.

    Args:
        most: No price (times the row's size) above this; the ceiling then is of a programme that may break rows at it.
        start: Prices to begin with, shape (r,); they only save time.
    """
    descent = _Descent(programme, most)
    scaled = np.zeros(len(programme.rows)) if start is None else start / programme.weight
    scaled = np.clip(scaled, 0.0, most)
    heat, coldest = descent.heats(warm=start is not None)
    point = descent.at(scaled, heat)
    best, lowest = scaled, programme.ceiling(scaled * programme.weight)
    while True:
        point = descent.settle(point, heat)
        ceiling = programme.ceiling(point.scaled * programme.weight)
        if ceiling < lowest:
            best, lowest = point.scaled, ceiling
        if heat <= coldest:
            break
        heat = max(coldest, heat * COOLING)
        point = descent.at(point.scaled, heat)
    price = _netted(programme, best * programme.weight)
    return Prices(price, min(lowest, programme.ceiling(price)), point.share)


def _netted(programme: Programme, price: Floats) -> Floats:
    """Of a floor and a ceiling over the same, only one end can bind: what both have is taken off both.

    Only the difference matters to cells, and the bound falls by the room between the ends.
    """
    rows, net = programme.rows, price.copy()
    for low in np.flatnonzero((rows.sign < 0) & (price > 0)):
        for high in np.flatnonzero((rows.sign > 0) & (price > 0) & (rows.measure == rows.measure[low])):
            if np.array_equal(rows.member[low], rows.member[high]):
                both = min(net[low], net[high])
                net[low], net[high] = net[low] - both, net[high] - both
    return net


class _Descent:
    """Newton steps on the smoothed dual in prices times sizes of rows, kept within 0 and ``most``."""

    def __init__(self, programme: Programme, most: float) -> None:
        self.programme, self.most = programme, most
        self.priced = np.unique(programme.rows.measure)
        self.bound = programme.rows.bound * programme.weight
        lowest = np.where(programme.present, programme.value, np.inf).min(axis=1)
        self.spread = programme.value.max(axis=1) - lowest
        # How much a choice in one cell moves each row, in sizes of rows.
        moved = np.ptp(programme.amount, axis=2).mean(axis=1)
        self.reach = programme.weight * moved[programme.rows.measure]

    def heats(self, *, warm: bool) -> tuple[float, float]:
        """First and last heat, in value; where nothing but the rows counts, in sizes of rows."""
        mean = float(self.spread.mean()) or float(self.reach.mean())
        coldest = max(PRECISION * mean / np.log(max(self.programme.value.shape[1], 2)), 1e-300)
        return (coldest / COOLING**2 if warm else max(mean, coldest)), coldest

    def at(self, scaled: Floats, heat: float) -> _Point:
        """The smoothed dual and its slope."""
        programme = self.programme
        reduced = programme.reduced(scaled * programme.weight)
        best = reduced.max(axis=1)
        share = np.exp((reduced - best[:, None]) / heat)
        total = share.sum(axis=1)
        share /= total[:, None]
        worth = float(self.bound @ scaled + best.sum() + heat * np.log(total).sum())
        return _Point(scaled, worth, self.bound - self._taken(share), share)

    def _taken(self, share: Floats) -> Floats:
        """What the shares sum to in each row, in sizes of rows."""
        rows, mean = self.programme.rows, self._means(share)
        taken = np.array([mean[m][of].sum() for m, of in zip(rows.measure, rows.member, strict=True)])
        return np.asarray(rows.sign * self.programme.weight * taken)

    def _means(self, share: Floats) -> dict[int, Floats]:
        """What the shares take of each priced measure, cell by cell."""
        return {int(m): np.einsum("jo,jo->j", share, self.programme.amount[m]) for m in self.priced}

    def _curvature(self, share: Floats, heat: float) -> Floats:
        """Second derivatives, shape (r, r)."""
        rows, amount = self.programme.rows, self.programme.amount
        mean = self._means(share)
        scale = rows.sign * self.programme.weight
        curved = np.zeros((len(rows), len(rows)))
        for first, m in enumerate(self.priced.tolist()):
            mine = np.flatnonzero(rows.measure == m)
            weighted = share * amount[m]
            for k in self.priced[first:].tolist():
                theirs = np.flatnonzero(rows.measure == k)
                together = np.einsum("jo,jo->j", weighted, amount[k]) - mean[m] * mean[k]
                block = (rows.member[mine] * together) @ rows.member[theirs].T.astype(np.float64)
                curved[np.ix_(mine, theirs)] = block
                curved[np.ix_(theirs, mine)] = block.T
        return np.asarray(curved * scale[:, None] * scale[None, :] / heat)

    def settle(self, point: _Point, heat: float) -> _Point:
        """Newton steps until the smoothed dual hardly falls."""
        for _ in range(STEPS_PER_STAGE):
            after = self._step(point, heat)
            if after is None:
                return point
            fallen = point.worth - after.worth
            point = after
            if fallen <= 1e-3 * heat * len(self.spread) ** 0.5:
                return point
        return point

    def _step(self, point: _Point, heat: float) -> _Point | None:
        """One step down, halved until it falls enough; None where nothing falls any more."""
        slope, at = point.slope, point.scaled
        free = ((at > 0) | (slope < 0)) & ((at < self.most) | (slope > 0))
        if not free.any():
            return None
        newton = self._newton(point, free, heat)
        if -float(slope @ newton) <= 1e-4 * heat * len(self.spread) ** 0.5:
            return None
        after = self._search(point, newton, heat)
        return after or self._search(point, self._steepest(point, free, heat), heat)

    def _newton(self, point: _Point, free: Bools, heat: float) -> Floats:
        curved = self._curvature(point.share, heat)[np.ix_(free, free)]
        ridge = 1e-9 * np.trace(curved) / len(curved) + 1e-12 * np.abs(point.slope).max() / heat
        direction = np.zeros_like(point.scaled)
        direction[free] = np.linalg.solve(curved + (ridge + 1e-300) * np.eye(len(curved)), -point.slope[free])
        return direction

    def _steepest(self, point: _Point, free: Bools, heat: float) -> Floats:
        """As far as moves the shares of some cells; for where ends of prices or cold shares spoil Newton's step."""
        slope = np.where(free, point.slope, 0.0)
        return np.asarray(-slope / max(float(np.abs(slope).max()), 1e-300) * 30.0 * heat / self.reach.max())

    def _search(self, point: _Point, direction: Floats, heat: float) -> _Point | None:
        part = 1.0
        for _ in range(HALVINGS):
            moved = np.clip(point.scaled + part * direction, 0.0, self.most)
            after = self.at(moved, heat)
            if after.worth <= point.worth + 1e-4 * min(0.0, float(point.slope @ (moved - point.scaled))):
                return None if np.array_equal(moved, point.scaled) else after
            part *= 0.3
        return None
