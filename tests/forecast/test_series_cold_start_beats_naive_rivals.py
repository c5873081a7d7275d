"""Series without history against what one would do without borrowing; models of sets on panels with gaps."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series.cold_start import with_borrowed
from fieldwise_forecast.core.series.panel import Frequency, Known, Panel
from fieldwise_forecast.core.series.set_model import SetModel, fit_set, forecast_set, from_file, to_file
from fieldwise_runtime.errors import FailedPrecondition
from tests.forecast.shop_worlds import KEYS, SHOPS, START, shop_panel, shop_sales

HORIZON = 4
CHAIN = (("department", "category"), ("region",))


def chain(seed: int, weeks: int = 40) -> tuple[list[tuple[str, ...]], Floats]:
    """60 categories in 12 regions: levels are a product of both and of a factor of their own; a common slow wave."""
    rng = np.random.default_rng(seed)
    keys: list[tuple[str, ...]] = [(f"d{c % 6}", f"c{c}", f"r{r}") for c in range(60) for r in range(12)]
    category, region = rng.lognormal(4, 1, 60), rng.lognormal(0, 0.5, 12)
    level = np.array([category[i // 12] * region[i % 12] for i in range(len(keys))])
    level = level * rng.lognormal(0, 0.3, len(keys))
    wave = 1 + 0.2 * np.sin(np.arange(weeks) / 12)
    return keys, level[:, None] * wave * rng.lognormal(0, 0.3, (len(keys), weeks))


def flat_forecasts(history: Floats) -> Floats:
    """The mean of what is known of the last four weeks, 0 where nothing is."""
    last = history[:, -4:]
    seen = (~np.isnan(last)).sum(axis=1)
    return np.repeat((np.nansum(last, axis=1) / np.maximum(seen, 1))[:, None], HORIZON, axis=1)


@pytest.mark.parametrize("known", [0, 1, 2, 4])
def test_borrowing_beats_the_own_mean_and_the_mean_of_the_siblings(known: int) -> None:
    ours = own = siblings = 0.0
    for seed in range(2):
        keys, values = chain(seed)
        cold = np.random.default_rng(seed).random(len(keys)) < 0.2
        history = values[:, :-HORIZON].copy()
        history[cold, : history.shape[1] - known] = np.nan
        forecast = flat_forecasts(history)
        made = with_borrowed(keys, CHAIN, history, forecast)
        actual = values[cold, -HORIZON:]
        ours += np.abs(actual - made.forecast[cold]).sum()
        own += np.abs(actual - forecast[cold]).sum()
        category = np.array([key[1] for key in keys])
        mean = [forecast[~cold & (category == name)].mean() for name in category[cold]]
        siblings += np.abs(actual - np.array(mean)[:, None]).sum()
        assert (made.forecast[~cold] == forecast[~cold]).all()
        assert (made.unsure[cold] > 0).all()
        assert not made.unsure[~cold].any()
    assert ours < own
    assert ours < siblings


def test_a_first_week_that_was_christmas_does_not_count_as_usual() -> None:
    keys, values = chain(1)
    values[:, -HORIZON - 1] *= 3
    history = values[:, :-HORIZON].copy()
    history[0, :-1] = np.nan
    usual = np.repeat(np.median(values[:, -8 - HORIZON : -HORIZON], axis=1)[:, None], HORIZON, 1)
    made = with_borrowed(keys, CHAIN, history, usual)
    assert made.forecast[0].mean() < 0.7 * history[0, -1]


@pytest.fixture(scope="module")
def weekly() -> tuple[Panel, SetModel]:
    """The shops with a model in which the engine takes part."""
    panel = shop_panel()
    return panel, fit_set(SHOPS, panel, time.process_time, lambda _: None)[0]


def test_a_new_series_is_answered_with_a_wider_distribution_and_sums_still_hold(
    weekly: tuple[Panel, SetModel],
) -> None:
    panel, model = weekly
    young = panel.values.copy()
    young[3, :-3] = np.nan
    usual, new = (forecast_set(model, replace(panel, values=each), HORIZON) for each in (panel.values, young))
    row = usual.hierarchy.sums + 3
    assert new.cold.nonzero()[0].tolist() == [row]
    assert not usual.cold.any()
    assert new.incoherence <= 1e-9
    width = [
        np.ptp(one.quantiles(np.array([row]), (0.1, 0.9))[0, 0]) / one.points[row, 0] for one in (usual, new)
    ]
    assert width[1] > width[0]
    assert new.points[row, 0] == pytest.approx(usual.points[row, 0], rel=0.5)


def monthly() -> tuple[Panel, SetModel]:
    shops = replace(SHOPS, frequency=Frequency.MONTH)
    season = 1 + 0.3 * np.sin(2 * np.pi * np.arange(44) / 12)
    panel = Panel(KEYS, datetime(2020, 1, 1, tzinfo=UTC), Frequency.MONTH, shop_sales(44) * season)
    return panel, fit_set(shops, panel, time.process_time, lambda _: None)[0]


@pytest.mark.parametrize("frequency", ["week", "month"])
def test_a_file_gives_the_same_forecasts_to_the_last_bit(
    weekly: tuple[Panel, SetModel], frequency: str
) -> None:
    panel, model = weekly if frequency == "week" else monthly()
    assert model.base.learned is not None
    read = from_file(to_file(model))
    ours, theirs = (forecast_set(one, panel, HORIZON) for one in (model, read))
    assert (ours.points == theirs.points).all()
    assert to_file(read) == to_file(model)
    assert model.lift["lift_vs_naive"] > 0


def test_later_periods_change_no_earlier_backtest() -> None:
    panel = shop_panel(29)
    _, whole = fit_set(SHOPS, panel, time.process_time, lambda _: None)
    changed = panel.values.copy()
    changed[:, whole.origins[-3] :] *= 5
    _, other = fit_set(SHOPS, replace(panel, values=changed), time.process_time, lambda _: None)
    assert (whole.base[:-2] == other.base[:-2]).all()
    assert (whole.base[-1] != other.base[-1]).any()


def test_an_input_that_is_the_target_is_named_and_refused() -> None:
    panel = shop_panel(29)
    copied = Known(("promotion",), 2.0 * panel.values[:, :, None])
    with pytest.raises(FailedPrecondition, match=r"known\.promotion") as refused:
        fit_set(SHOPS, replace(panel, known=copied), time.process_time, lambda _: None)
    assert refused.value.reason == "TARGET_LEAK"


@pytest.mark.parametrize("kind", ["zero", "constant", "gaps", "one series"])
def test_odd_series_get_sensible_forecasts(kind: str) -> None:
    panel = shop_panel(29)
    values = panel.values.copy()
    if kind == "zero":
        values[:] = 0.0
    elif kind == "constant":
        values[:] = 7.0
    elif kind == "gaps":
        values[np.random.default_rng(1).random(values.shape) < 0.2] = np.nan
    rows = slice(0, 1) if kind == "one series" else slice(None)
    odd = Panel(panel.keys[rows], START, panel.frequency, values[rows])
    model, _ = fit_set(SHOPS, odd, time.process_time, lambda _: None)
    made = forecast_set(model, odd, 12)
    assert np.isfinite(made.points).all()
    assert (made.points >= 0).all()
    assert made.incoherence <= 1e-6
    if kind in ("zero", "constant"):
        expected = values[0, 0] * np.asarray(made.hierarchy.summing.sum(axis=1))
        assert np.abs(made.points - expected[:, None]).max() < 1e-6


@pytest.mark.parametrize("weeks", [0, 11])
def test_too_little_history_is_refused_with_what_is_missing(weeks: int) -> None:
    with pytest.raises(FailedPrecondition, match=f"{weeks} weeks of observations; at least 12") as refused:
        fit_set(SHOPS, shop_panel(weeks), time.process_time, lambda _: None)
    assert refused.value.reason == "NOT_ENOUGH_HISTORY"
