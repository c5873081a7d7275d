"""One level for each cell under rows over all cells, on plain arrays; knows no curve, no name and no solver."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

# A row holds when it is over by no more than this share of its limit: the noise of sums of a million terms.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Rows:
    """Rows ``sign x (sum of a measure over the member cells) <= sign x limit``: sign 1 is a ceiling, -1 a floor.

    Args:
        measure: Which amounts a row sums, shape (r,).
        sign: 1 or -1, shape (r,).
        limit: In the measure's unit, shape (r,).
        member: Which cells count, shape (r, n).
    """

    measure: Ints
    sign: Floats
    limit: Floats
    member: Bools

    def __len__(self) -> int:
        return len(self.limit)

    def only(self, kept: Bools | Ints) -> Rows:
        """These rows alone."""
        return Rows(self.measure[kept], self.sign[kept], self.limit[kept], self.member[kept])

    @property
    def bound(self) -> Floats:
        """Right sides as ceilings."""
        return np.asarray(self.sign * self.limit)


@dataclass(frozen=True)
class Programme:
    """Choose one option of each cell, worth most in all, so that every row holds.

    Args:
        value: Worth of option o of cell j, shape (n, l); -inf where a cell has fewer options.
        amount: What an option takes or gives of each measure, shape (m, n, l); 0 where there is no option.
    """

    value: Floats
    amount: Floats
    rows: Rows

    @cached_property
    def present(self) -> Bools:
        """Where there is an option, shape (n, l)."""
        return np.isfinite(self.value)

    @cached_property
    def weight(self) -> Floats:
        """One over the size of each row, shape (r,): makes rows in hours and in money comparable."""
        rows = self.rows
        largest = np.abs(self.amount).max(axis=2, initial=0.0)
        size = np.array(
            [
                np.sqrt((largest[m] ** 2)[member].sum())
                for m, member in zip(rows.measure, rows.member, strict=True)
            ]
        )
        return np.asarray(1.0 / np.maximum(np.maximum(size, np.abs(rows.limit) * 1e-3), 1e-12))

    def with_rows(self, rows: Rows) -> Programme:
        return replace(self, rows=rows)

    def worth(self, choice: Ints) -> float:
        """Value of a choice, shape (n,) of option numbers."""
        return float(self.value[np.arange(len(choice)), choice].sum())

    def used(self, choice: Ints) -> Floats:
        """What a choice sums to in each row, shape (r,)."""
        cells = np.arange(len(choice))
        taken = self.amount[:, cells, choice]
        rows = zip(self.rows.measure, self.rows.member, strict=True)
        return np.array([taken[m][member].sum() for m, member in rows], dtype=np.float64)

    def over(self, choice: Ints) -> Floats:
        """By how much each row is broken, shape (r,); 0 where it holds."""
        excess = self.rows.sign * (self.used(choice) - self.rows.limit)
        return np.asarray(
            np.where(excess > TOLERANCE * np.maximum(1.0, np.abs(self.rows.limit)), excess, 0.0)
        )

    def holds(self, choice: Ints) -> bool:
        return not self.over(choice).any()

    def cell_prices(self, price: Floats) -> Floats:
        """What one unit of each measure costs each cell at these row prices, shape (m, n)."""
        cell = np.zeros(self.amount.shape[:2])
        for r in np.flatnonzero(price):
            cell[self.rows.measure[r]] += self.rows.sign[r] * price[r] * self.rows.member[r]
        return cell

    def reduced(self, price: Floats) -> Floats:
        """Value less what the option takes at these prices, shape (n, l)."""
        left = self.value.copy()
        for m, of_cell in enumerate(self.cell_prices(price)):
            if of_cell.any():
                left -= of_cell[:, None] * self.amount[m]
        return left

    def ceiling(self, price: Floats) -> float:
        """No choice that keeps the rows is worth more than this, whatever the prices (weak duality), shape (r,), >= 0."""
        return float(self.rows.bound @ price + self.reduced(price).max(axis=1).sum())
