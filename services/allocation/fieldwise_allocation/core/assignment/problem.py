"""An assignment problem as arrays, and what a plan of it costs and takes; knows no names and no solver."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# A load may lie over its limit by this share of it: sums of floats in another order differ by less.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Problem:
    """Every item goes to one agent, at least cost.

    An item that may be left out has one more agent to go to, who takes everything: the last one, if there is one.

    Args:
        cost: Of each pair, infinite where forbidden, shape (n, r).
        use: Of the agent's capacity by each pair, 0 where forbidden, shape (n, r).
        capacity: Finite, shape (r,).
        most: Most items of each agent, at most n, shape (r,).
    """

    cost: Floats
    use: Floats
    capacity: Floats
    most: Floats

    @property
    def items(self) -> int:
        return len(self.cost)

    @property
    def agents(self) -> int:
        return len(self.capacity)

    @cached_property
    def limit(self) -> Floats:
        """What a load may reach, shape (r,)."""
        return self.capacity + TOLERANCE * np.maximum(1.0, self.capacity)

    @cached_property
    def whole_costs(self) -> bool:
        """All costs are whole numbers, and so is then the cost of every plan."""
        finite = self.cost[np.isfinite(self.cost)]
        return bool((finite == np.round(finite)).all()) and float(np.abs(finite).max(initial=0.0)) < 2**40

    @cached_property
    def counted(self) -> bool:
        """Some agent may not have all items by number."""
        return bool((self.most < self.items).any())

    def objective(self, agent_of: Ints) -> float:
        return float(self.cost[np.arange(self.items), agent_of].sum())

    def loads(self, agent_of: Ints) -> Floats:
        taken = self.use[np.arange(self.items), agent_of]
        return np.asarray(np.bincount(agent_of, weights=taken, minlength=self.agents), dtype=np.float64)

    def feasible(self, agent_of: Ints) -> bool:
        number = np.bincount(agent_of, minlength=self.agents)
        within = (self.loads(agent_of) <= self.limit).all() and (number <= self.most).all()
        return bool(within) and bool(np.isfinite(self.objective(agent_of)))
