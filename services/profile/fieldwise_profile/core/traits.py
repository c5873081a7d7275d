"""Attributes of a customer that people and rules use, each with how fresh it is and what it rests on; knows no wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from fieldwise_profile.core.doings import CategoryLook, ChannelUse
from fieldwise_profile.core.event import DAY, Kind
from fieldwise_profile.core.features import Purchases
from fieldwise_profile.core.fold import DISCOUNT, State
from fieldwise_profile.core.portrait import Interest, Portrait, Stage

TIERS: Final = ("low", "middle", "high")
TIER_DAYS: Final = 28
# An intent below this is what is left of one view after a month.
LEAST_INTENT: Final = 0.05
# A category whose next purchase is overdue by more than so many of its own gaps was given up.
GIVEN_UP_GAPS: Final = 3.0

_PURCHASE: Final = (Kind.PURCHASE,)
_BROWSING: Final = (Kind.VIEW, Kind.CLICK, Kind.SEARCH)
_REACHED: Final = (Kind.VIEW, Kind.CLICK, Kind.SEARCH, Kind.MESSAGE, Kind.CONTACT, Kind.VISIT, Kind.CALL)


class Trait(NamedTuple):
    """One attribute.

    Args:
        unit: UCUM; empty for words and pure numbers.
        fresh_at: When the newest event it rests on happened, microseconds.
        evidence: Events it rests on, of `kinds`.
    """

    name: str
    value: str | float
    unit: str
    fresh_at: int
    evidence: int
    kinds: tuple[Kind, ...]


def traits(
    state: State,
    bought: Purchases,
    seen: Portrait,
    looks: Sequence[CategoryLook],
    uses: Sequence[ChannelUse],
    tiers: Sequence[int] = (),
) -> list[Trait]:
    """What can be said of him at the moment of ``bought``, names ascending. What cannot is left out.

    Args:
        tiers: Spend of 28 days in micros below which a third, and two thirds, of the buyers lie.
    """
    found = [
        *_of_purchases(state, bought, seen, tiers),
        *_of_interests(state, seen.interests, bought.moment),
        *_of_doings(looks, uses),
        *_of_opinions(state),
    ]
    return sorted(found, key=lambda trait: trait.name)


def _of_purchases(state: State, bought: Purchases, seen: Portrait, tiers: Sequence[int]) -> Iterator[Trait]:
    last, lines = seen.last_purchase_time, sum(state.hours)
    if seen.stage is Stage.PROSPECT:
        return

    def trait(name: str, value: str | float, unit: str = "") -> Trait:
        return Trait(name, value, unit, last, lines, _PURCHASE)

    yield trait("stage", seen.stage.name.lower())
    if seen.usual_gap_days is not None:
        yield trait("rhythm", seen.usual_gap_days, "d")
    if seen.usual_hour is not None:
        yield trait("usual_hour", float(seen.usual_hour), "h")
    if tiers:
        yield trait("value_tier", TIERS[sum(bought.spend(TIER_DAYS) >= each for each in tiers)])
    discount = sum(state.days[day][DISCOUNT] for day in bought.days)
    if bought.spent[-1] + discount:
        yield trait("discount_share", discount / (bought.spent[-1] + discount))


def _of_interests(state: State, interests: Sequence[Interest], moment: int) -> Iterator[Trait]:
    if not interests:
        return
    first = interests[0]
    lines = state.categories[first.category].lines
    yield Trait("favourite_category", first.category, "", first.last_time, lines, _PURCHASE)
    due = [(_due(each), each) for each in interests if each.mean_gap_days]
    due = [
        (when, each) for when, each in due if moment - when < GIVEN_UP_GAPS * (each.mean_gap_days or 0) * DAY
    ]
    if due:
        _, soonest = min(due, key=lambda each: (each[0], each[1].category))
        lines = state.categories[soonest.category].lines
        yield Trait("next_category", soonest.category, "", soonest.last_time, lines, _PURCHASE)


def _due(interest: Interest) -> float:
    return interest.last_time + (interest.mean_gap_days or 0) * DAY


def _of_doings(looks: Sequence[CategoryLook], uses: Sequence[ChannelUse]) -> Iterator[Trait]:
    if looks and looks[0].intent >= LEAST_INTENT:
        first = looks[0]
        events = round(first.views + first.clicks + first.searches)
        yield Trait("intent_category", first.category, "", first.last_time, events, _BROWSING)
    if uses:
        yield Trait("usual_channel", uses[0].channel, "", uses[0].last_time, round(uses[0].events), _REACHED)


def _of_opinions(state: State) -> Iterator[Trait]:
    for question, (count, _, time, value) in state.scores.items():
        kind = Kind.REVIEW if question == "review" else Kind.SATISFACTION
        name = "last_rating" if question == "review" else f"satisfaction_{question}"
        yield Trait(name, float(value), "", time, count, (kind,))
    if state.cases:
        open_cases = sum(1 for _, closed in state.cases.values() if not closed)
        latest = max(time for time, _ in state.cases.values())
        yield Trait("open_cases", float(open_cases), "", latest, len(state.cases), (Kind.SERVICE_CASE,))
