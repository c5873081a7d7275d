"""A territory plan and what it is measured by, as plain columns; knows nothing of how it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.question import Place
from fieldwise_allocation.core.territory.audit import RuleCost

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int32]
Codes = npt.NDArray[np.int8]

# Why an account is where it is: the words of the contract. SEARCH_ENDED: staying would cost less, and the search had no
# time left to see it.
REASONS: Final = (
    "NEW",
    "LOCKED",
    "INCUMBENT",
    "SKILL",
    "LESS_TRAVEL",
    "STAFFING",
    "BALANCE",
    "SEARCH_ENDED",
)


@dataclass(frozen=True)
class Measure:
    """An assignment measured for comparison; units as in ``PlanMeasure`` of the contract.

    Args:
        broken: Broken hard rules by kind, as (kind, count).
    """

    objective: float
    travel_km: float
    worst_deviation: float
    moves: int
    broken: tuple[tuple[str, int], ...]

    @property
    def skill_faults(self) -> int:
        return dict(self.broken).get("skill", 0)


@dataclass(frozen=True)
class Compared:
    """What stands beside a plan: today, the nearest rep, K-means; the last two only with places.

    Args:
        k_means_rep: The rep of each account under K-means, shape (n,).
    """

    incumbent: Measure | None = None
    nearest: Measure | None = None
    k_means: Measure | None = None
    k_means_rep: Ints | None = None


@dataclass(frozen=True)
class Staying:
    """What staying with its incumbent would change for each account that moved; columns of shape (s,).

    Args:
        account: Index of the account.
        travel, move, band: Plan units; they add up to the change of the objective, contiguity left aside: that hangs on
            more than one account.
        worth: Plan units that its hours are worth more with the incumbent, at the prices of the two reps.
        breaks: Hard rules that would break.
    """

    account: Ints
    travel: Floats
    move: Floats
    band: Floats
    worth: Floats
    breaks: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class BandLoad:
    """What each rep has of a band's measure, and what it allows; (r,) each. ``price``: worth of one more unit of room."""

    rule: str
    measure: str
    amount: Floats
    low: Floats
    high: Floats
    price: Floats


@dataclass(frozen=True)
class Plan:
    """Who serves whom, and how good that is; accounts and reps in the order of the question.

    Args:
        rep_of: Index of the rep of each account, shape (n,).
        reason: Index into REASONS, shape (n,).
        hour_prices: Plan units saved by one more hour of each rep, shape (r,).
        outside_band: Share of the workload outside hard bands.
        chosen: Homes that the plan chose, None where the rep's own holds, by rep.
        connected: Part of each rep's workload in his largest connected part, shape (r,); None without places.
    """

    rep_of: Ints
    moved: Bools
    reason: Codes
    km: Floats
    staying: Staying
    loads: Floats
    targets: Floats
    values: Floats
    hour_prices: Floats
    bands: tuple[BandLoad, ...]
    chosen: tuple[Place | None, ...]
    connected: Floats | None
    connected_share: float | None
    objective: float
    bound: float
    move_price: float
    outside_band: float
    worst_deviation: float
    rule_costs: tuple[RuleCost, ...]
    compared: Compared
    warnings: tuple[str, ...]

    @property
    def gap(self) -> float:
        """(objective - bound) / objective; 0 for a plan that costs nothing."""
        return max(0.0, self.objective - self.bound) / self.objective if self.objective > 0 else 0.0

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reason of each account in the words of the contract."""
        return tuple(REASONS[code] for code in self.reason.tolist())
