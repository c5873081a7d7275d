"""A set trained again is judged on periods that its champion had not seen; what the champion really did is recorded."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import numpy as np
import pytest

from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series.panel import Frequency
from fieldwise_forecast.core.series.periods import number_of
from fieldwise_forecast.core.series.sets import Rows, panel_of
from fieldwise_forecast.core.versions import Champion, Trained
from fieldwise_forecast.series_training import fit_series_set
from tests.forecast.shop_worlds import KEYS, SHOPS, START, shop_sales

FIRST = number_of(Frequency.WEEK, START)
TRAINED = datetime(2023, 7, 1, tzinfo=UTC)


def rows_of(values: Floats) -> Rows:
    series, weeks = np.nonzero(~np.isnan(values))
    return Rows(KEYS, series, FIRST + weeks, values[series, weeks])


def trained(values: Floats, weeks: int, champion: Trained | None = None) -> Trained:
    serving = None if champion is None else Champion(champion.report, champion.file, TRAINED)
    return fit_series_set(SHOPS, rows_of(values), FIRST + weeks, serving, time.process_time, lambda _: None)


def test_the_first_version_serves_and_a_later_one_is_judged_on_later_periods() -> None:
    values = shop_sales(29)
    first = trained(values, 16)
    again = trained(values, 16, first)
    later = trained(values, 29, first)
    assert first.verdict is None
    # Nothing has come since: there is nothing to judge by.
    assert again.verdict is None
    assert again.realised == ()
    assert later.verdict is not None
    assert later.verdict.periods > 0
    assert len(later.realised) == 12
    assert all(one.rows == len(KEYS) for one in later.realised)
    assert np.mean([one.inside80 for one in later.realised]) == pytest.approx(0.8, abs=0.15)
    assert set(later.realised[0].errors) == {"/".join(key) for key in KEYS}


def test_what_is_recorded_says_how_good_it_is_on_periods_not_seen() -> None:
    report = trained(shop_sales(29), 29).report
    best = report.leaderboard[0]
    assert (report.model, report.metric, best.learner) == ("shops", "wape", report.learner)
    assert set(best.metrics) == {"wape", "lift_vs_naive", "coverage80", "coverage90", "coverage95"}
    assert report.train_cutoffs[-1] < report.test_cutoff
    assert {"naive", "ses", "theta"} <= {score.learner for score in report.leaderboard}


def test_rows_before_a_moment_make_a_panel_that_ends_there() -> None:
    values = shop_sales(20)
    values[0, :4] = np.nan
    panel = panel_of(SHOPS, rows_of(values), FIRST + 12, 0)
    assert panel.length == 12
    assert np.isnan(panel.values[0, :4]).all()
    assert (panel.values[1:] == values[1:, :12]).all()
