"""Worlds whose truth is known, as feature snapshots and weekly sales: builders for the tests of forecast."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from fieldwise_forecast.core.features import FeatureSet, Floats, Snapshot

NOW = datetime(2017, 12, 25, tzinfo=UTC)
WINDOW = timedelta(days=28)
MONDAY = datetime(2017, 1, 2, tzinfo=UTC)

COLUMNS = {
    "days_since_purchase": ("d", "no purchase yet"),
    "silence_after_days": ("d", "fewer than three purchase days"),
    "spend_28d_when_active": ("{currency}", "no purchase yet"),
    "active_28d_windows": ("1", ""),
    "signal": ("1", ""),
    "blank": ("1", "unknown for every fifth customer"),
    **{f"noise_{i}": ("1", "") for i in range(6)},
}
FEATURES = FeatureSet(
    id="customer-behaviour",
    version=1,
    names=tuple(COLUMNS),
    units=tuple(unit for unit, _ in COLUMNS.values()),
    null_rules=tuple(rule for _, rule in COLUMNS.values()),
)
RHYTHM_DAYS = 40.0
# A little more than the year that a training reads.
STRETCHES = 14
BEGIN = NOW - STRETCHES * WINDOW


def aligned_cutoffs(count: int = 9) -> list[datetime]:
    """Cut-offs at the ends of stretches, the last at ``NOW``."""
    return [NOW - k * WINDOW for k in range(count - 1, -1, -1)]


@dataclass(frozen=True)
class World:
    """Customers who buy once in a stretch of 28 days with probability 1 / (1 + exp(-strength x signal)); nothing else tells.

    Stretches end at ``NOW``, and each has a signal of its own: at cut-offs between two of them the signal is half the truth.
    """

    strength: float
    customers: int = 400
    seed: int = 7

    def snapshots(self, cutoffs: list[datetime]) -> list[Snapshot]:
        """Features at each cut-off."""
        rng = np.random.default_rng(self.seed)
        usual = rng.gamma(8.0, 10.0, self.customers)
        first = rng.uniform(-28, 0, self.customers)
        signal = rng.normal(size=(STRETCHES, self.customers))
        buys = rng.random(signal.shape) < 1 / (1 + np.exp(-self.strength * signal))
        # Days since the world began; NaN where there is none.
        bought = np.where(buys, 28 * np.arange(STRETCHES)[:, None] + rng.uniform(0, 28, signal.shape), np.nan)
        bought = np.vstack([first, bought])
        spent = usual * rng.gamma(4.0, 0.25, bought.shape)
        return [self.seen(cutoff, rng, bought, spent, signal) for cutoff in cutoffs]

    def seen(
        self, cutoff: datetime, rng: np.random.Generator, bought: Floats, spent: Floats, signal: Floats
    ) -> Snapshot:
        day = (cutoff - BEGIN) / timedelta(days=1)
        before = bought < day
        windows = before.sum(axis=0)
        mean_spend = (spent * before).sum(axis=0) / windows
        since = day - np.where(before, bought, -np.inf).max(axis=0)
        rhythm = np.full(self.customers, RHYTHM_DAYS)
        rhythm[::10] = np.nan
        blank = rng.normal(size=self.customers)
        blank[::5] = np.nan
        noise = rng.normal(size=(self.customers, 6))
        now = signal[min(int(day // 28), STRETCHES - 1)]
        values = np.column_stack([since, rhythm, mean_spend, windows, now, blank, noise])
        names = tuple(f"customers/c{i}" for i in range(self.customers))
        return Snapshot(cutoff, names, values)


def weekly_amounts(categories: int = 12, weeks: int = 51, seed: int = 3) -> dict[str, list[int]]:
    """Micros of each category and week: a level of its own that wanders slowly under much noise."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(100, 2000, (categories, 1)) * np.exp(
        np.cumsum(rng.normal(0, 0.02, (categories, weeks)), axis=1)
    )
    sales = level * rng.gamma(25.0, 1 / 25.0, (categories, weeks))
    return {f"category {i}": [round(x * 1e6) for x in row] for i, row in enumerate(sales.tolist())}
