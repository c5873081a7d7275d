"""Panels whose errors are known in law: builders for the tests of predictive distributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series.error_law import ErrorLaw, learn

HORIZON = 8


@dataclass(frozen=True)
class Shaken:
    """Levels under a shock that all series share, one of their own, and noise; heavy to the right.

    Shocks remember from week to week. ``louder_from`` is the week from which every shock is twice as large.
    """

    series: int = 24
    weeks: int = 660
    shared: float = 0.08
    own: float = 0.15
    memory: float = 0.5
    louder_from: int | None = None
    seed: int = 3

    def values(self) -> Floats:
        rng = np.random.default_rng(self.seed)
        shared = remembering(rng, 1, self.weeks, self.memory)
        own = remembering(rng, self.series, self.weeks, self.memory)
        loud = np.ones(self.weeks)
        if self.louder_from is not None:
            loud[self.louder_from :] = 2.0
        level = rng.uniform(100, 2000, (self.series, 1))
        return np.asarray(level * np.exp(loud * (self.shared * shared + self.own * own)))


def remembering(rng: np.random.Generator, series: int, weeks: int, memory: float) -> Floats:
    """Autoregressive shocks of variance 1."""
    shocks = rng.standard_normal((series, weeks))
    for week in range(1, weeks):
        shocks[:, week] = memory * shocks[:, week - 1] + np.sqrt(1 - memory**2) * shocks[:, week]
    return shocks


def flat(values: Floats, origin: int, horizon: int = HORIZON) -> Floats:
    """Every week ahead like the mean of the last year."""
    return np.repeat(values[:, max(0, origin - 52) : origin].mean(axis=1, keepdims=True), horizon, axis=1)


def law_of(values: Floats, origins: range, horizon: int = HORIZON) -> ErrorLaw:
    """Learned from flat forecasts at the origins, seeing nothing after the last of them."""
    made = np.stack([flat(values, origin, horizon) for origin in origins])
    return learn(values[:, : origins[-1] + 1], list(origins), made)
