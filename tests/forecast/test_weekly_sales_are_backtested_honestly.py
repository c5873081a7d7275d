"""Series: forecasters against naive rivals, and a backtest that never sees what it tests."""

from __future__ import annotations

import time
from datetime import timedelta

import numpy as np
import pytest

from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series import weekly
from fieldwise_forecast.core.series.levels import ALPHAS, ses
from fieldwise_forecast.core.series.weekly import WeeklySeries, late_origins, series_of
from fieldwise_forecast.core.series.weekly_model import from_file
from fieldwise_forecast.core.series.weekly_reach import sales_reach
from fieldwise_forecast.core.series.weekly_update import updated
from fieldwise_forecast.core.versions import Champion, Trained
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest
from tests.forecast.conftest import CHEAP, Fitted, silently
from tests.forecast.forecast_worlds import MONDAY, NOW

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


def test_the_test_of_an_origin_does_not_see_later_weeks() -> None:
    series = noisy(20, 51)
    turned = series.weeks.copy()
    last_test = late_origins(51)[-1]
    # A random walk in the last window would make naive the best, had it been seen.
    steps = np.random.default_rng(5).normal(0, 300, turned[:, last_test:].shape)
    turned[:, last_test:] = np.cumsum(steps, axis=1) + 5000
    tests = [from_file(fit(weeks).file).honest() for weeks in (series.weeks, turned)]
    seen = [test.origins.index(MONDAY + last_test * WEEK) + 1 for test in tests]
    names = [np.argsort(test.categories) for test in tests]
    before = [test.forecast[:upto, rows] for test, upto, rows in zip(tests, seen, names, strict=True)]
    assert np.array_equal(before[0], before[1])


def fit(weeks: Floats, pool: tuple[str, ...] = CHEAP) -> Trained:
    series = WeeklySeries(tuple(f"c{i}" for i in range(len(weeks))), MONDAY, weeks)
    return weekly.fit(series, time.process_time, silently, pool)


def test_on_noise_around_a_level_the_model_beats_naive_and_its_intervals_hold() -> None:
    model = from_file(fit(noisy(60, 51).weeks).file)
    lift = model.lift
    assert 0 < lift.low95 < lift.lift_vs_naive < lift.high95
    assert lift.accuracy - lift.naive_accuracy == pytest.approx(lift.lift_vs_naive)
    # 60 series x 3 origins x 8 weeks, calibrated on few origins: a few points around .8.
    assert 0.74 < lift.coverage80 < 0.87
    assert 0.86 < lift.coverage90 < 0.95
    assert (lift.series, lift.origins) == (60, 3)


def test_on_a_random_walk_the_lift_is_told_as_it_is() -> None:
    steps = np.random.default_rng(2).normal(0, 60, (40, 51))
    trained = fit(np.abs(np.cumsum(steps, axis=1)) + 500)
    model = from_file(trained.file)
    windows = [model.history[:, origin - 1 : origin + 8] for origin in late_origins(51)]
    missed = sum(np.abs(window[:, 1:] - window[:, :1]).sum() for window in windows)
    sold = sum(window[:, 1:].sum() for window in windows)
    assert model.lift.naive_accuracy == pytest.approx(1 - missed / sold)
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


def test_an_update_learns_what_came_and_chooses_nothing_anew() -> None:
    weeks = noisy(12, 51).weeks
    old = fit(weeks[:, :49])
    new = updated(of(weeks), Champion(old.report, old.file, NOW), silently)
    before, after = from_file(old.file), from_file(new.file)
    assert after.end == before.end + 2 * WEEK
    assert [one.category for one in after.categories] == [one.category for one in before.categories]
    assert np.array_equal(after.history, weeks[[int(one.category[1:]) for one in after.categories]])
    assert [one.naive for one in after.categories] == after.history[:, -1].tolist()
    assert not np.array_equal(after.forecast, before.forecast)
    assert not np.array_equal(after.law.counts, before.law.counts)
    assert new.report.learner == old.report.learner
    with pytest.raises(FailedPrecondition) as refusal:
        updated(of(weeks), Champion(new.report, new.file, NOW), silently)
    assert refusal.value.reason == "NOTHING_NEW"


