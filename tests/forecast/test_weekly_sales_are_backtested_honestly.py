"""Series: forecasters against naive rivals, and a backtest that never sees what it tests."""

from __future__ import annotations

import time
from datetime import timedelta

import numpy as np
import pytest

from fieldwise_forecast.core import weekly
from fieldwise_forecast.core.backtest import conformal, errors
from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series import ALPHAS, LEVELS, ses
from fieldwise_forecast.core.versions import Trained
from fieldwise_forecast.core.weekly import WeeklySeries, from_file, late_origins, series_of
from fieldwise_runtime.errors import FailedPrecondition
from tests.forecast.conftest import Fitted, silently
from tests.forecast.forecast_worlds import MONDAY, NOW, weekly_amounts

WEEK = timedelta(days=7)


def noisy(series: int, weeks: int, seed: int = 0) -> WeeklySeries:
    """Levels that stand still under noise: naive errs by sqrt(2) sigma, a good mean by sigma."""
    rng = np.random.default_rng(seed)
    sales = rng.uniform(200, 900, (series, 1)) * rng.gamma(30.0, 1 / 30.0, (series, weeks))
    return WeeklySeries(tuple(f"c{i}" for i in range(series)), MONDAY, sales)


def ses_one_by_one(history: list[float]) -> float:
    """Smoothing of one series in plain loops."""
    best, level_of_best = float("inf"), 0.0
    for alpha in ALPHAS:
        level, squared = history[0], 0.0
        for week in history[1:]:
            squared += (week - level) ** 2
            level += alpha * (week - level)
        if squared < best:
            best, level_of_best = squared, level
    return level_of_best


def test_smoothing_many_series_equals_smoothing_them_one_by_one() -> None:
    weeks = noisy(5, 30).weeks
    assert ses(weeks).tolist() == pytest.approx([ses_one_by_one(row) for row in weeks.tolist()])


@pytest.mark.parametrize("name", sorted(LEVELS))
def test_errors_at_an_origin_do_not_see_later_weeks(name: str) -> None:
    weeks = noisy(5, 40).weeks
    changed = weeks.copy()
    changed[:, 28:] *= 3
    before = changed[:, 20:28] - errors(changed, LEVELS[name], 20, 8)
    assert np.array_equal(before, weeks[:, 20:28] - errors(weeks, LEVELS[name], 20, 8))


def test_the_choice_of_forecaster_ignores_the_test_weeks() -> None:
    series = noisy(20, 51)
    turned = series.weeks.copy()
    first_test = late_origins(51)[0]
    # A random walk in the test weeks would make naive the best, had it been seen.
    turned[:, first_test:] = (
        np.cumsum(np.random.default_rng(5).normal(0, 300, turned[:, first_test:].shape), axis=1) + 5000
    )
    chosen = [fit(weeks).report.learner for weeks in (series.weeks, turned)]
    assert chosen[0] == chosen[1]


def fit(weeks: Floats) -> Trained:
    series = WeeklySeries(tuple(f"c{i}" for i in range(len(weeks))), MONDAY, weeks)
    return weekly.fit(series, "", time.process_time, silently)


def test_on_noise_around_a_level_the_model_beats_naive_and_its_intervals_hold() -> None:
    model = from_file(fit(noisy(60, 51).weeks).file)
    lift = model.lift
    assert 0 < lift.low95 < lift.lift_vs_naive < lift.high95
    assert lift.accuracy - lift.naive_accuracy == pytest.approx(lift.lift_vs_naive)
    # 60 series x 3 origins x 8 weeks, calibrated on few origins: a few points around .8.
    assert 0.74 < lift.coverage80 < 0.87
    assert (lift.series, lift.origins) == (60, 3)


def test_on_a_random_walk_the_lift_is_told_as_it_is() -> None:
    steps = np.random.default_rng(2).normal(0, 60, (40, 51))
    trained = fit(np.abs(np.cumsum(steps, axis=1)) + 500)
    model = from_file(trained.file)
    naive = trained.report.score_of("naive", "wape")
    assert naive is not None
    assert model.lift.naive_accuracy == pytest.approx(1 - naive)
    assert model.lift.lift_vs_naive < 0.02


def test_small_categories_are_forecast_but_do_not_judge() -> None:
    series = noisy(20, 51)
    small = series.weeks.copy()
    small[:5] /= 1000
    trained = fit(small)
    model = from_file(trained.file)
    assert len(model.categories) == 20
    assert model.lift.series == 15


def test_an_incomplete_first_week_is_left_out() -> None:
    amounts = {
        "a": (MONDAY - WEEK, [1_000_000, 100_000_000, 90_000_000]),
        "b": (MONDAY, [80_000_000, 70_000_000]),
    }
    series = series_of(amounts)
    assert series.first_week == MONDAY
    assert series.weeks.tolist() == [[100.0, 90.0], [80.0, 70.0]]


def test_a_category_that_began_later_sold_nothing_before() -> None:
    series = series_of({"a": (MONDAY, [100_000_000] * 3), "b": (MONDAY + WEEK, [70_000_000] * 2)})
    assert series.weeks.tolist() == [[100.0, 100.0, 100.0], [0.0, 70.0, 70.0]]


def test_points_start_at_the_week_of_the_decision_and_grow_wider(fitted: Fitted) -> None:
    model = from_file(fitted.models["weekly-sales"].file)
    points = model.points(model.categories[0], NOW + timedelta(days=9), 6)
    assert [point.week for point in points] == [NOW + WEEK * k for k in range(1, 7)]
    widths = [point.high80 - point.low80 for point in points]
    assert widths == sorted(widths)
    assert all(0 <= point.low80 <= point.mean <= point.high80 for point in points)


@pytest.mark.parametrize(("weeks", "reason"), [(-1, "MODEL_FROM_THE_FUTURE"), (20, "STALE_MODEL")])
def test_a_model_of_another_time_is_refused(fitted: Fitted, weeks: int, reason: str) -> None:
    model = from_file(fitted.models["weekly-sales"].file)
    with pytest.raises(FailedPrecondition) as refusal:
        model.points(model.categories[0], NOW + WEEK * weeks, 8)
    assert refusal.value.reason == reason


@pytest.mark.parametrize("weeks", [29, 0])
def test_too_few_weeks_are_refused(weeks: int) -> None:
    with pytest.raises(FailedPrecondition, match=f"{weeks} whole weeks of sales; at least 30"):
        fit(noisy(5, 30).weeks[:, :weeks])


def test_thirty_weeks_are_enough() -> None:
    assert fit(noisy(5, 30).weeks).report.test_rows == 5 * 3 * 8


def test_a_worse_learner_than_the_champions_is_not_promoted(fitted: Fitted) -> None:
    series = series_of({name: (MONDAY, amounts) for name, amounts in weekly_amounts().items()})
    best = fitted.models["weekly-sales"].report.leaderboard[0]
    trained = weekly.fit(series, best.learner, time.process_time, silently)
    own = trained.report.score_of(trained.report.learner, "wape")
    assert own is not None
    assert bool(trained.refusal) == (own > best.metrics["wape"] + 0.002)


def test_the_conformal_score_covers_four_fifths() -> None:
    scores = np.random.default_rng(0).random(999)
    assert (scores <= conformal(scores)).sum() == 800
