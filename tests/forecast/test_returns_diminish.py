"""Learning curves, their knee, their worth, and the weighing of one more training, on numbers whose truth is known."""

from __future__ import annotations

import math
import time
import zlib
from datetime import timedelta

import numpy as np
import pytest

from fieldwise_forecast.core.questions import BUYS
from fieldwise_forecast.core.returns import customer_trials, sales_trials
from fieldwise_forecast.core.returns.learning_curve import CPU, CYCLE, ROWS, TREES, never_rising
from fieldwise_forecast.core.returns.measured import Returns, Terms, from_plain, measured, to_plain
from fieldwise_forecast.core.returns.retraining import Aging, Seen, aging, changed_by, decided, lost
from fieldwise_forecast.core.returns.trials import (
    AGES,
    ROW_SHARES,
    Result,
    Trial,
    all_trials,
    goal_alarm,
)
from fieldwise_forecast.core.returns.worth import Margin, Worth, customers_worth, sales_worth
from fieldwise_forecast.core.series.weekly import series_of
from fieldwise_forecast.core.versions import Realised
from tests.forecast.forecast_worlds import FEATURES, MONDAY, NOW, World, aligned_cutoffs, weekly_amounts

ORIGINS = 4


def planted(trial: Trial) -> Result:
    """Error falls with rows by a power law, with trees up to the usual number, and rises with age; a forest costs and helps not."""
    noise = 0.0005 * np.random.default_rng(zlib.crc32(repr(trial).encode())).normal()
    error = 0.15 + 0.02 * (trial.rows**-0.5 - 1) + 0.03 * max(0.0, 1 - trial.trees)
    error += 0.001 * trial.age_days + noise + 0.01 * trial.origin
    cpu = 3600.0 * trial.rows * trial.trees
    if trial.learner == "forest":
        cpu *= 28
    return Result(error, 0.2, round(10_000 * trial.rows), 20, round(100 * trial.trees), cpu)


@pytest.fixture(scope="module")
def returns() -> Returns:
    results = {trial: planted(trial) for trial in all_trials(ORIGINS, ["forest"])}
    terms = Terms(cpu_hour_cost=1.0, trainings=52, stated_cost=10.0)
    return measured("m", NOW, results, ["forest"], 1.0, lambda _: Worth(100.0, "planted"), terms)


@pytest.mark.parametrize("seed", range(20))
def test_a_fitted_curve_never_rises_with_effort(seed: int) -> None:
    rng = np.random.default_rng(seed)
    efforts = np.sort(rng.uniform(1, 1000, int(rng.integers(2, 8))))
    fitted = never_rising(efforts, rng.normal(0.2, 0.02, len(efforts)))
    assert (np.diff(fitted) <= 1e-12).all()


def test_a_power_law_is_found_under_noise() -> None:
    rng = np.random.default_rng(3)
    efforts = np.array([100.0, 300, 1000, 3000, 10_000])
    truth = 0.1 + 0.8 * efforts**-0.5
    noisy = truth + rng.normal(0, 0.002, 5)
    assert np.abs(never_rising(efforts, noisy) - truth).max() < np.abs(noisy - truth).max()


def test_the_knee_lies_where_the_planted_gain_ends(returns: Returns) -> None:
    curves = {curve.effort: curve for curve in returns.curves}
    assert curves[TREES].knee == 100
    assert curves[CPU].at_knee.name == "boosted trees"
    assert "forest" in curves[CPU].verdict
    assert curves[ROWS].knee is None
    # Every 28 instead of 56 days, forecasts are made 10.5 instead of 24.5 days after a training: .014 x 10,000, for 72. Every 14
    # instead of 28 days wins half of that, for twice as much.
    assert curves[CYCLE].knee == 28
    assert curves[CYCLE].points[1].cost == pytest.approx(365 / 56 * 11)
    assert curves[CYCLE].points[1].gain == pytest.approx(140, rel=0.1)


def test_a_curve_says_what_every_point_wins_and_costs(returns: Returns) -> None:
    rows = next(curve for curve in returns.curves if curve.effort == ROWS)
    assert [point.effort for point in rows.points] == [10_000 * share for share in ROW_SHARES]
    last, before = rows.points[-1], rows.points[-2]
    assert last.gain == pytest.approx((before.fitted - last.fitted) * 10_000)
    assert last.cost == pytest.approx(52 * 0.5)
    spread = 0.01 * np.std(range(ORIGINS), ddof=1) / 2
    assert last.standard_error == pytest.approx(spread, rel=0.2)


def test_what_was_measured_comes_back_from_its_plain_form(returns: Returns) -> None:
    assert from_plain("m", NOW, to_plain(returns)) == returns


def test_a_goal_beyond_the_knee_alarms_and_one_before_it_does_not(returns: Returns) -> None:
    reached = 1 - min(curve.at_knee.fitted for curve in returns.curves)
    assert goal_alarm(returns.curves, 1.0, reached - 0.01) == ""
    assert f"up to {reached:.1%}" in goal_alarm(returns.curves, 1.0, reached + 0.01)
    assert goal_alarm(returns.curves, 1.0, 0.0) == goal_alarm((), 1.0, 0.9) == ""


def test_the_worth_of_a_point_is_the_margin_on_half_of_what_it_misses() -> None:
    worth = sales_worth(1_000_000, Margin(0.4, assumed=False))
    assert worth.per_point == pytest.approx(2_000)
    assert "40% (as given)" in worth.basis
    assert "assumed)" in sales_worth(1.0, Margin()).basis


