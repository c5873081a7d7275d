"""Returns that diminish: the article's points, knees of learning curves on Complete Journey, trainings that refuse themselves.

Worlds of seeds 1-450 chose the beliefs of the weighing; those reported are 2001 and on. Costs are drawn evenly on a log scale.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from benchmarks.forecast.aging_worlds import AHEAD, CYCLE_WEEKS, KINDS, TRAINED, aging_world
from benchmarks.forecast.journey_features import JOURNEY_COLUMNS, journey_snapshots
from benchmarks.forecast.journey_series import LAST_WEEK, LEAST_A_WEEK, MONDAY, by_week, products, sales
from benchmarks.report import Row
from fieldwise_forecast.core.questions import BUYS
from fieldwise_forecast.core.returns import customer_trials
from fieldwise_forecast.core.returns.concave import curve_through
from fieldwise_forecast.core.returns.learning_curve import CPU, Learning, difference_error
from fieldwise_forecast.core.returns.measured import Returns, Terms, measured
from fieldwise_forecast.core.returns.retraining import Seen, decided, lost
from fieldwise_forecast.core.returns.trials import Result, Trial, all_trials, words_of
from fieldwise_forecast.core.returns.worth import CPU_HOUR_COST, Margin, Worth
from fieldwise_forecast.core.series.weekly import WeeklySeries
from fieldwise_forecast.returns import Material, customer_material, sales_material

FIRST_SEED, WORLDS = 2001, 300
WORTH_PER_POINT = 1000.0
CYCLE_DAYS = 7.0 * CYCLE_WEEKS
CHEAPEST, DEAREST = 5.0, 500.0
TRAININGS = 365 / 7
FOREST = "random-forest"
EVERY_SECOND = 2


def rows(*, quick: bool) -> Iterator[Row]:
    yield from of_the_article()
    yield from of_refusals(WORLDS // 3 if quick else WORLDS)
    yield from of_weekly_sales(EVERY_SECOND if quick else 1)
    if not quick:
        yield from of_customers()


def of_the_article() -> Iterator[Row]:
    """50 -> 70 % is +15 %, 70 -> 80 % is +5 %."""
    curve = curve_through([50, 70, 80], [0, 15, 20])
    first, second = curve.pieces
    yield Row("article, 50 to 70 %: gain per point", first.gain, "% of sales")
    yield Row("article, 70 to 80 %: gain per point", second.gain, "% of sales")
    stop = curve.stop(0.6) or 0.0
    yield Row("article, stop at a cost of .6 a point", stop, "% accuracy")
    off = max(abs(first.gain - 0.75), abs(second.gain - 0.5), abs(stop - 70), curve.misfit)
    yield Row("article, distance from .75, .5 and 70 %", off, "", "must", "<= 0")


@dataclass(frozen=True)
class Weighed:
    """One decision: what was expected, what was true, and the cost, in money."""

    kind: str
    gain: float
    true_gain: float
    cost: float

    @property
    def right(self) -> bool:
        return (self.gain >= self.cost) == (self.true_gain >= self.cost)


def weighed(seed: int) -> Weighed:
    world = aging_world(seed)
    loss, naive = world.promised
    periods = world.realised
    ages = [7.0 * week for week in range(len(periods))]
    seen = Seen(loss / naive, periods, ages, tested_at=7 * (AHEAD - 1) / 2)
    found = lost(world.aged, 7.0 * (world.now - TRAINED), CYCLE_DAYS, seen)
    cost = float(np.exp(np.random.default_rng((seed, 1)).uniform(np.log(CHEAPEST), np.log(DEAREST))))
    expected = decided(found or 0.0, naive, WORTH_PER_POINT, CYCLE_DAYS, cost)
    true = decided(world.true_gain, 1.0, WORTH_PER_POINT, CYCLE_DAYS, cost)
    return Weighed(world.kind, expected.gain, true.gain, cost)


def of_refusals(worlds: int) -> Iterator[Row]:
    found = [weighed(seed) for seed in range(FIRST_SEED, FIRST_SEED + worlds)]
    yield Row(
        f"trainings rightly done or refused, {worlds} worlds",
        float(np.mean([one.right for one in found])),
        "share",
        "stretch",
        ">= 0.9",
    )
    for kind in KINDS:
        share = float(np.mean([one.right for one in found if one.kind == kind]))
        yield Row(f"the same, tastes that {kind_words(kind)}", share, "share")
    ours = net(found, lambda one: one.gain >= one.cost)
    best = net(found, lambda one: one.true_gain >= one.cost)
    always = net(found, lambda _: True)
    yield Row(
        "money won by it, of what knowing the truth wins",
        ours / best,
        "share",
        "must",
        "> 0.85",
        "always training",
        always / best,
    )


def kind_words(kind: str) -> str:
    return {"still": "stand still", "wandering": "wander", "jumped": "jumped once"}[kind]


def net(found: Sequence[Weighed], done: Callable[[Weighed], bool]) -> float:
    return sum(one.true_gain - one.cost for one in found if done(one))


def commodity_sales(every: int) -> WeeklySeries:
    """Every so-manieth of the commodities that sell $50 a week; without the promotion plan, which the service does not know."""
    bought, goods = sales(), products()
    weekly = by_week(goods.category[bought.product], bought.week, len(goods.categories), bought.amount)
    named = np.array([bool(name) for name in goods.categories])
    recorded = np.bincount(
        goods.category[bought.product],
        bought.amount * (bought.week <= LAST_WEEK),
        minlength=len(goods.categories),
    )
    large = np.flatnonzero(named & (recorded / LAST_WEEK >= LEAST_A_WEEK))[::every]
    return WeeklySeries(tuple(goods.categories[i] for i in large), MONDAY, weekly[large])


def of_weekly_sales(every: int) -> Iterator[Row]:
    series = commodity_sales(every)
    begun = time.process_time()
    found = curves("weekly-sales", sales_material(series, Margin()))
    yield from of_curves("weekly sales", found)
    yield from of_the_forest(next(curve for curve in found.curves if curve.effort == CPU))
    yield Row("weekly sales: all curves", time.process_time() - begun, "CPU s", "must", "< 90")


def of_customers() -> Iterator[Row]:
    customers = customer_trials.customers_of(BUYS, JOURNEY_COLUMNS, journey_snapshots(EVERY_SECOND))
    begun = time.process_time()
    found = curves(BUYS.model, customer_material(BUYS, customers, Margin()))
    yield from of_curves(BUYS.model, found)
    yield Row(f"{BUYS.model}: all curves", time.process_time() - begun, "CPU s", "must", "< 90")


def curves(model: str, material: Material) -> Returns:
    """In this process, so that its CPU is counted."""
    trials = all_trials(material.origins, material.learners)
    results: dict[Trial, Result] = {trial: material.work(trial) for trial in trials}

    def worth(base: float) -> Worth:
        return material.worth(results, base)

    terms = Terms(CPU_HOUR_COST, TRAININGS)
    now = datetime(2018, 1, 1, tzinfo=UTC)
    return measured(model, now, results, material.learners, material.base, worth, terms)


def of_curves(words: str, found: Returns) -> Iterator[Row]:
    yield Row(f"{words}: worth of one point of accuracy in a year", found.worth.per_point, "USD")
    for curve in found.curves:
        reached = curve.at_knee
        where = "knee at" if curve.knee is not None else "no knee up to"
        metric = f"{words}: error by {curve.effort}, {where} {words_of(curve.effort, reached)}"
        yield Row(metric, reached.fitted, "error", peer="least effort", peer_value=curve.points[0].fitted)
    knees = sum(curve.knee is not None for curve in found.curves)
    yield Row(f"{words}: kinds of effort with a knee", knees, f"of {len(found.curves)}", "must", ">= 1")


def of_the_forest(ladder: Learning) -> Iterator[Row]:
    """The step from the knee to the forest: what it costs more, and what it wins."""
    forest = next(point for point in ladder.points if point.name == FOREST)
    knee = ladder.at_knee
    yield Row(
        "CPU of a forest over that of the knee", forest.cpu_seconds / knee.cpu_seconds, "x", "must", "> 1"
    )
    gain = knee.error - forest.error
    yield Row("WAPE that a forest wins over the knee", gain, "WAPE")
    chance = difference_error(knee, forest)
    yield Row("the same in standard errors of the difference", gain / chance, "", "must", "<= 1")