def test_how_often_intervals_held_is_counted_over_updates_and_trainings() -> None:
    weeks = noisy(30, 51).weeks
    first = fit(weeks[:, :47])
    assert {one.realised_coverage80 for one in from_file(first.file).categories} == {None}
    second = updated(of(weeks[:, :49]), Champion(first.report, first.file, NOW), silently)
    champion = Champion(second.report, second.file, NOW)
    third = from_file(
        weekly.fit(of(weeks), time.process_time, silently, CHEAP, champion=champion).file
    ).categories
    assert {one.seen for one in third} == {4}
    inside = 0
    for old, begin in ((from_file(first.file), 47), (from_file(second.file), 49)):
        names = [int(one.category[1:]) for one in old.categories]
        came = weeks[names, begin : begin + 2]
        inside += int(((old.ends[:, :2, 1] <= came) & (came <= old.ends[:, :2, 2])).sum())
    assert sum(one.inside80 for one in third) == inside
    assert 0.6 < inside / (4 * 30) < 0.95


def test_a_champion_of_an_earlier_release_does_not_keep_a_training_from_replacing_it() -> None:
    weeks = noisy(5, 40).weeks
    old = Champion(fit(weeks).report, b'{"end": "2017-12-25"}', NOW)
    trained = weekly.fit(of(weeks), time.process_time, silently, CHEAP, champion=old)
    assert from_file(trained.file).categories[0].seen == 0
    with pytest.raises(FailedPrecondition) as refusal:
        from_file(old.file)
    assert refusal.value.reason == "MODEL_FILE_REFUSED"


def test_a_category_that_appears_after_the_training_is_forecast_by_the_update() -> None:
    weeks = noisy(6, 51).weeks
    old = fit(weeks[:5, :49])
    late = np.vstack([weeks[:5], np.where(np.arange(51) < 48, 0.0, weeks[5])])
    new = from_file(updated(of(late), Champion(old.report, old.file, NOW), silently).file)
    fresh = next(one for one in new.categories if one.category == "c5")
    points = new.points(fresh, new.end, 8)
    assert all(
        0 <= point.low90 <= point.low80 <= point.mean <= point.high80 <= point.high90 for point in points
    )
    assert points[0].mean > 0


def of(weeks: Floats) -> WeeklySeries:
    return WeeklySeries(tuple(f"c{i}" for i in range(len(weeks))), MONDAY, weeks)


def test_quantiles_are_given_in_order_and_agree_with_the_intervals(fitted: Fitted) -> None:
    model = from_file(fitted.models["weekly-sales"].file)
    point = model.points(model.categories[3], NOW, 8, (0.9, 0.05, 0.5))[5]
    assert [each.level for each in point.quantiles] == [0.05, 0.5, 0.9]
    assert point.low90 == min(point.quantiles[0].value, point.mean)
    assert point.high80 == max(point.quantiles[2].value, point.mean)


def test_a_sum_counts_what_was_and_the_chance_falls_with_the_target(fitted: Fitted) -> None:
    model = from_file(fitted.models["weekly-sales"].file)
    begin = model.end - 2 * WEEK
    was = float(model.history[[0, 1], -2:].sum())
    whole = sales_reach(model, [0, 1], was, model.end, begin, 2)
    assert (whole.actual, whole.probability) == (was, 1.0)
    expected = was + float(model.forecast[[0, 1], :3].sum())
    found = [sales_reach(model, [0, 1], share * expected, model.end, begin, 5) for share in (0.9, 1.0, 1.1)]
    assert found[0].probability > found[1].probability > found[2].probability
    assert found[0].actual == was
    assert found[0].mean == pytest.approx(expected)
    assert found[0].low90 < expected < found[0].high90
    with pytest.raises(InvalidRequest):
        sales_reach(model, [0], 1.0, model.end, model.end + timedelta(days=1), 2)
    with pytest.raises(FailedPrecondition):
        sales_reach(model, [0], 1.0, model.end, None, 60)


def test_the_whole_pool_competes_when_nothing_else_is_said() -> None:
    trained = weekly.fit(noisy(8, 36), time.process_time, silently)
    names = {score.learner for score in trained.report.leaderboard}
    assert {"naive", "ses", "theta", "ets", "xgboost-direct", "random-forest", "ensemble"} <= names
    assert trained.report.learner in names
