"""Ranked outreach on Complete Journey: buyers, and spending, found within each rep's minutes.

Protocol, fixed before anything was fitted: households of all 2,469 are dealt to ten reps by id. On the Mondays that begin weeks 40, 42 ... 50
each rep has 60 minutes. A contact takes 5 minutes and half a minute for each line of the household's mean basket (assumed; the data
has no minutes). Who buys within the next seven days is predicted by logistic regression on recency, rhythm and frequency, trained on the
Mondays of weeks 20 to 36, whose outcomes end before the first list; what he then spends, by linear regression on spending of the last
1, 2, 4 and 12 weeks and a year (first tried: chance times mean basket, which lost to spending so far by a fifth, because it forgets
that some come three times a week). A list is made by the service's own ranking; the rivals fill the same
minutes by recency, by spending so far, and by chance (mean of 20 draws). What a contact itself would change is not measured: nobody was
contacted, so this is about whom the list finds and not about what the call brings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

from benchmarks.forecast.journey_series import table
from benchmarks.report import Row
from fieldwise_allocation.core.visits.outreach import Candidate, ranked

Numbers = npt.NDArray[np.float64]
TRAINING_WEEKS = tuple(range(20, 37, 2))
TEST_WEEKS = tuple(range(40, 51, 2))
REPS, MINUTES, DRAWS = 10, 60.0, 20
WEEK = 7.0


@dataclass(frozen=True)
class Market:
    """Baskets: household, day of the year from 0, money, lines of the receipt; ordered by day."""

    household: npt.NDArray[np.int64]
    day: Numbers
    money: Numbers
    lines: Numbers
    households: int


@dataclass(frozen=True)
class Monday:
    """What is known on a Monday of every household, and what then came."""

    features: Numbers
    minutes: Numbers
    money: Numbers
    recency: Numbers
    spent: Numbers
    bought: npt.NDArray[np.bool_]
    spends: Numbers


def rows(*, quick: bool) -> Iterator[Row]:
    market = _market()
    train = [_monday(market, week) for week in TRAINING_WEEKS]
    tests = [_monday(market, week) for week in (TEST_WEEKS[::2] if quick else TEST_WEEKS)]
    scale = StandardScaler().fit(np.concatenate([each.features for each in train]))
    model = LogisticRegression(max_iter=1000).fit(
        scale.transform(np.concatenate([each.features for each in train])),
        np.concatenate([each.bought for each in train]),
    )
    chance = [model.predict_proba(scale.transform(each.features))[:, 1] for each in tests]
    yield from _precision(tests, chance)
    money = LinearRegression().fit(
        np.concatenate([each.money for each in train]), np.concatenate([each.spends for each in train])
    )
    yield from _spending(tests, [np.maximum(0.0, money.predict(each.money)) for each in tests])


def _precision(tests: Sequence[Monday], chance: Sequence[Numbers]) -> Iterator[Row]:
    """Every contact counted alike: whoever is likelier to buy comes first."""
    ours = [_lists(p, np.full(len(p), 5.0)) for p in chance]
    recent = [_lists(1.0 / (1.0 + each.recency), np.full(len(each.recency), 5.0)) for each in tests]
    drawn = [_drawn(len(each.recency), np.full(len(each.recency), 5.0)) for each in tests]

    def share(lists: Sequence[npt.NDArray[np.int64]]) -> float:
        return float(np.mean([each.bought[found].mean() for each, found in zip(tests, lists, strict=True)]))

    found, rival = share(ours), share(recent)
    yield Row("outreach: precision at capacity, buyers among those listed", found, "share")
    yield Row(
        "outreach: precision at capacity over recency",
        found - rival,
        "share",
        "must",
        "> 0",
        "recency",
        rival,
    )
    random = float(
        np.mean(
            [each.bought[pick].mean() for each, picks in zip(tests, drawn, strict=True) for pick in picks]
        )
    )
    yield Row(
        "outreach: precision at capacity over chance",
        found - random,
        "share",
        "must",
        "> 0",
        "chance",
        random,
    )


def _spending(tests: Sequence[Monday], value: Sequence[Numbers]) -> Iterator[Row]:
    """Expected spending per minute, contacts of different length."""
    ours = [_lists(worth, each.minutes) for worth, each in zip(value, tests, strict=True)]
    recent = [_lists(each.minutes / (1.0 + each.recency), each.minutes) for each in tests]
    spent = [_lists(each.minutes * each.spent, each.minutes) for each in tests]

    def total(lists: Sequence[npt.NDArray[np.int64]]) -> float:
        return float(np.mean([each.spends[found].sum() for each, found in zip(tests, lists, strict=True)]))

    found = total(ours)
    yield Row(
        "outreach: spending of those listed, a list day", found, "USD", "info", "", "recency", total(recent)
    )
    yield Row("outreach: spending found over recency", found / total(recent), "x", "must", "> 1")
    yield Row("outreach: spending found over spending so far", found / total(spent), "x", "stretch", "> 1")
    over = max(
        float(each.minutes[found][_rep(found) == rep].sum())
        for each, found in zip(tests, ours, strict=True)
        for rep in range(REPS)
    )
    yield Row("outreach: most minutes on a rep's list", over, "min", "must", f"<= {MINUTES:g}")


def _rep(households: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return households % REPS


def _lists(value: Numbers, minutes: Numbers) -> npt.NDArray[np.int64]:
    """Households on the lists of all reps, by the service's own ranking."""
    found: list[int] = []
    for rep in range(REPS):
        mine = range(rep, len(value), REPS)
        candidates = [Candidate(f"{h:05}", float(value[h]), float(minutes[h])) for h in mine]
        found += [int(c.customer) for c in ranked(candidates, [MINUTES]).days[0]]
    return np.array(found)


