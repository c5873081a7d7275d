"""Whole options near the relaxation's optimum: repair, filling, exchange of two; knows no solver and no dual method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.resources.programme import TOLERANCE, Bools, Floats, Ints, Programme

# Options that are looked at, those that cost least at the prices; more of them when these do not repair a row.
NEAR = 4_000
WIDER = 16
MOST_REPAIRS = 2_000
# Pairs of moves are looked at among this many, this often.
IN_PAIRS = 250
MOST_PAIRS = 60


@dataclass
class _Search:
    """A choice, what it uses, and the moves that are looked at."""

    programme: Programme
    price: Floats
    loss: Floats
    choice: Ints
    used: Floats
    cell: Ints
    option: Ints

    @property
    def left(self) -> Floats:
        """Room in each row, in sizes of rows; negative where it is broken."""
        rows = self.programme.rows
        return np.asarray((rows.bound - rows.sign * self.used) * self.programme.weight)

    @property
    def tolerance(self) -> Floats:
        return np.asarray(
            TOLERANCE * np.maximum(1.0, np.abs(self.programme.rows.limit)) * self.programme.weight
        )

    def changes(self, cell: Ints, option: Ints) -> Floats:
        """What moves add to each row, in sizes of rows, shape (r, moves)."""
        rows, amount = self.programme.rows, self.programme.amount
        more = amount[:, cell, option] - amount[:, cell, self.choice[cell]]
        scale = rows.sign * self.programme.weight
        return np.asarray(scale[:, None] * more[rows.measure] * rows.member[:, cell])

    def gains(self, cell: Ints, option: Ints) -> Floats:
        value = self.programme.value
        return np.asarray(value[cell, option] - value[cell, self.choice[cell]])

    def take(self, cell: Ints, option: Ints) -> None:
        """Make these moves, of different cells."""
        rows = self.programme.rows
        self.used = self.used + rows.sign * self.changes(cell, option).sum(axis=1) / self.programme.weight
        self.choice[cell] = option


def rounded(programme: Programme, price: Floats, start: Ints | None = None) -> Ints | None:
    """A choice that keeps every row, worth nearly the ceiling; None where none was found."""
    reduced = programme.reduced(price)
    loss = reduced.max(axis=1)[:, None] - reduced
    choice = np.asarray(reduced.argmax(axis=1), dtype=np.int64) if start is None else start.copy()
    near = NEAR
    while True:
        search = _near(programme, price, loss, choice.copy(), near)
        if _repair(search):
            _fill(search)
            _exchange(search)
            return search.choice if programme.holds(search.choice) else None
        if near >= loss.size:
            return None
        near *= WIDER


def improved(programme: Programme, price: Floats, choice: Ints) -> Ints:
    """A choice that keeps every row, at least as good as this one, which does."""
    reduced = programme.reduced(price)
    search = _near(programme, price, reduced.max(axis=1)[:, None] - reduced, choice.copy(), NEAR)
    _fill(search)
    _exchange(search)
    return search.choice if programme.holds(search.choice) else choice


def _near(programme: Programme, price: Floats, loss: Floats, choice: Ints, near: int) -> _Search:
    flat = loss.ravel()
    if near < flat.size:
        kept = np.sort(np.argpartition(flat, near)[:near])
    else:
        kept = np.flatnonzero(np.isfinite(flat))
    cell, option = np.divmod(kept[np.isfinite(flat[kept])], loss.shape[1])
    return _Search(programme, price, loss, choice, programme.used(choice), cell, option)


def _repair(search: _Search) -> bool:
    """Move single cells, least loss per unit mended first, until every row holds."""
    for _ in range(MOST_REPAIRS):
        left = search.left
        broken = np.maximum(0.0, -left)
        broken[broken <= search.tolerance] = 0.0
        if not broken.any():
            return True
        change = search.changes(search.cell, search.option)
        after = np.maximum(0.0, change - left[:, None])
        mended = broken.sum() - after.sum(axis=0)
        loss = search.loss[search.cell, search.option] - search.loss[search.cell, search.choice[search.cell]]
        floor = 1e-9 * max(float(np.abs(loss).max(initial=0.0)), 1e-12)
        useful = mended > 1e-3 * search.tolerance.max(initial=0.0)
        if not useful.any():
            return False
        rate = np.where(useful, np.maximum(loss, floor) / np.maximum(mended, 1e-300), np.inf)
        best = np.array([rate.argmin()])
        search.take(search.cell[best], search.option[best])
    return False


def _fill(search: _Search) -> None:
    """Moves that gain and fit, dearest gain first, until none is left."""
    for _ in range(MOST_REPAIRS):
        gain = search.gains(search.cell, search.option)
        fits = _fits(search, search.changes(search.cell, search.option))
        gain = np.where(fits, gain, 0.0)
        if not gain.size or gain.max() <= _dust(search):
            return
        best = np.array([gain.argmax()])
        search.take(search.cell[best], search.option[best])


def _exchange(search: _Search) -> None:
    """Two moves at once that gain together and fit together."""
    for _ in range(MOST_PAIRS):
        order = np.argsort(search.loss[search.cell, search.option], kind="stable")[:IN_PAIRS]
        cell, option = search.cell[order], search.option[order]
        gain = search.gains(cell, option)
        change = search.changes(cell, option)
        both = np.where(cell[:, None] == cell[None, :], -np.inf, gain[:, None] + gain[None, :])
        room = search.left + search.tolerance
        for row in range(len(room)):
            both[change[row][:, None] + change[row][None, :] > room[row]] = -np.inf
        if not both.size or both.max() <= _dust(search):
            return
        first, second = np.unravel_index(int(both.argmax()), both.shape)
        pair = np.array([first, second])
        search.take(cell[pair], option[pair])


def _fits(search: _Search, change: Floats) -> Bools:
    return np.asarray((change <= (search.left + search.tolerance)[:, None]).all(axis=0))


def _dust(search: _Search) -> float:
    return 1e-12 * abs(search.programme.worth(search.choice))
