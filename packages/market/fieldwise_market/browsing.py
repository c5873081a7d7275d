"""What one simulated customer looks at, clicks and searches; knows no contract and no purchase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator

from fieldwise_market.population import Flags, Floats, Ints, Truth
from fieldwise_market.rows import Kind, Rows, rows_of
from fieldwise_market.vocabulary import AGENTS, CLICK_TARGETS, PRODUCTS_PER_CATEGORY

SECONDS: Final = 86_400.0
VIEWS_A_SESSION: Final = 3.5
SEARCHES_A_SESSION: Final = 0.12
MEDIAN_DWELL_SECONDS: Final = 14.0
SHORTEST_DWELL_SECONDS: Final = 0.35  # nobody of ours is faster; slips of the finger (noise.py) are
WARM_DAYS: Final = 14


@dataclass(frozen=True)
class Browsing:
    """Views, clicks and searches of one customer."""

    views: Rows
    clicks: Rows
    searches: Rows

    @property
    def rows(self) -> tuple[Rows, ...]:
        return self.views, self.clicks, self.searches

    def triggers(self, truth: Truth, who: int) -> tuple[Floats, Ints, Floats]:
        """Day, category and probability of each look or search that may lead to a purchase, by time."""
        looked = self.views[self._is_long(truth)]
        at = np.append(looked["time"], self.searches["time"]) / (SECONDS * 1e6)
        category = np.append(looked["category"], self.searches["category"]).astype(np.int64)
        chance = np.append(
            truth.dwell_boost[looked["category"]] * truth.dwell_response[who],
            np.full(len(self.searches), truth.search_boost),
        )
        order = np.argsort(at, kind="stable")
        return at[order], category[order], chance[order]

    def is_warm(self, truth: Truth, at: Floats) -> Flags:
        """Whether each day has a long look or a search in the 14 days before it."""
        signs = np.append(self.views["time"][self._is_long(truth)], self.searches["time"])
        sorted_days = np.sort(signs) / (SECONDS * 1e6)
        before = np.searchsorted(sorted_days, at)
        return before > np.searchsorted(sorted_days, at - WARM_DAYS)

    def _is_long(self, truth: Truth) -> Flags:
        long: Flags = self.views["number"] > truth.dwell_threshold_ms[self.views["category"]]
        return long


def browse(rng: Generator, truth: Truth, who: int, days: int, lost: float) -> Browsing:
    """Sessions at random days and usual hours; after being lost a third of them."""
    session_at, size = _sessions(rng, truth, who, days, lost)
    main = rng.choice(12, len(size), p=truth.viewing[who])
    online = truth.channel_mix[who, 1:] / truth.channel_mix[who, 1:].sum()
    channel = 1 + rng.choice(2, len(size), p=online)
    agent = np.full(len(size), rng.choice(len(AGENTS), p=(0.35, 0.25, 0.2, 0.1, 0.05, 0.05)))
    views = _views(rng, truth, who, session_at, size, main, channel, agent)
    return Browsing(views, _clicks(rng, views), _searches(rng, truth, who, session_at, main, channel))


def _sessions(rng: Generator, truth: Truth, who: int, days: int, lost: float) -> tuple[Floats, Ints]:
    count = rng.poisson(truth.views_a_week[who] / VIEWS_A_SESSION * days / 7)
    day = np.floor(rng.uniform(0, days, count))
    hour = (truth.usual_hour[who] + 0.5 + rng.normal(0, 2.5, count)) % 24
    kept = (day < lost) | (rng.random(count) < 0.33)
    size = rng.geometric(1 / VIEWS_A_SESSION, count)
    # A keen shopper: forty looks in a quarter of an hour, and no robot.
    keen = rng.random(count) < 0.006
    size[keen] = rng.integers(32, 48, int(keen.sum()))
    order = np.argsort((day + hour / 24)[kept], kind="stable")
    return (day + hour / 24)[kept][order], size[kept][order]


def _views(
    rng: Generator,
    truth: Truth,
    who: int,
    session_at: Floats,
    size: Ints,
    main: Ints,
    channel: Ints,
    agent: Ints,
) -> Rows:
    n = int(size.sum())
    strays = rng.random(n) < 0.25
    category = np.where(strays, rng.choice(12, n, p=truth.viewing[who]), np.repeat(main, size))
    sensitivity = float(truth.price_sensitivity[who])
    dwell = _dwell_seconds(rng, np.repeat(size >= 32, size))
    unmeasured = rng.random(n) < 0.03
    return rows_of(
        Kind.VIEW, _view_days(rng, session_at, size, dwell), category=category,
        product=(PRODUCTS_PER_CATEGORY * rng.random(n) ** (0.4 + 0.6 * sensitivity)).astype(np.int64),
        number=np.where(unmeasured, -1, np.round(dwell * 1000)),
        channel=np.repeat(channel, size), ref=np.repeat(agent, size),
    )  # fmt: skip


def _dwell_seconds(rng: Generator, keen: Flags) -> Floats:
    n = len(keen)
    dwell = MEDIAN_DWELL_SECONDS * rng.lognormal(0, 1, n)
    # Real people who only glance.
    glances = rng.random(n) < 0.05
    dwell[glances] = rng.uniform(SHORTEST_DWELL_SECONDS, 1.0, int(glances.sum()))
    hurried = 12 * rng.lognormal(0, 0.5, n)
    seconds: Floats = np.clip(np.where(keen, hurried, dwell), SHORTEST_DWELL_SECONDS, 1800)
    return seconds


def _view_days(rng: Generator, session_at: Floats, size: Ints, dwell: Floats) -> Floats:
    """Each view begins when the one before it ended and the next page was found."""
    took = dwell + rng.uniform(0.4, 6, len(dwell))
    begun = np.cumsum(took) - took
    first = np.cumsum(size) - size
    days: Floats = np.repeat(session_at, size) + (begun - np.repeat(begun[first], size)) / SECONDS
    return days


def _clicks(rng: Generator, views: Rows) -> Rows:
    clicked = views[(rng.random(len(views)) < 0.35) & (views["number"] > 1500)]
    after = rng.uniform(0.2, 0.9, len(clicked)) * clicked["number"] / 1000
    at = clicked["time"] / (SECONDS * 1e6) + after / SECONDS
    target = rng.choice(len(CLICK_TARGETS), len(clicked), p=(0.4, 0.15, 0.2, 0.1, 0.1, 0.05))
    # Somebody clicks the same thing again and means it.
    again = np.flatnonzero(rng.random(len(clicked)) < 0.04)
    every = np.append(np.arange(len(clicked)), again)
    later = np.append(np.zeros(len(clicked)), rng.uniform(1.5, 5, len(again)))
    source = clicked[every]
    return rows_of(
        Kind.CLICK, at[every] + later / SECONDS, category=source["category"], product=source["product"],
        channel=source["channel"], ref=source["ref"], flag=target[every],
    )  # fmt: skip


def _searches(rng: Generator, truth: Truth, who: int, session_at: Floats, main: Ints, channel: Ints) -> Rows:
    asked = np.flatnonzero(rng.random(len(session_at)) < SEARCHES_A_SESSION)
    n = len(asked)
    return rows_of(
        Kind.SEARCH, session_at[asked] - rng.uniform(5, 40, n) / SECONDS, category=main[asked],
        number=rng.integers(0, 3, n), extra=rng.poisson(12, n), channel=channel[asked],
        flag=np.full(n, truth.chinese[who]),
    )  # fmt: skip
