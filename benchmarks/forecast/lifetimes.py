"""Lifetimes of customers on CDNOW, 39 + 39 weeks, against the package lifetimes and the rate so far.

One forecast per customer is judged by its total and by its mean absolute error: ``Trending.counts``, which adds up to the expected
total. Everything in it is learned from the first 39 weeks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
from lifetimes import BetaGeoFitter, ParetoNBDFitter
from numpy.typing import NDArray

from benchmarks.forecast.cdnow import HOLDOUT_WEEKS, Cohort, cohort
from benchmarks.report import Row
from fieldwise_forecast.core.lifetimes.bg_nbd import BgNbd
from fieldwise_forecast.core.lifetimes.histories import Histories
from fieldwise_forecast.core.lifetimes.pareto_nbd import ParetoNbd
from fieldwise_forecast.core.lifetimes.trend import Trending
from fieldwise_forecast.core.measures import auc

Floats = NDArray[np.float64]
T = TypeVar("T")
ROUNDS = 5


def rows(*, quick: bool) -> Iterator[Row]:
    yield from accuracy("sample", cohort("sample"))
    if not quick:
        yield from accuracy("master", cohort("master"))
    yield from speed(cohort("master"), rounds=3 if quick else ROUNDS)
    yield from in_days(cohort("sample"))


def accuracy(name: str, data: Cohort) -> Iterator[Row]:
    histories, came = data.calibration(), data.came()
    of = f"CDNOW {name}, {len(came):,} customers, 39 + 39 weeks"
    theirs = expected_by(ParetoNBDFitter(), histories)
    model = Trending.fitted(histories)
    counts, means = model.counts(histories, HOLDOUT_WEEKS), model.expected(histories, HOLDOUT_WEEKS)
    peer = "Pareto/NBD of lifetimes"
    off, peer_off = 100 * abs(total_error(counts, came)), 100 * total_error(theirs, came)
    yield Row(f"{of}: total off", off, "%", "must", "<= 10", peer, peer_off)
    yield Row(f"{of}: total off", off, "%", "stretch", "<= 6", peer, peer_off)
    missed, peer_missed = error(counts, came), error(theirs, came)
    yield Row(f"{of}: mean absolute error", missed, "purchases", "must", "<= 0.755", peer, peer_missed)
    yield Row(f"{of}: mean absolute error", missed, "purchases", "stretch", "<= 0.72", peer, peer_missed)
    bought = (came > 0).astype(np.float64)
    ranked = model.model.buys_within(histories, HOLDOUT_WEEKS)
    yield Row(f"{of}: AUC of buying at all", auc(bought, ranked), "", "info", "", peer, auc(bought, theirs))
    yield Row(f"{of}: total, signed", 100 * total_error(counts, came), "%", "info", "", peer, peer_off)
    yield Row(f"{of}: mean absolute error of the expected value", error(means, came), "purchases")
    yield from plain_models(of, histories, came)


def plain_models(of: str, histories: Histories, came: Floats) -> Iterator[Row]:
    """The published models by our code, and the naive rate; peers of the rows above."""
    rate = np.where(histories.age > 0, histories.repeats / histories.age, 0.0) * HOLDOUT_WEEKS
    forecasts = {
        "our Pareto/NBD": ParetoNbd.fitted(histories).expected(histories, HOLDOUT_WEEKS),
        "our BG/NBD": BgNbd.fitted(histories).expected(histories, HOLDOUT_WEEKS),
        "our Pareto/NBD with returns": ParetoNbd.with_returns(histories).expected(histories, HOLDOUT_WEEKS),
        "rate so far": rate,
    }
    for name, forecast in forecasts.items():
        yield Row(f"{of}: total, signed, {name}", 100 * total_error(forecast, came), "%")
        yield Row(f"{of}: mean absolute error, {name}", error(forecast, came), "purchases")


def speed(data: Cohort, rounds: int) -> Iterator[Row]:
    histories = data.calibration()
    customers = f"{len(histories):,} customers fitted"
    for name, fit, fitter, target in (
        ("BG/NBD", BgNbd.fitted, BetaGeoFitter, "<= 0.3"),
        ("Pareto/NBD", ParetoNbd.fitted, ParetoNBDFitter, "<= 0.3"),
    ):
        own = min_cpu(lambda fit=fit: fit(histories), rounds)  # type: ignore[misc]  # a default binds the loop's value
        peer = min_cpu(lambda fitter=fitter: expected_by(fitter(), histories), 1)  # type: ignore[misc]  # as above
        yield Row(f"{customers}: {name}", own, "CPU-s", "stretch", target, f"{name} of lifetimes", peer)
    yield Row(
        f"{customers}: Pareto/NBD with returns",
        min_cpu(lambda: ParetoNbd.with_returns(histories), 1),
        "CPU-s",
    )


def in_days(data: Cohort) -> Iterator[Row]:
    """Days instead of weeks change nothing but the unit."""
    weeks, days = data.calibration(), data.calibration().scaled(7.0)
    by_weeks = BgNbd.fitted(weeks).expected(weeks, HOLDOUT_WEEKS)
    by_days = BgNbd.fitted(days).expected(days, 7 * HOLDOUT_WEEKS)
    yield Row(
        "BG/NBD in days and in weeks: largest difference",
        float(np.abs(by_weeks - by_days).max()),
        "purchases",
        "must",
        "<= 0.001",
    )


def expected_by(fitter: Any, histories: Histories) -> Floats:
    fitter.fit(histories.repeats, histories.recency, histories.age)
    return np.asarray(
        fitter.conditional_expected_number_of_purchases_up_to_time(
            HOLDOUT_WEEKS, histories.repeats, histories.recency, histories.age
        ),
        dtype=np.float64,
    )


def total_error(forecast: Floats, came: Floats) -> float:
    return float(forecast.sum() / came.sum() - 1)


def error(forecast: Floats, came: Floats) -> float:
    return float(np.abs(forecast - came).mean())


def min_cpu(work: Callable[[], T], rounds: int) -> float:
    """The least of some rounds: on a busy machine the others measure the neighbours."""
    seconds = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        seconds.append(time.process_time() - begun)
    return min(seconds)
