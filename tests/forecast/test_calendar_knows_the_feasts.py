"""Holidays as inputs: the moving feasts on dates that are known, and their windows in every calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from fieldwise_forecast.core.series.calendar import (
    FEASTS,
    calendar_inputs,
    feast_days,
    named_holidays,
    supported_countries,
)
from fieldwise_forecast.core.series.panel import Frequency
from fieldwise_forecast.core.series.periods import begin_of, is_begin, number_of

# As announced by the State Council and printed in every almanac.
KNOWN = {
    "spring_festival": {
        2017: "01-28",
        2018: "02-16",
        2020: "01-25",
        2023: "01-22",
        2024: "02-10",
        2025: "01-29",
    },
    "dragon_boat": {2012: "06-23", 2017: "05-30", 2020: "06-25", 2023: "06-22", 2024: "06-10", 2025: "05-31"},
    "mid_autumn": {2012: "09-30", 2017: "10-04", 2020: "10-01", 2023: "09-29", 2024: "09-17", 2025: "10-06"},
}
YEAR_2024 = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("feast", FEASTS, ids=lambda feast: feast.name)
def test_the_lunar_feasts_fall_on_their_days(feast: object) -> None:
    for year, day in KNOWN[feast.name].items():  # type: ignore[attr-defined]  # one of FEASTS
        assert feast_days(feast, [year]) == [date.fromisoformat(f"{year}-{day}")]  # type: ignore[arg-type]  # likewise


@pytest.mark.parametrize(
    ("frequency", "periods"),
    [(Frequency.DAY, 366), (Frequency.WEEK, 52), (Frequency.MONTH, 12), (Frequency.QUARTER, 4)],
)
def test_a_year_holds_each_window_once_whatever_the_calendar(frequency: Frequency, periods: int) -> None:
    found = calendar_inputs(frequency, YEAR_2024, periods, ["CN"])
    days = dict(zip(found.names, found.values.sum(axis=0), strict=True))
    for feast in FEASTS:
        assert (days[f"{feast.name}_before"], days[feast.name], days[f"{feast.name}_after"]) == (
            feast.before,
            feast.days,
            feast.after,
        )
    lengths = [
        begin_of(frequency, number_of(frequency, YEAR_2024) + i + 1).toordinal() for i in range(periods)
    ]
    assert (found.values <= np.diff([YEAR_2024.toordinal(), *lengths])[:, None]).all()


def test_the_weeks_around_spring_festival_2024_hold_what_an_almanac_says() -> None:
    found = calendar_inputs(Frequency.WEEK, YEAR_2024, 9, ["CN"])
    column = {name: found.values[:, i].tolist() for i, name in enumerate(found.names)}
    # 10 February 2024 was a Saturday, the second last day of the week from the 5th.
    assert column["spring_festival_before"] == [0, 0, 2, 7, 7, 5, 0, 0, 0]
    assert column["spring_festival"] == [0, 0, 0, 0, 0, 2, 5, 0, 0]
    assert column["spring_festival_after"] == [0, 0, 0, 0, 0, 0, 2, 7, 5]


def test_the_shadow_of_next_years_first_days_is_known() -> None:
    december = datetime(2024, 12, 30, tzinfo=UTC)
    found = calendar_inputs(Frequency.WEEK, december, 1, ["CN"])
    column = dict(zip(found.names, found.values[0], strict=True))
    assert column["holidays_cn"] == 1
    assert column["before_holidays_cn"] == 2


def test_another_country_has_no_lunar_feast_and_no_country_no_input() -> None:
    american = calendar_inputs(Frequency.DAY, datetime(2017, 11, 23, tzinfo=UTC), 1, ["US"])
    assert american.names == ("holidays_us", "before_holidays_us")
    assert american.values.tolist() == [[1.0, 0.0]]
    assert calendar_inputs(Frequency.DAY, YEAR_2024, 3, []).values.shape == (3, 0)
    assert {"CN", "US", "DE", "TW"} <= supported_countries()


def test_each_holiday_has_one_name_and_its_day_off_counts_with_it() -> None:
    found = named_holidays(Frequency.WEEK, datetime(2017, 1, 2, tzinfo=UTC), 52, ["US"])
    days = dict(zip(found.names, found.values.sum(axis=0), strict=True))
    assert days["Thanksgiving Day"] == 1
    assert days["Veterans Day"] == 2
    assert not any("observed" in name for name in found.names)


@pytest.mark.parametrize("frequency", Frequency)
def test_periods_count_up_one_by_one_and_begin_where_they_should(frequency: Frequency) -> None:
    first = number_of(frequency, datetime(1999, 12, 31, tzinfo=UTC))
    begins = [begin_of(frequency, number) for number in range(first, first + 40)]
    assert [number_of(frequency, begin) for begin in begins] == list(range(first, first + 40))
    assert all(is_begin(frequency, begin) for begin in begins)
    assert not is_begin(frequency, datetime(2024, 5, 15, 12, tzinfo=UTC))
    if frequency is Frequency.WEEK:
        assert all(begin.weekday() == 0 for begin in begins)
