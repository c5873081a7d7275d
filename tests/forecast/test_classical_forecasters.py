"""Classical forecasters against statsforecast, against plain arithmetic, and on histories that are not nice."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series import theta as thetas
from fieldwise_forecast.core.series.classical import CLASSICAL, damped, ets, naive, seasonal_naive, ses, theta
from fieldwise_forecast.core.series.histories import Histories
from fieldwise_forecast.core.series.intermittent import croston, sba, tsb
from fieldwise_forecast.core.series.search import minimum
from fieldwise_forecast.core.series.season import is_seasonal, multiplicative, shrunk


def drifting(count: int, length: int, seed: int = 5) -> Floats:
    """Series with a level that wanders, a little trend and noise."""
    drawn = np.random.default_rng(seed)
    steps = drawn.normal(0.3, 1.0, (count, length)).cumsum(axis=1)
    return np.asarray(100 + steps + drawn.normal(0, 2.0, (count, length)))


def seasonal_sales(count: int, length: int, season: int = 12, noise: float = 0.05, seed: int = 7) -> Floats:
    """Sales with a planted season of +- 40 % that ends in the last column."""
    drawn = np.random.default_rng(seed)
    shape = 1 + 0.4 * np.sin(2 * np.pi * np.arange(length) / season)
    return np.asarray(200 * shape * np.exp(drawn.normal(0, noise, (count, length))))


def peer(name: str, values: Floats, horizon: int) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = pytest.importorskip("statsforecast.models")
        made: Any = getattr(models, name)
        model = made() if name.startswith("Simple") else made(season_length=1)
        return np.array([model.forecast(y=row, h=horizon)["mean"] for row in values])


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("SimpleExponentialSmoothingOptimized", ses),
        ("Theta", theta),
    ],
)
def test_without_a_season_smoothing_and_theta_are_the_library_s(name: str, ours: Any) -> None:
    values = drifting(24, 60)
    assert ours(values, 1, 6) == pytest.approx(peer(name, values, 6), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "ours", "settings"),
    [
        ("CrostonClassic", croston, {}),
        ("CrostonSBA", sba, {}),
        ("TSB", tsb, {"alpha_d": 0.1, "alpha_p": 0.1}),
    ],
)
def test_demand_that_comes_now_and_then_is_the_library_s(name: str, ours: Any, settings: Any) -> None:
    drawn = np.random.default_rng(6)
    values = drawn.gamma(2.0, 5.0, (20, 60)) * (drawn.random((20, 60)) < 0.3)
    models = pytest.importorskip("statsforecast.models")
    model = getattr(models, name)(**settings)
    theirs = np.array([model.forecast(y=row, h=3)["mean"] for row in values])
    assert ours(values, 1, 3) == pytest.approx(theirs, rel=1e-3)


def test_a_demand_that_dies_out_is_forecast_lower_by_tsb_than_by_croston() -> None:
    values = np.tile([0.0, 6.0], (1, 20))
    values[:, 20:] = 0.0
    assert tsb(values, 1, 1)[0, 0] < croston(values, 1, 1)[0, 0] / 3


def test_the_optimised_theta_fits_no_worse_than_what_is_found_by_trying_every_constant() -> None:
    histories = Histories.of(drifting(8, 40))
    lines = thetas.dynamic_lines(histories)

    def loss(points: Floats) -> Floats:
        return thetas.fitted(histories, lines, points[0], None).loss

    bounds = np.array([thetas.LOWEST]), np.array([thetas.HIGHEST])
    found = minimum(loss, thetas.GRID, *bounds, histories.size)
    every = np.repeat(np.linspace(0.1, 0.99, 500)[None, :, None], histories.size, axis=2)
    assert loss(found[:, None])[0] == pytest.approx(loss(every).min(axis=0), rel=1e-4)


def test_least_squares_in_theta_is_the_error_of_the_forecasts_it_stands_for() -> None:
    values = drifting(1, 30)
    histories = Histories.of(values)
    lines, alpha = thetas.static_lines(histories), 0.4
    fit = thetas.fitted(histories, lines, np.full((1, 1), alpha), 0.5)
    start, slope = lines.starts[0, 0], lines.slopes[0, 0]
    errors = []
    for level in [fit.first[0, 0]]:
        for age, value in enumerate(values[0]):
            line = (1 - alpha) ** age * start + (1 - (1 - alpha) ** (age + 1)) / alpha * slope
            errors.append(value - (level + 0.5 * line))
            level = alpha * value + (1 - alpha) * level
    assert fit.loss[0, 0] == pytest.approx(np.square(errors[thetas.BURN_IN :]).sum())


def test_a_planted_season_is_found_and_its_factors_recovered() -> None:
    values = seasonal_sales(20, 96)
    histories = Histories.of(values)
    assert is_seasonal(histories, 12).all()
    truth = 1 + 0.4 * np.sin(2 * np.pi * np.arange(12) / 12)
    assert multiplicative(histories, 12) == pytest.approx(np.tile(truth, (20, 1)), abs=0.06)


def test_noise_alone_shows_a_season_about_as_often_as_the_test_allows() -> None:
    values = 100 + np.random.default_rng(3).normal(0, 10, (400, 96))
    assert is_seasonal(Histories.of(values), 12).mean() < 0.15


def test_factors_of_noise_shrink_and_those_of_a_season_stay() -> None:
    noise = Histories.of(100 + np.random.default_rng(3).normal(0, 10, (200, 96)))
    plain, drawn_in = (found.std(axis=1).mean() for found in (multiplicative(noise, 12), shrunk(noise, 12)))
    assert drawn_in < plain / 2
    season = Histories.of(seasonal_sales(20, 96))
    assert shrunk(season, 12) == pytest.approx(multiplicative(season, 12), abs=0.03)


@pytest.mark.parametrize("name", ["ses", "damped", "theta", "optimised-theta", "dynamic-theta", "ets"])
def test_on_a_season_every_forecaster_beats_the_seasonal_naive(name: str) -> None:
    values = seasonal_sales(30, 108, noise=0.15)
    known, actual = values[:, :-12], values[:, -12:]
    missed = np.abs(CLASSICAL[name](known, 12, 12) - actual).mean()
    assert missed < np.abs(seasonal_naive(known, 12, 12) - actual).mean()


def test_a_damped_trend_goes_on_where_naive_stands_still() -> None:
    values = 50 + 2.0 * np.arange(40) + np.random.default_rng(1).normal(0, 1, (20, 40))
    actual = 50 + 2.0 * np.arange(40, 46)
    assert np.abs(damped(values, 1, 6) - actual).mean() < np.abs(naive(values, 1, 6) - actual).mean() / 2


@pytest.mark.parametrize("name", sorted(CLASSICAL))
@pytest.mark.parametrize("length", [1, 2, 3, 5, 30])
def test_histories_that_are_not_nice_still_get_a_forecast(name: str, length: int) -> None:
    values = np.random.default_rng(2).random((6, length))
    values[0], values[1], values[3] = 0.0, 3.0, np.nan
    values[2, : length // 2] = np.nan
    values[4, length // 3 : length // 2] = np.nan
    values[5] -= 2.0
    found = CLASSICAL[name](values, 12, 5)
    assert np.isfinite(found[[0, 1, 2, 4, 5]]).all()
    assert found[0] == pytest.approx(0.0, abs=1e-9)
    # SBA takes off half its smoothing constant, also where there is no bias.
    assert found[1] == pytest.approx(3.0, rel=0.06 if name == "sba" else 1e-6)
    assert np.isnan(found[3]).all()
    assert (found[[0, 1, 2, 4]] >= 0).all()


@pytest.mark.parametrize("name", sorted(CLASSICAL))
def test_a_series_is_forecast_the_same_alone_and_among_others(name: str) -> None:
    values = seasonal_sales(5, 60)
    values[1, :20] = np.nan
    together = CLASSICAL[name](values, 12, 6)
    assert CLASSICAL[name](values[1:2], 12, 6) == pytest.approx(together[1:2])
    assert CLASSICAL[name](values[1:2, 20:], 12, 6) == pytest.approx(together[1:2])


def test_ets_takes_a_season_only_where_there_is_one() -> None:
    flat = 100 + np.random.default_rng(4).normal(0, 3, (1, 96))
    found = ets(np.concatenate([flat, seasonal_sales(1, 96)]), 12, 12)
    assert np.ptp(found[0]) < 10
    assert np.ptp(found[1]) > 100
