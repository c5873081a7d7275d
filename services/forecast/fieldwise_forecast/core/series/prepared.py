"""A panel made ready for learners: the month taken out, every series on one scale, inputs standardised; knows no learner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..features import Floats
from .blanks import filled, smoothed
from .month_cycle import month_cycle
from .panel import Known, Panel
from .scaling import Scale

# How much of a surprise moves the level of a series; the best for most series of Complete Journey, and flat around it.
LEVEL_RATE = 0.25
# Rates of the smoothed paths that learners see beside the level.
RATES = (LEVEL_RATE, 0.1, 0.3, 0.5)
# An input that hardly varies must not be blown up.
LEAST_SPREAD = 0.05
# A forecast goes at most this far beyond the largest value a series has shown, on the learners' scale (about five times).
BEYOND = 1.5


@dataclass(frozen=True)
class Prepared:
    """Attributes:
    panel: As it is known.
    cycle: By what the month multiplies each period, shape (n_periods + horizon,).
    scale: Of values without the month.
    targets: Scaled values, NaN where missing, shape (n_series, n_periods).
    values: The same with holes filled; NaN before a series begins.
    paths: Smoothed at each of RATES, shape (n_series, n_periods, n_rates).
    inputs: Known inputs in standard deviations of each series, shape (n_series, n_periods + horizon, n_inputs).
    """

    panel: Panel
    cycle: Floats
    scale: Scale
    targets: Floats
    values: Floats
    paths: Floats
    inputs: Floats

    @classmethod
    def of(cls, panel: Panel, horizon: int) -> Prepared:
        """Sees of the inputs only what the panel's end and the horizon allow."""
        cycle = month_cycle(panel.values, panel.start, panel.frequency, horizon)
        plain = panel.values / cycle[: panel.length]
        scale = Scale.of(plain)
        targets = scale.scaled(plain)
        paths = smoothed(targets, RATES)
        values = filled(targets, paths[:, :, 0])
        return cls(panel, cycle, scale, targets, values, paths, standardised(panel, horizon))

    @property
    def length(self) -> int:
        return self.panel.length

    @property
    def horizon(self) -> int:
        return len(self.cycle) - self.length

    @property
    def plain(self) -> Floats:
        """The values without the month."""
        return self.panel.values / self.cycle[: self.length]

    def with_month(self, forecast: Floats) -> Floats:
        """A forecast without the month, shape (n_series, horizon), with it; not negative where the panel never was."""
        found = forecast * self.cycle[self.length :]
        return np.maximum(found, 0.0) if self.never_negative else found

    def unscaled(self, forecast: Floats) -> Floats:
        """A forecast on the learners' scale as values of the panel, none wildly beyond what its series has shown."""
        bound = np.where(np.isfinite(self.targets), np.abs(self.targets), 0.0).max(axis=1, keepdims=True)
        return self.with_month(self.scale.unscaled(np.clip(forecast, -bound - BEYOND, bound + BEYOND)))

    @property
    def never_negative(self) -> bool:
        return not bool((self.panel.values < 0).any())


def standardised(panel: Panel, horizon: int) -> Floats:
    """Known inputs less their mean over their spread, series by series; NaN beyond what was given."""
    known = given(panel.known, panel.size, panel.length + horizon)
    if not known.shape[2]:
        return known
    is_known = np.isfinite(known)
    count = np.maximum(is_known.sum(axis=1, keepdims=True), 1)
    mean = np.where(is_known, known, 0.0).sum(axis=1, keepdims=True) / count
    spread = np.sqrt(np.where(is_known, (known - mean) ** 2, 0.0).sum(axis=1, keepdims=True) / count)
    return np.asarray((known - mean) / (spread + LEAST_SPREAD))


def given(known: Known, size: int, periods: int) -> Floats:
    """Known inputs cut or padded with NaN to a number of periods."""
    if not known:
        return np.empty((size, periods, 0))
    values = known.values[:, :periods]
    missing = np.full((size, periods - values.shape[1], values.shape[2]), np.nan)
    return np.concatenate([values, missing], axis=1)
