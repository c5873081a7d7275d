"""The learning curves of one model with their worth: from trials to plain values that can be kept; knows no SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from .learning_curve import Learning, Point
from .retraining import Aging, aging
from .trials import Prices, Result, Trial, learnings, stale_errors
from .worth import Worth

HOUR = 3600.0


@dataclass(frozen=True)
class Returns:
    """What was measured of one model.

    Attributes:
        curves: One per kind of effort.
        base: Error that stands for accuracy 0; ``naive`` the mean error of the forecast that everyone has to beat.
        worth: Of a point of accuracy, and how it was reckoned.
        aging: How the relative loss rises with age.
        cpu_hour_cost: Currency units; ``cpu_seconds`` of one training.
    """

    model: str
    time: datetime
    curves: tuple[Learning, ...]
    base: float
    naive: float
    worth: Worth
    aging: Aging
    cpu_hour_cost: float
    cpu_seconds: float

    def training_cost(self, stated: float) -> float:
        """Currency units of one training: what was stated for it, and its computing."""
        return stated + self.cpu_seconds * self.cpu_hour_cost / HOUR

    def accuracy_per_relative(self) -> float:
        return self.naive / self.base


@dataclass(frozen=True)
class Terms:
    """What a person says of costs; currency units.

    Attributes:
        trainings: A year.
        stated_cost: Of one training beside computing.
        stated_worth: Of one point of accuracy in a year; 0: as measured.
    """

    cpu_hour_cost: float
    trainings: float
    stated_cost: float = 0.0
    stated_worth: float = 0.0


def measured(
    model: str,
    time: datetime,
    results: Mapping[Trial, Result],
    learners: Sequence[str],
    base: float | None,
    worth_of: Callable[[float], Worth],
    terms: Terms,
) -> Returns:
    """Curves, worth and aging from all trials.

    Args:
        base: Error that stands for accuracy 0; None for the naive error.
        worth_of: The worth, given the base.
    """
    origins = sorted({trial.origin for trial in results})
    usual = [results[Trial(origin)] for origin in origins]
    naive = float(np.mean([one.naive for one in usual]))
    base = naive if base is None else base
    worth = worth_of(base)
    if terms.stated_worth:
        worth = Worth(
            terms.stated_worth,
            f"as stated for the model; measured were {worth.per_point:,.0f}: {worth.basis}",
        )
    prices = Prices(
        per_error=worth.per_error(base),
        per_cpu_second=terms.cpu_hour_cost / HOUR,
        per_training=terms.stated_cost,
        trainings=terms.trainings,
    )
    return Returns(
        model=model,
        time=time,
        curves=learnings(results, learners, prices),
        base=base,
        naive=naive,
        worth=worth,
        aging=aging(stale_errors(results, origins).tolist(), [one.naive for one in usual]),
        cpu_hour_cost=terms.cpu_hour_cost,
        cpu_seconds=float(np.mean([one.cpu_seconds for one in usual])),
    )


def to_plain(returns: Returns) -> dict[str, Any]:
    """For JSON, but for the model and the time."""
    plain = asdict(returns)
    del plain["model"], plain["time"]
    return plain


def from_plain(model: str, time: datetime, plain: Mapping[str, Any]) -> Returns:
    curves = tuple(
        Learning(**curve | {"points": tuple(point_from(each) for each in curve["points"])})
        for curve in plain["curves"]
    )
    aged = Aging(tuple(plain["aging"]["ages"]), tuple(plain["aging"]["rise"]))
    nested = {"curves": curves, "worth": Worth(**plain["worth"]), "aging": aged}
    return Returns(model=model, time=time, **dict(plain) | nested)


def point_from(plain: Mapping[str, Any]) -> Point:
    return Point(**dict(plain) | {"errors": tuple(plain["errors"])})
