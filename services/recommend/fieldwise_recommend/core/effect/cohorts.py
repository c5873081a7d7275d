"""Who comes back, by the month of the first decision about him; knows no cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Ints
from fieldwise_recommend.core.effect.intervals import Share
from fieldwise_recommend.core.experience import DAY, Experience
from fieldwise_recommend.core.results import BOUGHT

# Each window of a cohort is a line of the report: later ones are left out.
MOST_PERIODS: Final = 24


@dataclass(frozen=True)
class CohortPeriod:
    """One window after the first decision: whom of the cohort it was measured for, who bought in it, and who bought twice or more.

    ``number`` counts windows from the first decision, from 0.
    """

    number: int
    retained: Share
    bought_again: Share


@dataclass(frozen=True)
class Cohort:
    """Customers about whom the first decision was made in one month (``2026-03``)."""

    month: str
    customers: int
    periods: list[CohortPeriod]


def cohorts_of(experience: Experience, window_days: int) -> list[Cohort]:
    """Cohorts by month, oldest first."""
    if not len(experience):
        return []
    first = np.full(len(experience.customers), np.iinfo(np.int64).max)
    np.minimum.at(first, experience.customer, experience.time)
    months = first[experience.customer].astype("datetime64[us]").astype("datetime64[M]")
    period = (experience.time - first[experience.customer]) // (window_days * DAY)
    return [_cohort(experience, months == month, str(month), period) for month in np.unique(months)]


def _cohort(experience: Experience, here: Bools, month: str, period: Ints) -> Cohort:
    periods: list[CohortPeriod] = []
    measured = here & experience.measured
    for number in np.unique(period[measured])[:MOST_PERIODS]:
        some = measured & (period == number)
        everybody = np.unique(experience.customer[some])
        bought = np.unique(experience.customer[some & experience.flag(BOUGHT)])
        twice = np.unique(experience.customer[some & (experience.purchase_days >= 2)])
        periods.append(
            CohortPeriod(int(number), Share(len(bought), len(everybody)), Share(len(twice), len(bought)))
        )
    return Cohort(month, len(np.unique(experience.customer[here])), periods)
