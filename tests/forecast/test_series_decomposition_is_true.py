"""Trend, season and events against worlds whose parts are known."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series.decomposition import Events, decomposed
from fieldwise_forecast.core.series.panel import Frequency
from fieldwise_runtime.errors import FailedPrecondition

MONDAY = datetime(2014, 1, 6, tzinfo=UTC)
NOTHING = Events((), np.zeros((156, 0)))
EFFECT = 25.0


def world(seed: int, weeks: int = 156) -> tuple[Floats, Floats, Floats, Floats]:
    """Trend, season, promotion (0 or 1) and the whole."""
    rng = np.random.default_rng(seed)
    week = np.arange(weeks)
    trend = 100 + 20 * np.sin(week / 60) + 0.1 * week
    season = 15 * np.cos(2 * np.pi * week / 52.18)
    promotion = (rng.random(weeks) < 0.15).astype(np.float64)
    whole = trend + season + EFFECT * promotion + rng.normal(0, 6, weeks)
    whole[rng.integers(5, weeks - 5, 6)] = np.nan
    return trend, season, promotion, whole


def test_the_parts_of_a_known_world_are_found_and_add_up() -> None:
    inside = []
    for seed in range(40):
        trend, season, promotion, whole = world(seed)
        found = decomposed(Frequency.WEEK, MONDAY, whole, Events(("promotion",), promotion[:, None]))
        known = ~np.isnan(whole)
        parts = found.trend + found.season + found.events + found.remainder
        assert np.abs(parts - whole)[known].max() <= 1e-9
        assert np.isnan(found.remainder[~known]).all()
        assert found.season_known
        assert np.std(found.season - season) < 4
        assert np.std(found.trend - trend) < 3
        effect = found.effects[0]
        inside.append(effect.low95 <= EFFECT <= effect.high95)
    # 95 % of 40 is 38; 34 or fewer would be a chance of one in a hundred and fifty.
    assert sum(inside) >= 35


def test_noise_and_wandering_levels_are_not_taken_for_a_season() -> None:
    seasons = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        wandering = 100 + np.cumsum(rng.normal(0, 4, 156)) + rng.normal(0, 6, 156)
        seasons += decomposed(Frequency.WEEK, MONDAY, wandering, NOTHING).season_known
    assert seasons <= 5


def test_one_year_of_weeks_is_not_enough_for_a_season() -> None:
    _, _, promotion, whole = world(1, 52)
    found = decomposed(Frequency.WEEK, MONDAY, whole, Events(("promotion",), promotion[:, None]))
    assert not found.season_known
    assert not found.season.any()
    assert found.note == "not enough evidence for a season of 52 weeks: 52 weeks are known, 104 are needed"


def test_an_event_that_acted_once_is_not_told_from_chance() -> None:
    *_, whole = world(2)
    once = np.zeros((156, 2))
    once[50, 0] = 1.0
    once[:, 1] = 1.0
    found = decomposed(Frequency.WEEK, MONDAY, whole, Events(("fair", "always"), once))
    assert found.effects == ()
    assert "fair" in found.note
    assert not found.events.any()


@pytest.mark.parametrize(
    ("frequency", "cycle", "periods"),
    [(Frequency.DAY, 7, 100), (Frequency.MONTH, 12, 48), (Frequency.QUARTER, 4, 16)],
)
def test_every_calendar_finds_its_season(frequency: Frequency, cycle: int, periods: int) -> None:
    time = np.arange(periods)
    season = 10 * np.sin(2 * np.pi * time / cycle)
    values = 100 + 0.1 * time + season + np.random.default_rng(1).normal(0, 3, periods)
    found = decomposed(
        frequency, datetime(2014, 1, 1, tzinfo=UTC), values, Events((), np.zeros((periods, 0)))
    )
    assert found.season_known
    assert np.corrcoef(found.season, season)[0, 1] > 0.9


def test_days_have_a_season_of_the_week_and_one_of_the_year() -> None:
    time = np.arange(740)
    week, year = 10 * (time % 7 == 5), 20 * np.cos(2 * np.pi * time / 365.2425)
    values = 100 + week + year + np.random.default_rng(1).normal(0, 3, 740)
    found = decomposed(Frequency.DAY, MONDAY, values, Events((), np.zeros((740, 0))))
    season = week - week.mean() + year
    assert found.note == ""
    assert np.std(found.season - season) < 3


def test_a_constant_series_is_all_trend_and_a_short_one_is_refused() -> None:
    flat = decomposed(Frequency.WEEK, MONDAY, np.full(30, 5.0), Events((), np.zeros((30, 0))))
    assert np.abs(flat.trend - 5).max() < 1e-6
    with pytest.raises(FailedPrecondition, match="7 weeks are known; at least 8"):
        decomposed(Frequency.WEEK, MONDAY, np.ones(7), Events((), np.zeros((7, 0))))
