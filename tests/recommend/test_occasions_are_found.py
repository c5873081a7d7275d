"""Birthdays once a year and shops that are near and open: against plain calendars, known places and clocks that change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from fieldwise_recommend.core.playbooks.birthday import days_to_birthday, is_day, local_date
from fieldwise_recommend.core.playbooks.places import Place, from_gcj02, km_between, to_gcj02
from fieldwise_recommend.core.playbooks.shops import Open, Shop, ShopsNear

SHANGHAI = Place(31.2304, 121.4737)
PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize("birth", [(1, 1), (2, 28), (2, 29), (3, 1), (7, 4), (12, 31)])
def test_every_birthday_comes_exactly_once_in_each_year(birth: tuple[int, int]) -> None:
    days = [date(2020, 1, 1) + timedelta(days=number) for number in range(366 + 3 * 365 + 366)]
    found = [day for day in days if days_to_birthday(day, *birth) == 0]
    assert [day.year for day in found] == [2020, 2021, 2022, 2023, 2024]
    for day in days[:-400]:
        coming = day + timedelta(days=days_to_birthday(day, *birth))
        assert coming == min(each for each in found if each >= day)


def test_the_leap_day_is_28_february_in_other_years_and_itself_in_leap_years() -> None:
    assert days_to_birthday(date(2023, 2, 28), 2, 29) == 0
    assert days_to_birthday(date(2024, 2, 28), 2, 29) == 1
    assert days_to_birthday(date(2023, 3, 1), 2, 29) == 365
    assert [is_day(2, 29), is_day(2, 30), is_day(13, 1), is_day(0, 0)] == [True, False, False, False]


def test_a_birthday_begins_at_midnight_where_the_customer_lives() -> None:
    moment = int(datetime(2017, 12, 31, 17, 0, tzinfo=UTC).timestamp())
    told = {
        name: days_to_birthday(local_date(moment, ZoneInfo(name)), 1, 1) for name in ("Asia/Shanghai", "UTC")
    }
    assert told == {"Asia/Shanghai": 0, "UTC": 1}


def test_distances_are_those_of_the_globe() -> None:
    london, paris = Place(51.5074, -0.1278), Place(48.8566, 2.3522)
    assert km_between(london, paris) == pytest.approx(343.6, abs=0.5)
    assert km_between(Place(0.0, 179.5), Place(0.0, -179.5)) == pytest.approx(111.195, abs=0.01)
    assert km_between(paris, paris) == 0.0


def test_chinese_maps_are_read_a_few_hundred_metres_off_and_back_exactly() -> None:
    rng = Random(1)
    for _ in range(200):
        place = Place(rng.uniform(20, 48), rng.uniform(80, 130))
        shown = to_gcj02(place)
        assert 0.02 < km_between(place, shown) < 1.0
        assert km_between(from_gcj02(shown), place) < 1e-4
    # Published pair: the shift of Shanghai's centre is some 500 m, to the south-east.
    assert 0.4 < km_between(SHANGHAI, to_gcj02(SHANGHAI)) < 0.6
    assert to_gcj02(Place(48.8566, 2.3522)) == Place(48.8566, 2.3522)


def at(*when: int) -> int:
    return int(datetime(*when, tzinfo=PARIS).timestamp())  # type: ignore[arg-type, misc]  # year, month, day, hour, minute


def is_open(shop: Shop, moment: int) -> bool:
    return any(start <= moment < end for start, end in shop.open_from(moment))


def test_a_shop_is_open_by_its_own_clock_past_midnight_and_not_on_closed_days() -> None:
    hours = (*(Open(day, 9 * 60, 18 * 60) for day in range(1, 6)), Open(6, 20 * 60, 26 * 60))
    shop = Shop("shops/a", "A", Place(48.85, 2.35), PARIS, hours, frozenset({date(2017, 12, 25)}))
    assert is_open(shop, at(2017, 12, 11, 9, 0))
    assert not is_open(shop, at(2017, 12, 11, 8, 59))
    assert not is_open(shop, at(2017, 12, 11, 18, 0))
    assert is_open(shop, at(2017, 12, 17, 1, 59))  # Saturday night
    assert not is_open(shop, at(2017, 12, 17, 2, 0))
    assert not is_open(shop, at(2017, 12, 25, 12, 0))
    # The day after the clocks went forward it opens at nine as ever.
    assert is_open(shop, at(2017, 3, 27, 9, 0))
    assert not is_open(shop, at(2017, 3, 27, 9, 0) - 60)


def test_the_spans_of_nine_days_are_those_of_each_day_asked_alone() -> None:
    hours = (*(Open(day, 9 * 60, 18 * 60) for day in range(1, 6)), Open(6, 20 * 60, 26 * 60))
    shop = Shop("shops/a", "A", Place(48.85, 2.35), PARIS, hours, frozenset({date(2017, 12, 25)}))
    # From a Friday noon, over the Saturday night and Christmas.
    begun = at(2017, 12, 22, 12, 0)
    spans = shop.open_from(begun)
    assert spans == sorted(spans)
    for moment in range(begun, begun + 8 * 86_400, 1800):
        assert any(start <= moment < end for start, end in spans) == is_open(shop, moment)


def test_shops_of_an_area_come_nearest_first_and_far_ones_never() -> None:
    rng = Random(2)
    home = Place(48.85, 2.35)
    for _ in range(50):
        places = [Place(48.85 + rng.uniform(-0.1, 0.1), 2.35 + rng.uniform(-0.1, 0.1)) for _ in range(12)]
        shops = [Shop(f"shops/{n}", f"{n}", place, UTC, ()) for n, place in enumerate(places)]
        found = ShopsNear(shops, {"750": home}, 5.0)
        near = sorted(km for place in places if (km := km_between(home, place)) <= 5.0)
        assert [each.km for each in found.of("750")] == near[:5]
        assert found.of("690") == ()