def _drawn(households: int, minutes: Numbers) -> list[npt.NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    return [_lists(rng.random(households), minutes) for _ in range(DRAWS)]


def _market() -> Market:
    found = table(
        "transactions", "household_id", "basket_id", "transaction_timestamp", "sales_value", "product_id"
    )
    household = np.unique(found["household_id"].to_numpy().astype(np.int64), return_inverse=True)[1]
    stamps = found["transaction_timestamp"].to_numpy().astype("datetime64[s]")
    day = (stamps - np.datetime64("2017-01-01T00:00:00")).astype(np.float64) / 86_400
    _, basket = np.unique(found["basket_id"].to_numpy().astype(np.int64), return_inverse=True)
    money = np.bincount(basket, weights=found["sales_value"].to_numpy())
    lines = np.bincount(basket).astype(np.float64)
    first = np.full(len(money), -1, dtype=np.int64)
    first[basket[::-1]] = np.arange(len(basket))[::-1]
    order = np.argsort(day[first], kind="stable")
    first = first[order]
    return Market(
        household[first], day[first], money[order].astype(np.float64), lines[order], int(household.max()) + 1
    )


def _monday(market: Market, week: int) -> Monday:
    """The Monday that begins a week; week 1 ends on the first Sunday."""
    now = 1.0 + WEEK * (week - 1)
    n = market.households
    past = market.day < now
    coming = ~past & (market.day < now + WEEK)

    def summed(where: npt.NDArray[np.bool_], weights: Numbers | None = None) -> Numbers:
        picked = None if weights is None else weights[where]
        return np.bincount(market.household[where], weights=picked, minlength=n).astype(np.float64)

    last = np.full(n, -60.0)
    np.maximum.at(last, market.household[past], market.day[past])
    trips = summed(past)
    windows = [summed(past & (market.day >= now - days)) for days in (7, 14, 28, 84)]
    recency = now - last
    rhythm = now / np.maximum(trips, 1.0)
    features = np.column_stack([np.log1p(recency), np.log(rhythm), recency / rhythm, *map(np.log1p, windows)])
    spent = summed(past, market.money)
    money = [summed(past & (market.day >= now - days), market.money) for days in (7, 14, 28, 84)]
    minutes = 5.0 + 0.5 * summed(past, market.lines) / np.maximum(trips, 1.0)
    return Monday(
        features,
        np.minimum(minutes, 20.0),
        np.column_stack([*money, spent * WEEK / now]),
        recency,
        spent,
        summed(coming) > 0,
        summed(coming, market.money),
    )
