"""What a person wants to know of a customer: stage, interests, usual hour, how far to trust it; knows no wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Final, NamedTuple

from fieldwise_profile.core.event import DAY, Kind
from fieldwise_profile.core.features import Purchases
from fieldwise_profile.core.fold import UNKNOWN_CATEGORY, CategoryState, State
from fieldwise_profile.core.rhythm import RHYTHM_PURCHASE_DAYS, quantile, silence_after_days

INTERESTS: Final = 10
POPULAR: Final = 3
# Beyond these, what may be bought next is chosen from so many more.
FURTHER: Final = 20
USUAL_HOUR_PURCHASE_DAYS: Final = 5
# A picture without news for this long may be of somebody who has changed.
STALE_DAYS: Final = 90
# Beyond this share of lines without a category, interests say little.
UNKNOWN_SHARE: Final = 0.2

# What each missing fact takes from a quality of 1. Ours, not measured: they order customers, no rule depends on a value.
QUALITY_LOSS: Final = {
    "NO_PURCHASE": 0.6,
    "FEW_PURCHASE_DAYS": 0.3,
    "UNKNOWN_CATEGORIES": 0.2,
    "STALE": 0.2,
}


class Stage(IntEnum):
    """Lifecycle stages, numbered as on the wire."""

    PROSPECT = 1
    NEW = 2
    ACTIVE = 3
    SILENT = 4


class Interest(NamedTuple):
    """A category the customer buys; time in microseconds, money in micros."""

    category: str
    purchase_days: int
    last_time: int
    mean_gap_days: float | None
    spend: int


@dataclass(frozen=True)
class Portrait:
    """A customer at one moment; times in microseconds (0: never), money in micros.

    ``further`` are the categories that he buys beyond his interests, in the same order.
    """

    last_purchase_time: int
    last_contact_time: int
    purchase_days: int
    total_spend: int
    usual_gap_days: float | None
    silence_after_days: float | None
    stage: Stage
    interests: tuple[Interest, ...]
    further: tuple[str, ...]
    usual_hour: int | None
    quality: float
    issues: tuple[str, ...]


def portrait(state: State, bought: Purchases) -> Portrait:
    """What the state says at the moment of ``bought``, its purchases; it must hold only events before that moment."""
    moment = bought.moment
    silence = silence_after_days(bought.ascending_gaps)
    issues = _issues(state, len(bought.days), moment)
    ranked = _ranked(state)
    return Portrait(
        last_purchase_time=state.last[Kind.PURCHASE],
        last_contact_time=max(state.last[Kind.CONTACT], state.last[Kind.MAILING]),
        purchase_days=len(bought.days),
        total_spend=bought.spent[-1],
        usual_gap_days=None if silence is None else quantile(bought.ascending_gaps, 0.5),
        silence_after_days=silence,
        stage=stage(len(bought.days), moment - state.last[Kind.PURCHASE], silence),
        interests=tuple([_interest(name, state.categories[name]) for name in ranked[:INTERESTS]]),
        further=tuple(ranked[INTERESTS : INTERESTS + FURTHER]),
        usual_hour=_usual_hour(state, len(bought.days)),
        quality=quality(issues),
        issues=issues,
    )


def stage(purchase_days: int, since_purchase: int, silence: float | None) -> Stage:
    """Lifecycle stage; ``since_purchase`` in microseconds."""
    if not purchase_days:
        return Stage.PROSPECT
    if silence is None:
        return Stage.NEW
    return Stage.SILENT if since_purchase > silence * DAY else Stage.ACTIVE


def interests(state: State) -> tuple[Interest, ...]:
    """The categories bought on most days, ties by spend, then by name. ``unknown`` is no interest."""
    return tuple([_interest(name, state.categories[name]) for name in _ranked(state)[:INTERESTS]])


def _ranked(state: State) -> list[str]:
    ranked = [
        (-len(bought.days), -bought.amount, name)
        for name, bought in state.categories.items()
        if name != UNKNOWN_CATEGORY
    ]
    ranked.sort()
    return [name for _, _, name in ranked]


def _interest(name: str, bought: CategoryState) -> Interest:
    return Interest(name, len(bought.days), bought.last, mean_gap(bought), bought.amount)


def mean_gap(bought: CategoryState) -> float | None:
    """Mean days between days with a purchase of the category; None below two."""
    days = len(bought.days)
    return (max(bought.days) - min(bought.days)) / (days - 1) if days > 1 else None


def _usual_hour(state: State, purchase_days: int) -> int | None:
    if purchase_days < USUAL_HOUR_PURCHASE_DAYS:
        return None
    return state.hours.index(max(state.hours))


def _issues(state: State, purchase_days: int, moment: int) -> tuple[str, ...]:
    found = []
    if not purchase_days:
        found.append("NO_PURCHASE")
    elif purchase_days < RHYTHM_PURCHASE_DAYS:
        found.append("FEW_PURCHASE_DAYS")
    unknown = state.categories.get(UNKNOWN_CATEGORY)
    if unknown is not None and unknown.lines > UNKNOWN_SHARE * sum(state.hours):
        found.append("UNKNOWN_CATEGORIES")
    if moment - state.last_event_time > STALE_DAYS * DAY:
        found.append("STALE")
    return tuple(found)


def quality(issues: Sequence[str]) -> float:
    """1 when nothing is missing, at least 0."""
    return max(0.0, 1.0 - sum(QUALITY_LOSS[issue] for issue in issues))


def popular_unbought(
    state: State, popular: Sequence[tuple[str, float]], most: int = POPULAR
) -> list[tuple[str, float]]:
    """The first of ``popular`` (category and share of customers, most popular first) that he never bought."""
    return list(islice((each for each in popular if each[0] not in state.categories), most))
