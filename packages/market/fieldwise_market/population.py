"""The people of a simulated world and what is true of them; knows no event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from fieldwise_market.rows import MICROS_PER_DAY
from fieldwise_market.vocabulary import CATEGORIES, ORDINARY, PREMIUM

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Moments = NDArray[np.datetime64]
Texts = NDArray[np.str_]
Flags = NDArray[np.bool_]

ACTIONS: Final = ("call", "email", "visit", "coupon")
CHANNELS: Final = ("store", "web", "app")


@dataclass(frozen=True)
class Segment:
    """How the people of one segment behave on average; each person differs from it.

    `sensitivity` is the pair of a beta distribution; `channels` are weights of store, web and app; `ages` and `women` are
    how much likelier the segment is among people under 35, 35-59 and from 60, and among women. They are near 1 on purpose:
    age and gender say little, not nothing.
    """

    name: str
    share: float
    gap_days: float
    views_a_week: float
    premium_viewed: float
    premium_bought: float
    lines: float
    sensitivity: tuple[float, float]
    channels: tuple[float, float, float]
    ages: tuple[float, float, float]
    women: float
    effects: tuple[float, float, float, float]


# `effects`: mean added probability of a purchase by call, email, visit, coupon for those who can be moved at all.
SEGMENTS: Final = (
    Segment("steady", 0.26, 8, 1.4, 0.08, 0.08, 2.2, (2, 5), (3, 2, 1), (0.9, 1.1, 1.0), 1.0, (0.04, 0.03, 0.05, 0.03)),
    Segment("browses-premium", 0.14, 21, 9, 0.65, 0.06, 1.2, (8, 2), (1, 3, 4), (1.4, 0.9, 0.7), 1.1, (0.05, 0.08, 0.04, 0.42)),
    Segment("bargain", 0.18, 10, 2.5, 0.05, 0.03, 2.6, (9, 2), (2, 2, 2), (1.1, 0.9, 1.1), 1.2, (0.02, 0.10, 0.02, 0.26)),
    Segment("premium", 0.14, 12, 1.5, 0.50, 0.55, 1.5, (1.5, 8), (2, 3, 2), (0.7, 1.2, 1.0), 0.9, (0.22, 0.08, 0.30, 0.01)),
    Segment("store-goer", 0.16, 5, 0.3, 0.05, 0.05, 1.6, (3, 4), (12, 0.5, 0.5), (0.7, 0.9, 1.5), 0.9, (0.06, 0.01, 0.12, 0.05)),
    Segment("occasional", 0.12, 30, 0.8, 0.20, 0.25, 4.0, (3, 4), (2, 3, 2), (1.1, 1.0, 0.8), 0.9, (0.12, 0.18, 0.08, 0.12)),
)  # fmt: skip
UNMOVED_SHARE: Final = 0.4
CHANGED_SHARE: Final = 0.22  # of those whose rhythm leaves room to see it
WAITING_SHARE: Final = 0.12
# An action meets more response where the customer has shown interest lately.
WARM_FACTOR: Final = 1.5
COLD_FACTOR: Final = 0.75


@dataclass(frozen=True)
class Truth:
    """What is true of each customer, one row per customer; services never see it.

    Moments are datetime64[us] in UTC, NaT when there is none. Probabilities and shares are in [0, 1].
    """

    categories: tuple[str, ...]
    segments: tuple[str, ...]
    actions: tuple[str, ...]
    channels: tuple[str, ...]
    segment: Ints  # index into `segments`
    interest: Floats  # (n, 12): share of each category in what he would buy
    viewing: Floats  # (n, 12): share of each category in what he looks at
    age: Ints
    gender: Texts  # "f" or "m"
    birth_date: Moments  # datetime64[D]
    mean_gap_days: Floats  # between planned purchases, before a change
    gap_shape: Floats  # of the gamma distribution of gaps
    changed_at: Moments
    change_factor: Floats  # mean gap times this from changed_at on; 1 for those who do not change
    loss_hazard: Floats  # per day
    lost_at: Moments
    pauses_from: Moments
    returns_at: Moments
    status: Texts  # at the end: "active", "waiting" (in a pause, comes back) or "lost"
    next_purchase: Moments  # first planned purchase after the end; NaT for the lost
    views_a_week: Floats
    lines: Floats  # mean lines of a basket
    price_sensitivity: Floats
    satisfaction: Floats
    usual_hour: Ints  # UTC
    channel_mix: Floats  # (n, 3): store, web, app
    opens: Floats  # probability that he opens an e-mail
    birthday_boost: Floats  # probability of one more purchase in the month of his birthday
    effect: Floats  # (n, 4): added probability of a purchase within 14 days, by action, before `warmed`; all 0: nothing moves him
    warm: Flags  # a dwell over the threshold or a search in the last 14 days
    dwell_threshold_ms: Ints  # (12,)
    dwell_boost: Floats  # (12,): added probability of a purchase in the category within 7 days
    dwell_response: Floats  # factor on dwell_boost
    search_boost: float  # as dwell_boost, after a search
    chinese: Flags  # searches in Chinese


def draw_population(seed: int, customers: int, days: int, start: date) -> Truth:
    """What is true before anybody lives; `next_purchase` and `warm` are filled in by the lives."""
    rng = np.random.default_rng([seed, 0])
    fixed = _people(rng, customers, start) | _planted_signals(rng)
    by_segment = _by_segment(rng, fixed["segment"])
    rhythm = _rhythm(rng, fixed["segment"], by_segment["satisfaction"], days, start)
    return Truth(
        **fixed,
        **by_segment,
        **rhythm,
        effect=_effects(rng, fixed, by_segment["price_sensitivity"]),
        next_purchase=moments(np.full(customers, np.nan), start),
        warm=np.zeros(customers, bool),
    )


def _people(rng: Generator, n: int, start: date) -> dict[str, Any]:
    age = rng.integers(18, 80, n)
    gender = np.where(rng.random(n) < 0.55, "f", "m")
    birth = np.datetime64(start) - (age * 365.2425 + rng.uniform(1, 364, n)).astype("timedelta64[D]")
    return {
        "categories": CATEGORIES,
        "segments": tuple(each.name for each in SEGMENTS),
        "actions": ACTIONS,
        "channels": CHANNELS,
        "age": age,
        "gender": gender,
        "birth_date": birth,
        "segment": _segment(rng, age, gender),
        "usual_hour": rng.choice(24, n, p=_hour_weights()),
        "chinese": rng.random(n) < 0.5,
    }


def _hour_weights() -> Floats:
    weights = np.full(24, 0.2)
    weights[8:22] = (1, 1.5, 2, 2, 2, 1.5, 1.5, 1.5, 2, 3, 4, 4, 3, 2)
    shares: Floats = weights / weights.sum()
    return shares


def _segment(rng: Generator, age: Ints, gender: Texts) -> Ints:
    band = np.digitize(age, (35, 60))
    weights = np.array([each.share for each in SEGMENTS]) * np.array([each.ages for each in SEGMENTS]).T[band]
    women = np.array([each.women for each in SEGMENTS])
    weights *= np.where((gender == "f")[:, None], women, 1 / women)
    cumulated = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    passed: Ints = (rng.random(len(age))[:, None] > cumulated).sum(axis=1)
    return np.minimum(passed, len(SEGMENTS) - 1)


def _planted_signals(rng: Generator) -> dict[str, Any]:
    return {
        "dwell_threshold_ms": np.round(rng.permutation(np.linspace(30, 90, len(CATEGORIES)))).astype(np.int64)
        * 1000,
        "dwell_boost": rng.uniform(0.25, 0.4, len(CATEGORIES)),
        "search_boost": 0.15,
    }


def _each(segment: Ints, attribute: str) -> Floats:
    return np.array([getattr(each, attribute) for each in SEGMENTS], dtype=float)[segment]


def _by_segment(rng: Generator, segment: Ints) -> dict[str, Any]:
    n = len(segment)
    tastes = rng.dirichlet(np.full(len(CATEGORIES), 0.6), n) + 0.004
    a, b = np.array([each.sensitivity for each in SEGMENTS])[segment].T
    return {
        "interest": _shared(
            tastes, np.clip(_each(segment, "premium_bought") * rng.lognormal(0, 0.25, n), 0, 0.9)
        ),
        "viewing": _shared(
            tastes, np.clip(_each(segment, "premium_viewed") * rng.lognormal(0, 0.15, n), 0, 0.9)
        ),
        "views_a_week": _each(segment, "views_a_week") * rng.lognormal(0, 0.4, n),
        "lines": _each(segment, "lines") * rng.lognormal(0, 0.2, n),
        "price_sensitivity": rng.beta(a, b),
        "satisfaction": rng.beta(5, 2, n),
        "channel_mix": np.array([rng.dirichlet(4 * np.array(SEGMENTS[each].channels)) for each in segment]),
        "opens": rng.beta(2, 3, n),
        "birthday_boost": np.where(rng.random(n) < 0.5, 0.0, rng.uniform(0.4, 0.9, n)),
        "dwell_response": np.where(segment == 1, 0.15, 1.0),
    }


def _shared(tastes: Floats, premium: Floats) -> Floats:
    """Tastes with the given share in the premium categories."""
    shares = tastes.copy()
    for group, weight in ((PREMIUM, premium), (ORDINARY, 1 - premium)):
        columns = list(group)
        shares[:, columns] *= (weight / shares[:, columns].sum(axis=1))[:, None]
    return shares


def _rhythm(rng: Generator, segment: Ints, satisfaction: Floats, days: int, start: date) -> dict[str, Any]:
    n = len(segment)
    gap = np.maximum(_each(segment, "gap_days") * rng.lognormal(0, 0.3, n), 2.5)
    changed, factor = _changes(rng, gap, days)
    hazard = np.where(np.isnan(changed), 0.0011 * (1.7 - 1.4 * satisfaction), 0.0)
    lost = _lost_days(rng, hazard, days)
    pause, back = _pauses(rng, gap, np.isnan(changed) & np.isnan(lost), days)
    status = np.where(~np.isnan(lost), "lost", np.where(~np.isnan(pause), "waiting", "active"))
    return {
        "mean_gap_days": gap,
        "gap_shape": rng.uniform(5, 10, n),
        "changed_at": moments(changed, start),
        "change_factor": factor,
        "loss_hazard": hazard,
        "lost_at": moments(lost, start),
        "pauses_from": moments(pause, start),
        "returns_at": moments(back, start),
        "status": status,
    }


def _changes(rng: Generator, gap: Floats, days: int) -> tuple[Floats, Floats]:
    """Day and factor of each change: only where 8 gaps stand before it and 4 fit after it."""
    n = len(gap)
    factor = np.where(rng.random(n) < 0.5, rng.uniform(3, 5, n), rng.uniform(0.18, 0.33, n))
    day = rng.uniform(0.38, 0.62, n) * days
    room = (8 * gap <= day) & (4 * gap * np.maximum(factor, 1) <= days - day) & (gap * factor >= 1.3)
    changes = room & (rng.random(n) < CHANGED_SHARE)
    return np.where(changes, day, np.nan), np.where(changes, factor, 1.0)


def _lost_days(rng: Generator, hazard: Floats, days: int) -> Floats:
    with np.errstate(divide="ignore"):
        day = 30 + rng.exponential(1.0, len(hazard)) / hazard
    return np.where(day < days, day, np.nan)


def _pauses(rng: Generator, gap: Floats, may: Flags, days: int) -> tuple[Floats, Floats]:
    n = len(gap)
    pauses = may & (rng.random(n) < WAITING_SHARE)
    since = days - np.minimum(rng.uniform(1.3, 5.0, n) * gap, 0.6 * days)
    back = days + rng.uniform(0.2, 2.0, n) * gap
    return np.where(pauses, since, np.nan), np.where(pauses, back, np.nan)


def _effects(rng: Generator, people: dict[str, Any], sensitivity: Floats) -> Floats:
    segment = people["segment"]
    n = len(segment)
    effect = np.array([each.effects for each in SEGMENTS])[segment] * rng.lognormal(
        0, 0.35, (n, len(ACTIONS))
    )
    effect[:, 3] *= 0.5 + sensitivity
    # A little of it goes by age and gender, so that those who aim by them are not quite blind.
    effect[:, 1] *= np.where(people["age"] < 35, 1.2, 0.9)
    effect[:, 0] *= np.where(people["gender"] == "f", 0.9, 1.1)
    effect[rng.random(n) < UNMOVED_SHARE] = 0.0
    capped: Floats = np.minimum(effect, 0.6)
    return capped


def warmed(effect: Any, is_warm: Any) -> Any:
    """The effect of an action on somebody who has shown interest lately, or has not."""
    return effect * np.where(is_warm, WARM_FACTOR, COLD_FACTOR)


def moments(days: Floats, start: date) -> Moments:
    """Days since the start as datetime64[us]; NaN becomes NaT."""
    known = ~np.isnan(days)
    micros = np.where(known, np.nan_to_num(days) * MICROS_PER_DAY, 0).astype(np.int64)
    at = np.datetime64(start, "us") + micros.astype("timedelta64[us]")
    at[~known] = np.datetime64("NaT", "us")
    return at


def days_since(at: Moments, start: date) -> Floats:
    """The inverse of `moments`."""
    days = (at - np.datetime64(start, "us")).astype("timedelta64[us]").astype(float) / MICROS_PER_DAY
    return np.where(np.isnat(at), np.nan, days)
