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


@dataclass(frozen=True)
class World:
    """Customers who buy in a window with probability 1 / (1 + exp(-strength x signal)); nothing else tells."""

    strength: float
    customers: int = 400
    seed: int = 7

    def snapshots(self, cutoffs: list[datetime]) -> list[Snapshot]:
        """Features at each cut-off; what happens in a window is drawn before its end is seen."""
        rng = np.random.default_rng(self.seed)
        usual = rng.gamma(8.0, 10.0, self.customers)
        since = rng.uniform(0, 28, self.customers)
        windows, mean_spend = np.ones(self.customers), usual * rng.gamma(4.0, 0.25, self.customers)
        found = []
        for cutoff in cutoffs:
            signal = rng.normal(size=self.customers)
            found.append(self.seen(cutoff, rng, since, mean_spend, windows, signal))
            buys = rng.random(self.customers) < 1 / (1 + np.exp(-self.strength * signal))
            since = np.where(buys, rng.uniform(0, 28, self.customers), since + 28)
            spend = usual * rng.gamma(4.0, 0.25, self.customers)
            mean_spend = np.where(buys, (mean_spend * windows + spend) / (windows + 1), mean_spend)
            windows = windows + buys
        return found

    def seen(
        self,
        cutoff: datetime,
        rng: np.random.Generator,
        since: Floats,
        spend: Floats,
        windows: Floats,
        signal: Floats,
    ) -> Snapshot:
        rhythm = np.full(self.customers, RHYTHM_DAYS)
        rhythm[::10] = np.nan
        blank = rng.normal(size=self.customers)
        blank[::5] = np.nan
        noise = rng.normal(size=(self.customers, 6))
        values = np.column_stack([since, rhythm, spend, windows, signal, blank, noise])
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
