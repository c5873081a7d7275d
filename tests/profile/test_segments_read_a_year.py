"""What a customer did in a year, against a plain count over his events."""

from __future__ import annotations

import random
from collections import Counter
from math import isnan

import pytest

from fieldwise_profile.core.event import DAY, HOUR, Happening, Kind
from fieldwise_profile.core.fold import State, fold
from fieldwise_profile.core.segments.behaviour import NAMES, WINDOW_DAYS, Year, behaviour
from fieldwise_profile.core.segments.year import year_of

TODAY = 20_000
MOMENT = TODAY * DAY
MICROS = 1_000_000


def at(days_back: float) -> int:
    return MOMENT - round(days_back * DAY)


def purchase(
    days_back: float, category: str = "WINE", amount: float = 4.0, discount: float = 1.0
) -> Happening:
    return Happening(
        at(days_back),
        at(days_back),
        Kind.PURCHASE,
        category,
        round(amount * MICROS),
        round(discount * MICROS),
    )


def look(
    days_back: float, category: str | None = "WINE", seconds: int = 20, channel: str = "web"
) -> Happening:
    return Happening(
        at(days_back),
        at(days_back),
        Kind.VIEW,
        category,
        None,
        None,
        product="p",
        channel=channel,
        measure=seconds * 1000,
    )


def other(days_back: float, kind: Kind, channel: str | None = None, stage: int | None = None) -> Happening:
    return Happening(
        at(days_back),
        at(days_back),
        kind,
        None,
        None,
        None,
        channel=channel,
        target=f"{days_back}",
        stage=stage,
    )


def life(seed: int) -> list[Happening]:
    """Two years; looks an hour and more apart, so that none is noise."""
    chance = random.Random(seed)
    hours = chance.sample(range(24, 24 * 700), chance.randrange(2, 160))
    found: list[Happening] = []
    for hour in hours:
        back = hour * HOUR / DAY
        category = chance.choice(("WINE", "CHEESE", "BREAD"))
        found.append(
            chance.choice(
                (
                    purchase(back, category, chance.randrange(1, 30)),
                    look(back, category, chance.randrange(5, 200), chance.choice(("web", "app"))),
                    other(back, Kind.REDEMPTION),
                    other(back, Kind.VISIT),
                    other(back, Kind.MESSAGE, "email", stage=chance.choice((1, 2))),
                )
            )
        )
    return found


def naive(events: list[Happening]) -> Year:
    inside = [each for each in events if each.event_time // DAY > TODAY - 1 - WINDOW_DAYS]
    bought = [each for each in inside if each.kind == Kind.PURCHASE]
    looked = [each for each in inside if each.kind == Kind.VIEW]
    days = sorted({each.event_time // DAY for each in bought})
    start = max(min(each.event_time for each in events) // DAY, TODAY - WINDOW_DAYS)
    end = max([each.event_time // DAY for each in (*bought, *looked)], default=start)
    sent = [each.stage for each in inside if each.kind == Kind.MESSAGE]
    channels: Counter[str] = Counter(each.channel or "" for each in looked)
    channels["visit"] += sum(each.kind == Kind.VISIT for each in inside)
    channels["email"] += len(sent)
    by_category = {
        name: len({each.event_time // DAY for each in bought if each.category == name})
        for name in {each.category or "" for each in bought}
    }
    return Year(
        active_days=end - start + 1,
        purchase_days=days,
        lines=len(bought),
        spend=sum(each.amount or 0 for each in bought) / MICROS,
        discount=sum(each.discount or 0 for each in bought) / MICROS,
        redemptions=sum(each.kind == Kind.REDEMPTION for each in inside),
        views=float(len(looked)),
        clicks=0.0,
        searches=0.0,
        dwell_seconds=sum(each.measure or 0 for each in looked) / 1000,
        bought=by_category,
        viewed=Counter(each.category or "" for each in looked),
        channels={name: float(count) for name, count in channels.items() if count},
        messages_sent=sent.count(1),
        messages_opened=float(sent.count(2)),
    )


@pytest.mark.parametrize("seed", range(40))
def test_a_year_is_what_a_plain_count_says(seed: int) -> None:
    events = life(seed)
    plain = naive(events)

    found = year_of(fold(random.Random(seed + 1).sample(events, len(events))), MOMENT)

    used = {name: count for name, count in found.channels.items() if count}
    assert found._replace(channels=used) == plain


@pytest.mark.parametrize("seed", range(10))
def test_the_same_events_in_any_order_give_the_same_behaviour(seed: int) -> None:
    events = life(seed)
    rows = [behaviour(year_of(fold(order), MOMENT)) for order in (events, events[::-1])]

    assert [str(row) for row in rows[:1]] == [str(row) for row in rows[1:]]


def test_nobody_without_purchases_and_looks_has_a_behaviour() -> None:
    assert behaviour(year_of(fold([other(3, Kind.MESSAGE, "email", stage=1)]), MOMENT)) is None
    assert behaviour(year_of(fold([purchase(WINDOW_DAYS + 5)]), MOMENT)) is None
    assert behaviour(year_of(State(), MOMENT)) is None


def test_who_fell_silent_keeps_the_pace_he_had() -> None:
    weekly = [7 * week + 1 for week in range(12)]
    here = behaviour(year_of(fold([purchase(back) for back in weekly]), MOMENT))
    gone = behaviour(year_of(fold([purchase(back + 150) for back in weekly]), MOMENT))

    assert here is not None
    assert gone is not None
    pace = NAMES.index("purchase_days_28d")
    assert here[pace] == gone[pace] == pytest.approx(4.3, abs=0.1)


def test_looking_at_what_one_does_not_buy_is_told_from_buying_it() -> None:
    elsewhere = NAMES.index("looks_elsewhere")
    bought = [purchase(10 * n + 1, "BREAD") for n in range(5)]
    same = behaviour(year_of(fold([*bought, *(look(10 * n + 2, "BREAD") for n in range(5))]), MOMENT))
    none = behaviour(year_of(fold([*bought, *(look(10 * n + 2, "WINE") for n in range(5))]), MOMENT))
    few = behaviour(year_of(fold([*bought, look(3, "WINE")]), MOMENT))

    assert same is not None
    assert none is not None
    assert few is not None
    assert same[elsewhere] == pytest.approx(0)
    assert none[elsewhere] == pytest.approx(1)
    assert isnan(few[elsewhere])
