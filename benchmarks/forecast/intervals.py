"""Coverage and loss of the predictive distribution on Complete Journey, at five origins, beside the rivals' intervals.

Each origin's engine and distribution see nothing after it: the law of the errors is learned from the engine's own honest
backtest at earlier origins. Christmas (week 52) lies in the windows of the last origin, and one year cannot teach it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.forecast.interval_peers import auto_ets, conformal_xgboost
from benchmarks.forecast.journey_series import ORIGINS, commodities, known
from benchmarks.report import Row
from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series import engine
from fieldwise_forecast.core.series.distribution import Distribution, issue
from fieldwise_forecast.core.series.error_law import ErrorLaw, learn
from fieldwise_forecast.core.series.panel import Known, Panel
from fieldwise_forecast.core.series.quantiles import LEVELS, weighted_quantile_loss
from fieldwise_forecast.core.series.reach import SEED
from fieldwise_forecast.core.series.rolling import Rolling

HORIZON = 8
# Fewer weeks than these make an origin of the calibration too unlike the ones that are tested.
FIRST_CALIBRATED = 16
CHRISTMAS_ORIGIN = ORIGINS[-1]
TARGETS = (0.85, 1.0, 1.15)


@dataclass(frozen=True)
class Tested:
    """What was forecast at one origin, and what came."""

    week: int
    ahead: Distribution
    actual: Floats


@dataclass(frozen=True)
class Given:
    """Quantiles at ``LEVELS`` of one origin, and what came."""

    week: int
    quantiles: Floats
    actual: Floats

    def share(self, low: float, high: float) -> float:
        """Share of actuals between two quantiles."""
        ends = self.quantiles[..., LEVELS.index(low)], self.quantiles[..., LEVELS.index(high)]
        return float(((self.actual >= ends[0]) & (self.actual <= ends[1])).mean())

    @property
    def inside80(self) -> float:
        return self.share(0.1, 0.9)

    @property
    def inside90(self) -> float:
        return self.share(0.05, 0.95)


def rows(*, quick: bool) -> Iterator[Row]:
    panel = commodities()
    tested = [at_origin(panel, week, quick) for week in ORIGINS]
    ours = [Given(each.week, each.ahead.quantile(LEVELS), each.actual) for each in tested]
    ets = rival(panel, auto_ets)
    yield from coverage_rows(ours, ets)
    yield from loss_rows(ours, ets)
    if not quick:
        yield from conformal_rows(rival(panel, conformal_xgboost))
        yield from without_plan_rows(panel, quick)
    yield from reach_rows(tested)
    yield from followed_rows(panel, tested)


def at_origin(panel: Panel, week: int, quick: bool) -> Tested:
    """Engine, law and distribution from the weeks until ``week``."""
    seen = panel.until(known(week))
    origins = range(FIRST_CALIBRATED, seen.length, 4 if quick else 2)
    fitted = engine.fit(seen, HORIZON, cpu_seconds=time.process_time, origins=list(origins))
    law = learn(seen.values, fitted.backtest.origins, fitted.backtest.forecast)
    ahead = issue(law, seen.values, fitted.forecast(seen, HORIZON))
    return Tested(week, ahead, panel.values[:, seen.length : seen.length + HORIZON])


def rival(panel: Panel, quantiles: Callable[[Floats, int], Floats]) -> list[Given]:
    found = []
    for week in ORIGINS:
        length = known(week)
        made = quantiles(panel.values[:, :length], HORIZON)
        found.append(Given(week, made, panel.values[:, length : length + HORIZON]))
    return found


def mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def coverage_rows(ours: Sequence[Given], ets: Sequence[Given]) -> Iterator[Row]:
    usual = [each for each in ours if each.week != CHRISTMAS_ORIGIN]
    christmas = next(each for each in ours if each.week == CHRISTMAS_ORIGIN)
    nominal = (
        (
            80,
            [each.inside80 for each in ours],
            [each.inside80 for each in ets],
            ">= 0.78",
            "<= 0.83",
            ">= 0.72",
        ),
        (
            90,
            [each.inside90 for each in ours],
            [each.inside90 for each in ets],
            ">= 0.88",
            "<= 0.92",
            ">= 0.83",
        ),
    )
    for percent, shares, theirs, low, high, least in nominal:
        name = f"{percent} % intervals, all {len(ours)} origins pooled: share inside"
        yield Row(name, mean(shares), "", "must", low, "AutoETS", mean(theirs))
        yield Row(f"{name} (not more than)", mean(shares), "", "must", high)
        by_week = dict(zip([each.week for each in ours], shares, strict=True))
        worst = min(by_week[each.week] for each in usual)
        yield Row(f"{percent} % intervals, worst origin but that of Christmas", worst, "", "must", least)
        pooled = mean([by_week[each.week] for each in usual])
        yield Row(f"{percent} % intervals, origins without Christmas pooled", pooled, "")
        apart = by_week[christmas.week]
        yield Row(
            f"{percent} % intervals, origin {christmas.week} with Christmas apart",
            apart,
            "",
            peer="AutoETS",
            peer_value=theirs[-1],
        )


def loss_rows(ours: Sequence[Given], ets: Sequence[Given]) -> Iterator[Row]:
    own, theirs = pooled_loss(ours), pooled_loss(ets)
    yield Row("weighted quantile loss, 7 quantiles", own, "", peer="AutoETS", peer_value=theirs)
    yield Row("weighted quantile loss under AutoETS", 100 * (1 - own / theirs), "%", "stretch", ">= 22")


def pooled_loss(given: Sequence[Given]) -> float:
    return weighted_quantile_loss(
        np.concatenate([each.actual for each in given]), np.concatenate([each.quantiles for each in given])
    )


def conformal_rows(given: Sequence[Given]) -> Iterator[Row]:
    name = f"mlforecast, conformal XGBoost, {len(given)} origins pooled"
    yield Row(f"{name}: share inside 80 %", mean([each.inside80 for each in given]), "")
    yield Row(f"{name}: weighted quantile loss", pooled_loss(given), "")


def without_plan_rows(panel: Panel, quick: bool) -> Iterator[Row]:
    """The same when the promotion plan is not known, as the rivals do not know it."""
    bare = replace(panel, known=Known())
    found = [at_origin(bare, week, quick) for week in ORIGINS]
    given = [Given(each.week, each.ahead.quantile(LEVELS), each.actual) for each in found]
    name = "without the promotion plan"
    yield Row(f"{name}: share inside 80 %, origins pooled", mean([each.inside80 for each in given]), "")
    yield Row(f"{name}: share inside 90 %, origins pooled", mean([each.inside90 for each in given]), "")
    yield Row(f"{name}: weighted quantile loss", pooled_loss(given), "")


def reach_rows(tested: Sequence[Tested]) -> Iterator[Row]:
    """Sums of eight weeks: as the distribution has them, and as if weeks were independent."""
    together, apart = SumsTold(), SumsTold()
    for each in tested:
        draws = each.ahead.samples(400, SEED)
        together.tell(draws, each)
        apart.tell(np.random.default_rng(SEED).permuted(draws, axis=0), each)
    peer = "weeks as independent"
    yield Row(
        "80 % intervals of a commodity's 8 weeks together: share inside",
        together.inside,
        "",
        peer=peer,
        peer_value=apart.inside,
    )
    yield Row(
        "P(reach target) of 8 weeks: calibration error, 10 bins",
        together.calibration,
        "",
        peer=peer,
        peer_value=apart.calibration,
    )


class SumsTold:
    """What was said of sums, and what they were."""

    def __init__(self) -> None:
        self._told: list[Floats] = []
        self._came: list[Floats] = []
        self._ranks: list[Floats] = []

    def tell(self, draws: Floats, tested: Tested) -> None:
        sums, sold = draws.sum(axis=2), tested.actual.sum(axis=1)
        self._ranks.append((sums < sold).mean(axis=0))
        for target in np.outer(TARGETS, tested.ahead.forecast.sum(axis=1)):
            self._told.append((sums >= target).mean(axis=0))
            self._came.append(np.asarray(sold >= target, dtype=np.float64))

    @property
    def inside(self) -> float:
        """Share of sums inside their central 80 %."""
        return float((np.abs(np.concatenate(self._ranks) - 0.5) <= 0.4).mean())

    @property
    def calibration(self) -> float:
        return calibration_error(np.concatenate(self._told), np.concatenate(self._came))


def calibration_error(told: Floats, came: Floats) -> float:
    """Mean distance between what was told and how often it came, over tenths of what was told."""
    bins = np.array_split(np.argsort(told, kind="stable"), 10)
    return float(np.mean([abs(told[each].mean() - came[each].mean()) for each in bins]))


def followed_rows(panel: Panel, tested: Sequence[Tested]) -> Iterator[Row]:
    """The law learned at the first origin and from then on kept up by actuals alone, on forecasts of later fits."""
    rolling = Rolling.begin(law_of(tested[0]))
    begun = time.process_time()
    shares = []
    for week in range(ORIGINS[0], CHRISTMAS_ORIGIN):
        length = known(week)
        if made := [each for each in tested if each.week == week]:
            rolling = rolling.issued(panel.values[:, :length], made[0].ahead.forecast)
            ranks = rolling.latest.cdf(made[0].actual)
            shares.append(float((np.abs(ranks - 0.5) <= 0.4).mean()))
        rolling = rolling.observe(panel.values[:, length])
    spent = (time.process_time() - begun) / (CHRISTMAS_ORIGIN - ORIGINS[0])
    yield Row("80 % intervals of a law never refitted, only told the actuals, no Christmas", mean(shares), "")
    yield Row("CPU of one week's actuals, 202 series", 1000 * spent, "ms")


def law_of(tested: Tested) -> ErrorLaw:
    return tested.ahead.law
