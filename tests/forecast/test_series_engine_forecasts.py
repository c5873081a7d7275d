"""The engine of series: it learns what was planted, forecasts what is hard, and is kept in a file without change."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series import engine
from fieldwise_forecast.core.series.engine import FittedSeries
from fieldwise_forecast.core.series.panel import Frequency, Known, Panel
from fieldwise_forecast.core.series.pool import DIRECT_BOOSTER, POOL, RECURSIVE_BOOSTER, Forecaster
from fieldwise_forecast.core.series.prepared import Prepared
from fieldwise_forecast.core.series.recursive_rows import FIRST, RecursiveRows
from fieldwise_forecast.core.series.series_file import from_bytes, to_bytes
from fieldwise_forecast.core.series.standings import ALL, ENSEMBLE
from fieldwise_runtime.errors import FailedPrecondition
from tests.forecast.series_worlds import noisy, panel_of, promoted

HORIZON = 6
BOOSTERS = (DIRECT_BOOSTER, RECURSIVE_BOOSTER)
RULES = ("naive", "history-mean", "ses")


def fit(panel: Panel, **how: object) -> FittedSeries:
    return engine.fit(panel, HORIZON, cpu_seconds=time.process_time, **how)  # type: ignore[arg-type]  # as the caller says


def missed(actual: Floats, forecast: Floats) -> float:
    return float(np.abs(actual - forecast).sum() / np.abs(actual).sum())


@pytest.fixture(scope="module")
def world() -> Panel:
    return promoted(series=30, weeks=46, ahead=HORIZON)


@pytest.fixture(scope="module")
def fitted(world: Panel) -> FittedSeries:
    return fit(world.until(46), origins=(34, 39, 43))


def test_a_planned_promotion_is_learned(world: Panel, fitted: FittedSeries) -> None:
    seen, actual = world.until(46), world.values[:, 46:]
    blind = replace(seen, known=Known())
    with_plan = missed(actual, fitted.forecast(seen, HORIZON))
    without = missed(actual, fit(blind, pool=BOOSTERS).forecast(blind, HORIZON))
    # Noise alone costs .12.
    assert with_plan < 0.15
    assert with_plan < 0.8 * without


def test_every_forecaster_of_the_pool_and_the_ensemble_stand_on_the_leaderboard(fitted: FittedSeries) -> None:
    names = {one.learner for one in fitted.leaderboard}
    assert names == {*POOL, ENSEMBLE}
    wapes = [one.wape for one in fitted.leaderboard]
    assert wapes == sorted(wapes)
    assert sum(one.weight for one in fitted.leaderboard) == pytest.approx(1)


def test_a_file_gives_back_the_same_forecasts_and_the_same_file(world: Panel, fitted: FittedSeries) -> None:
    seen = world.until(46)
    again = from_bytes(to_bytes(fitted))
    assert np.array_equal(again.forecast(seen, HORIZON), fitted.forecast(seen, HORIZON))
    assert to_bytes(again) == to_bytes(fitted)
    assert again.champions == fitted.champions


def test_fitting_twice_gives_the_same_file() -> None:
    panel = panel_of(noisy(6, 30))

    def still() -> float:
        return 0.0

    first, second = (engine.fit(panel, HORIZON, cpu_seconds=still, pool=BOOSTERS) for _ in range(2))
    assert to_bytes(first) == to_bytes(second)


def test_the_order_of_series_does_not_matter(world: Panel, fitted: FittedSeries) -> None:
    seen = world.until(46)
    order = np.random.default_rng(3).permutation(seen.size)
    known = replace(seen.known, values=seen.known.values[order])
    turned = replace(seen, values=seen.values[order], known=known)
    assert np.allclose(fitted.forecast(turned, HORIZON), fitted.forecast(seen, HORIZON)[order], rtol=1e-5)


def test_an_update_learns_a_promotion_that_began_to_work_later() -> None:
    plain, working = promoted(40, 46, HORIZON, lift=0.0), promoted(40, 46, HORIZON, lift=1.0)
    turned = replace(working, values=np.hstack([plain.values[:, :20], working.values[:, 20:]]))
    old = fit(turned.until(20), pool=BOOSTERS, origins=(14,))
    new = old.update(turned.until(46))
    seen, actual = turned.until(46), turned.values[:, 46:]
    assert missed(actual, new.forecast(seen, HORIZON)) < 0.8 * missed(actual, old.forecast(seen, HORIZON))
    assert new.choices == old.choices


def test_an_update_reads_the_newest_periods_and_a_training_all_of_them() -> None:
    prepared = Prepared.of(panel_of(noisy(30, 46)), HORIZON)
    rows = RecursiveRows(prepared)
    whole, newest = rows.rows(100_000, 1), rows.rows(100_000, 1, newest=5)
    assert len(whole) == 30 * (46 - FIRST)
    assert len(newest) == 30 * 5
    assert np.array_equal(newest.features, whole.features[-len(newest) :], equal_nan=True)
    assert len(rows.rows(100_000, 1, newest=1000)) == len(whole)


def test_each_level_gets_the_champion_that_suits_it() -> None:
    rng = np.random.default_rng(5)
    wandering = 500 * np.exp(np.cumsum(rng.normal(0, 0.15, (20, 60)), axis=1))
    standing = noisy(20, 60, seed=6)
    levels = ["wandering"] * 20 + ["standing"] * 20
    fitted = fit(panel_of(np.vstack([wandering, standing])), levels=levels, pool=("naive", "history-mean"))
    assert fitted.champions["wandering"] == "naive"
    assert fitted.champions["standing"] == "history-mean"
    assert ALL in fitted.champions


HARD = {
    "constant": np.full((3, 30), 7.0),
    "all zero": np.zeros((3, 30)),
    "mostly zero": np.where(np.arange(90).reshape(3, 30) % 5 == 0, 12.0, 0.0),
    "one series": noisy(1, 30),
    "one exploding": np.vstack([noisy(3, 30), np.exp(np.arange(30.0))[None]]),
}


@pytest.mark.parametrize("name", sorted(HARD))
def test_hard_series_get_sensible_forecasts(name: str) -> None:
    values = HARD[name]
    panel = panel_of(values)
    fitted = fit(panel, origins=(20, 24))
    forecasts = [fitted.forecast(panel, HORIZON)]
    forecasts += [found.forecast(Prepared.of(panel, HORIZON)) for found in alone(panel)]
    for forecast in forecasts:
        assert np.isfinite(forecast).all()
        assert (forecast >= 0).all()
        assert (forecast <= 10 * values.max(axis=1, keepdims=True)).all()


def alone(panel: Panel) -> list[Forecaster]:
    prepared = Prepared.of(panel, HORIZON)
    found = (learner.fitted(prepared, 1) for learner in POOL.values())
    return [each for each in found if each is not None]


def test_a_constant_series_stays_constant() -> None:
    panel = panel_of(np.full((4, 30), 7.0))
    assert fit(panel, origins=(20, 24)).forecast(panel, HORIZON) == pytest.approx(
        np.full((4, HORIZON), 7.0), rel=1e-3
    )


def test_missing_weeks_move_the_forecast_little() -> None:
    values = noisy(30, 46)
    holes = np.where(np.random.default_rng(1).random(values.shape) < 0.1, np.nan, values)
    whole, holed = (fit(panel_of(each), pool=BOOSTERS, origins=(34,)) for each in (values, holes))
    ours, theirs = (each.forecast(panel_of(part), 1) for each, part in ((whole, values), (holed, holes)))
    assert missed(ours, theirs) < 0.1


def test_a_new_series_is_forecast_from_what_it_has(world: Panel, fitted: FittedSeries) -> None:
    seen = world.until(46)
    values = seen.values.copy()
    values[0, :-3] = np.nan
    values[1] = np.nan
    forecast = fitted.forecast(replace(seen, values=values), HORIZON)
    assert np.isfinite(forecast).all()
    assert forecast[0].mean() == pytest.approx(np.nanmean(values[0]), rel=0.6)
    assert forecast[1] == pytest.approx(np.median(np.delete(forecast, 1, axis=0), axis=0))


def test_negative_values_may_be_forecast_negative() -> None:
    values = -noisy(5, 30)
    panel = panel_of(values)
    assert (fit(panel, pool=(*BOOSTERS, *RULES)).forecast(panel, HORIZON) < 0).all()


def test_a_longer_horizon_than_fitted_is_forecast_too(world: Panel, fitted: FittedSeries) -> None:
    seen = world.until(46)
    longer = fitted.forecast(seen, HORIZON + 5)
    assert longer.shape == (seen.size, HORIZON + 5)
    assert np.isfinite(longer).all()


def test_days_are_forecast_with_their_week() -> None:
    week = np.array([1.0, 1.0, 1.0, 1.0, 1.6, 2.2, 0.4])
    values = noisy(20, 84, seed=4) * np.tile(week, 12)
    panel = panel_of(values, frequency=Frequency.DAY)
    fitted = fit(panel.until(78), pool=(*BOOSTERS, "history-mean"), origins=(66,))
    truth = values[:, 78:]
    assert missed(truth, fitted.forecast(panel.until(78), HORIZON)) < 0.2


def test_a_panel_without_the_inputs_of_the_model_is_refused(world: Panel, fitted: FittedSeries) -> None:
    bare = replace(world.until(46), known=Known())
    with pytest.raises(FailedPrecondition, match="promotion") as refused:
        fitted.forecast(bare, HORIZON)
    assert refused.value.reason == "OTHER_KIND_OF_PANEL"


def test_too_short_a_history_is_refused_with_what_is_needed() -> None:
    with pytest.raises(FailedPrecondition, match="at least one series and 14 periods") as refused:
        fit(panel_of(noisy(3, 13)))
    assert refused.value.reason == "NOT_ENOUGH_HISTORY"
