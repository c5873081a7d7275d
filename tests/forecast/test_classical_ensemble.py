"""The ensemble of classical forecasts and learners: better than its parts, blind to the future, the same from its file."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series import lessons, pooled_lines, seasonal
from fieldwise_forecast.core.series.classical import dynamic_theta, seasonal_naive
from fieldwise_forecast.core.series.panel import Frequency, Panel

HORIZON = 4
SEED = 11


def panel_of(values: Floats, frequency: Frequency = Frequency.QUARTER) -> Panel:
    keys = tuple((str(row),) for row in range(len(values)))
    return Panel(keys, datetime(2000, 1, 1, tzinfo=UTC), frequency, values)


def turning(count: int = 120, length: int = 26) -> Floats:
    """Quarterly sales that always swing back to their mean in the same way: something only many series can teach."""
    drawn = np.random.default_rng(17)
    logs = np.zeros((count, length + 20))
    for period in range(2, length + 20):
        logs[:, period] = 1.3 * logs[:, period - 1] - 0.6 * logs[:, period - 2] + drawn.normal(0, 0.08, count)
    season = 0.2 * np.sin(np.pi / 2 * np.arange(length) + drawn.uniform(0, 6, (count, 1)))
    return np.asarray(np.exp(5 + drawn.normal(0, 1, (count, 1)) + logs[:, 20:] + season))


@pytest.fixture(scope="module")
def values() -> Floats:
    return turning()


@pytest.fixture(scope="module")
def fitted(values: Floats) -> seasonal.FittedSeasonal:
    return seasonal.fit(panel_of(values[:, :-HORIZON]), HORIZON, SEED)


def smape(actual: Floats, forecast: Floats) -> float:
    return float(np.mean(200 * np.abs(actual - forecast) / (np.abs(actual) + np.abs(forecast))))


def test_what_all_series_share_is_learned(values: Floats, fitted: seasonal.FittedSeasonal) -> None:
    known, actual = values[:, :-HORIZON], values[:, -HORIZON:]
    ours = smape(actual, fitted.forecast(panel_of(known), HORIZON))
    assert ours < 0.9 * smape(actual, dynamic_theta(known, 4, HORIZON))
    assert ours < 0.9 * smape(actual, seasonal_naive(known, 4, HORIZON))


def test_the_file_gives_the_same_forecasts_and_the_same_file(
    values: Floats, fitted: seasonal.FittedSeasonal
) -> None:
    raw = seasonal.to_bytes(fitted)
    again = seasonal.from_bytes(raw)
    panel = panel_of(values)
    assert np.array_equal(again.forecast(panel, 6), fitted.forecast(panel, 6))
    assert seasonal.to_bytes(again) == raw


def test_a_file_of_another_form_is_refused(fitted: seasonal.FittedSeasonal) -> None:
    raw = seasonal.to_bytes(fitted).replace(b'"form": 1', b'"form": 9', 1)
    with pytest.raises(ValueError, match="train the model again"):
        seasonal.from_bytes(raw)


def test_a_shorter_horizon_is_the_beginning_of_a_longer_one(
    values: Floats, fitted: seasonal.FittedSeasonal
) -> None:
    panel = panel_of(values)
    longer = fitted.forecast(panel, HORIZON + 3)
    assert fitted.forecast(panel, 2) == pytest.approx(longer[:, :2])
    assert np.isfinite(longer).all()


def test_a_series_is_forecast_the_same_alone_and_in_any_order(
    values: Floats, fitted: seasonal.FittedSeasonal
) -> None:
    together = fitted.forecast(panel_of(values), HORIZON)
    assert fitted.forecast(panel_of(values[::-1]), HORIZON)[::-1] == pytest.approx(together)
    assert fitted.forecast(panel_of(values[3:4]), HORIZON) == pytest.approx(together[3:4])


def test_lessons_of_an_origin_know_nothing_that_came_later(values: Floats) -> None:
    later = values.copy()
    later[:, -6:] *= 3.0
    before, after = (lessons.members_before(each, 6, 4, HORIZON) for each in (values, later))
    assert before is not None
    assert after is not None
    assert np.array_equal(before.forecasts, after.forecasts)
    assert np.array_equal(before.logs, after.logs)


def test_the_same_seed_gives_the_same_model(values: Floats) -> None:
    few = panel_of(values[:30, :16])
    first, second = (seasonal.to_bytes(seasonal.fit(few, 2, SEED)) for _ in range(2))
    assert first == second


def test_pooled_lines_recover_a_planted_law() -> None:
    moves = np.random.default_rng(2).normal(0, 0.1, (200, 60))
    for period in range(1, 60):
        moves[:, period] += 0.7 * moves[:, period - 1]
    logs = moves.cumsum(axis=1)
    lines = pooled_lines.fit(logs, 4, 3)
    assert lines is not None
    truth = logs[:, -1:] + moves[:, -1:] * (0.7 ** np.arange(1, 4)).cumsum()
    # Moves are of size .14; with 10,000 rows what was learned is a tenth of that off at most.
    assert np.abs(lines.forecast(logs) - truth).mean() < 0.014


@pytest.mark.parametrize("frequency", list(Frequency))
@pytest.mark.parametrize(("count", "length"), [(1, 1), (1, 3), (3, 16)])
def test_little_history_leaves_what_is_classical(frequency: Frequency, count: int, length: int) -> None:
    panel = panel_of(np.random.default_rng(0).gamma(3.0, 10.0, (count, length)), frequency)
    found = seasonal.fit(panel, 3, SEED).forecast(panel, 5)
    assert np.isfinite(found).all()
    assert (found >= 0).all()


def test_odd_series_do_not_disturb_the_others(values: Floats, fitted: seasonal.FittedSeasonal) -> None:
    odd = values[:8].copy()
    odd[0], odd[1], odd[2] = 0.0, np.nan, 7.0
    odd[3] -= 2 * odd[3].mean()
    odd[4, 10:14] = np.nan
    odd[5, :-3] = np.nan
    found = fitted.forecast(panel_of(odd), HORIZON)
    assert (found[0] == 0).all()
    assert np.isnan(found[1]).all()
    assert found[2] == pytest.approx(7.0, rel=0.2)
    assert np.isfinite(found[2:]).all()
    assert found[6:] == pytest.approx(fitted.forecast(panel_of(values[6:8]), HORIZON))


def test_a_demand_that_comes_now_and_then_is_forecast_by_its_mean(
    values: Floats, fitted: seasonal.FittedSeasonal
) -> None:
    rare = values[:10].copy()
    rare[:, 1::2] = 0.0
    found = fitted.forecast(panel_of(rare), HORIZON)
    assert found.mean(axis=1) == pytest.approx(rare.mean(axis=1), rel=0.35)
