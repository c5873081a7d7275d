"""Demand with many empty periods, for many series: Croston's method and its corrections; knows no dates.

Forecasts are flat: the mean per period of a demand that comes now and then. They take and give what the classical
forecasters do (classical.py); a season is not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..features import Floats, Mask
from .histories import Histories

# Of sizes and intervals, as in the peers; Croston's own examples use .1 to .3.
ALPHA = 0.1
# Of the probability of a demand, Teunter, Syntetos and Babai's alpha (their beta, for sizes, is ALPHA).
PROBABILITY_ALPHA = 0.1
# Periods per demand above which demand counts as intermittent.
CUT_OFF = 1.32


@dataclass(frozen=True)
class Demand:
    """Smoothed at the end of the history, shape (n_series,): size of a demand, periods between two, probability of one.

    NaN sizes and intervals where there never was a demand.
    """

    size: Floats
    interval: Floats
    probability: Floats


def is_intermittent(values: Floats) -> Mask:
    """Series with more than 1.32 known periods per demand, shape (n_series,); never one with a negative value.

    Source: Syntetos, Boylan & Croston (2005), On the categorization of demand patterns.
    """
    known = (~np.isnan(values)).sum(axis=1)
    return np.asarray((known > CUT_OFF * (values > 0).sum(axis=1)) & ~(values < 0).any(axis=1) & (known > 0))


def demand(values: Floats) -> Demand:
    """Smooth sizes and intervals at every demand, and its probability at every period.

    A missing period counts as one without demand.
    """
    histories = Histories.of(values)
    filled = np.nan_to_num(values)
    size, interval = (np.full(len(values), np.nan) for _ in range(2))
    waited, probability = np.zeros(len(values)), np.zeros(len(values))
    for value, age in zip(filled.T, histories.ages.T, strict=True):
        came, begun = value > 0, age >= 0
        waited = np.where(begun, waited + 1, 0.0)
        interval = np.where(came, smoothed(interval, waited), interval)
        size = np.where(came, smoothed(size, value), size)
        waited = np.where(came, 0.0, waited)
        moved = np.where(age == 0, came, probability + PROBABILITY_ALPHA * (came - probability))
        probability = np.where(begun, moved, 0.0)
    return Demand(size, interval, probability)


def smoothed(state: Floats, value: Floats) -> Floats:
    """One step of smoothing; the first value is the first state."""
    return np.where(np.isnan(state), value, state + ALPHA * (value - state))


def flat(values: Floats, level: Floats, horizon: int) -> Floats:
    """The same level at each step; 0 without any demand, NaN without any value."""
    level = np.where(np.isnan(level), 0.0, level)
    level = np.where(np.isnan(values).all(axis=1), np.nan, level)
    return np.repeat(level[:, None], horizon, axis=1)


def croston(values: Floats, _season: int, horizon: int) -> Floats:
    """Size by interval.

    Source: Croston (1972), Forecasting and stock control for intermittent demands.
    """
    found = demand(values)
    return flat(values, found.size / found.interval, horizon)


def sba(values: Floats, season: int, horizon: int) -> Floats:
    """Croston's forecast less its bias.

    Source: Syntetos & Boylan (2005), The accuracy of intermittent demand estimates, equation 6.
    """
    return croston(values, season, horizon) * (1 - ALPHA / 2)


def tsb(values: Floats, _season: int, horizon: int) -> Floats:
    """Size by probability, which falls while nothing is asked for: what is dying out is forecast so.

    Source: Teunter, Syntetos & Babai (2011), Intermittent demand: linking forecasting to inventory obsolescence.
    """
    found = demand(values)
    return flat(values, found.size * found.probability, horizon)