def test_the_worth_of_better_picks_is_found_from_what_the_picks_spend() -> None:
    # One origin is richer than the other: only what accuracy changes within each counts.
    results = {
        Trial(origin, rows=share): Result(0.5 - share / 10, 0.5, 1, 1, 1, 0.0, 1_000 * origin + 500 * share)
        for origin in (0, 1)
        for share in ROW_SHARES
    }
    worth = customers_worth(results, 28, 0.5, Margin(0.2))
    # Accuracy 1 - error / .5 rises by share / 5: 2,500 for all of it, 25 for a point, of which 20 % x 10 % stay.
    assert worth.per_point == pytest.approx(25 * 0.2 * 0.1 * 365 / 28)


def week(number: int, relative: float) -> Realised:
    return Realised(MONDAY + timedelta(weeks=number), rows=100, loss=0.2 * relative, naive_loss=0.2)


def seen(*relative: float) -> Seen:
    periods = [week(number, one) for number, one in enumerate(relative)]
    return Seen(0.8, periods, [7.0 * number for number in range(len(periods))])


def test_without_trials_and_without_actuals_nothing_is_said() -> None:
    assert lost(None, 7, 28, Seen(0.8)) is None
    assert lost(None, 7, 28, Seen(math.nan, [week(0, 0.9)], [0])) is None


def test_trials_say_what_a_training_wins_until_the_next_and_actuals_correct_them() -> None:
    aged = Aging((0, 70), (0, 0.1))
    tried = lost(aged, 56, 28, Seen(0.8))
    as_tried = lost(aged, 56, 28, seen(*(0.8 + week / 100 for week in range(8))))
    worse = lost(aged, 56, 28, seen(*[1.2] * 8))
    assert tried == pytest.approx(0.08)
    assert as_tried == pytest.approx(0.08)
    assert worse == pytest.approx(0.4, abs=0.05)


def test_a_surprise_that_chance_explains_moves_little_and_a_large_one_moves_fully() -> None:
    assert changed_by(0.04, 0.04**2) < 0.02
    assert changed_by(0.4, 0.04**2) == pytest.approx(0.4, rel=0.1)
    assert -0.03 < changed_by(-0.4, 0.04**2) < 0


def test_the_rise_with_age_never_falls_and_goes_on_beyond_the_oldest() -> None:
    aged = aging([[0.1, 0.12, 0.11, 0.15], [0.2, 0.2, 0.24, 0.21]], [0.2, 0.4])
    assert aged.ages == AGES
    assert list(aged.rise) == sorted(aged.rise)
    assert aged.at(4 * 49) == pytest.approx(2 * aged.at(49))
    assert aged.at(3.5) == pytest.approx(aged.at(7) / 2)


def test_a_training_is_refused_with_both_figures_where_it_costs_more_than_it_brings() -> None:
    # .01 of relative loss are .2 points of accuracy: 12.27 until the next training in 28 days.
    refused = decided(0.01, 0.2, 800, 28, 40)
    assert refused.words("USD", 28).startswith("expected gain 12 < cost 40 USD")
    assert decided(0.01, 0.2, 800, 28, 12).words("USD", 28) == ""


def test_trials_of_customers_learn_the_planted_signal_from_what_was_known_then() -> None:
    columns = FEATURES
    customers = customer_trials.customers_of(BUYS, columns, World(1.5).snapshots(aligned_cutoffs()))
    newest = len(customers.origins) - 1
    usual, few, naive, linear = (
        customer_trials.tried(customers, time.process_time, trial)
        for trial in (
            Trial(newest),
            Trial(newest, rows=0.05, columns=0.1, trees=0.1),
            Trial(newest, learner="base-rate"),
            Trial(newest, learner="logistic"),
        )
    )
    assert linear.error < usual.error < naive.error == naive.naive
    assert (few.rows, few.columns, few.trees) == (round(0.05 * usual.rows), 1, 20)
    assert usual.value > naive.value
    old = customer_trials.tried(customers, time.process_time, Trial(newest, age_days=28))
    assert old.rows == usual.rows - 400
    unlearned = customer_trials.tried(customers, time.process_time, Trial(0, age_days=28 * 20))
    assert math.isnan(unlearned.error)


def test_trials_of_sales_see_nothing_after_their_origin() -> None:
    series = series_of({name: (MONDAY, amounts) for name, amounts in weekly_amounts().items()})
    sales = sales_trials.sales_of(series)
    made, counts = sales_trials.boosted(Trial(0), sales.panel.until(30), sales.panel.until(35))
    later = sales.panel.values.copy()
    later[:, 35:] *= 7
    changed = sales_trials.Sales(type(sales.panel)(sales.panel.keys, MONDAY, sales.panel.frequency, later))
    again, _ = sales_trials.boosted(Trial(0), changed.panel.until(30), changed.panel.until(35))
    assert made is not None
    assert again is not None
    assert np.array_equal(made, again)
    assert counts[2] == 60
    few = sales_trials.tried(sales, time.process_time, Trial(0, rows=0.05, columns=0.2, trees=0.1))
    assert (few.columns, few.trees) == (4, 6)
    assert few.rows < counts[0]
    naive = sales_trials.tried(sales, time.process_time, Trial(1, learner="naive"))
    assert naive.error == naive.naive
