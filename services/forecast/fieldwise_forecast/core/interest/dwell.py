"""The time on a page from which a purchase becomes likelier, for each category; knows no store.

For every view of a category with a measured time: did he buy in the category within seven days? The share of those who did is one
number below a threshold and another above it. The threshold is where the likelihood is highest; its interval is where the
likelihood is not much lower; whether there is one at all, chance decides: the times of each customer are shuffled among his own views,
so neither keen customers nor busy ones can feign it.

Source: Hansen (2000), Sample splitting and threshold estimation, Econometrica 68(3), theorem 2: the likelihood ratio of a
threshold exceeds x with probability 1 - (1 - exp(-x / 2))^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from ..features import Floats
from .behaviour import DAY, NONE, Behaviour, Deed, Ints, Mask

WITHIN = 7 * DAY
MILLISECOND = 1000
# Longer than any history: sixty years, in which fewer than five million customers fit a number of 64 bits.
SPAN = 60 * 366 * DAY
FEWEST_VIEWS = 200
FEWEST_PURCHASES = 20
# On each side of a threshold.
FEWEST_ON_A_SIDE = 25
# Hansen's limit for 90 %: x with (1 - exp(-x / 2))^2 = .9.
LIMIT_90 = -2 * np.log(1 - np.sqrt(0.9))
# A jump that one of so many shuffles matches is chance: in one of a hundred, such a jump is called a threshold wrongly.
SHUFFLES = 99
SEED = 20170101


@dataclass(frozen=True)
class Threshold:
    """A threshold in milliseconds with its 90 % interval, and the shares of views followed by a purchase on both sides.

    Without enough evidence only ``views`` counts.
    """

    category: str
    enough_evidence: bool
    dwell_ms: int
    low90_ms: int
    high90_ms: int
    below: float
    above: float
    views: int


@dataclass(frozen=True)
class Looks:
    """Views of one category with a measured time and seven days after them, by time on the page.

    Attributes:
        dwell: Milliseconds, ascending, shape (n,).
        bought: Whether he bought in the category within seven days.
        customer: Whose.
        time: When, microseconds since 1970.
    """

    dwell: Ints
    bought: Mask
    customer: Ints
    time: Ints


def thresholds(behaviour: Behaviour, until: int) -> list[Threshold]:
    """Of every category that is viewed, by name. ``until`` is the moment up to which purchases are known, microseconds."""
    return [threshold(name, looks) for name, looks in looks_by_category(behaviour, until).items()]


def looks_by_category(behaviour: Behaviour, until: int) -> dict[str, Looks]:
    """Measured views of real people, by category."""
    is_view = behaviour.is_kind(Deed.VIEW)
    viewed = behaviour.where(
        is_view & (behaviour.category != NONE) & (behaviour.dwell >= 0) & (behaviour.weight > 0.5)
    )
    named = sorted((behaviour.words[word], word) for word in np.unique(viewed.category).tolist())
    bought = behaviour.where(behaviour.is_kind(Deed.PURCHASE))
    return {name: looks_of(viewed, bought, word, until) for name, word in named}


def looks_of(viewed: Behaviour, bought: Behaviour, category: int, until: int) -> Looks:
    """Views whose seven days are over, each with what came of it."""
    views = viewed.where((viewed.category == category) & (viewed.time < until - WITHIN))
    buys = bought.where(bought.category == category)
    buys_at, asked = ranks(buys, until), ranks(views, until)
    following = np.append(buys_at, np.iinfo(np.int64).max)[np.searchsorted(buys_at, asked, side="right")]
    came = following - asked <= np.minimum(WITHIN, until - views.time) // MILLISECOND
    order = np.argsort(views.dwell, kind="stable")
    return Looks(views.dwell[order], came[order], views.customer[order], views.time[order])


def ranks(behaviour: Behaviour, until: int) -> Ints:
    """Customer and time in one number, milliseconds: one search finds the next of the same customer."""
    since = until - SPAN
    return np.asarray(behaviour.customer * (SPAN // MILLISECOND) + (behaviour.time - since) // MILLISECOND)


def threshold(category: str, looks: Looks) -> Threshold:
    """The best threshold, or that there is not enough evidence for one."""
    views, purchases = len(looks.dwell), int(looks.bought.sum())
    ends = cuts(looks.dwell)
    if views < FEWEST_VIEWS or min(purchases, views - purchases) < FEWEST_PURCHASES or not len(ends):
        return Threshold(category, False, 0, 0, 0, 0.0, 0.0, views)
    gains = gains_of(looks.bought, ends)
    best = int(np.argmax(gains))
    end = ends[best]
    below, above = float(looks.bought[:end].mean()), float(looks.bought[end:].mean())
    if above <= below or is_chance(float(gains[best]), looks, ends):
        return Threshold(category, False, 0, 0, 0, 0.0, 0.0, views)
    likely = np.flatnonzero(2 * (gains[best] - gains) <= LIMIT_90)
    # Between the last view below a cut and the first above it, no threshold is likelier than another.
    low, high = looks.dwell[ends[likely[0]] - 1], looks.dwell[ends[likely[-1]]]
    middle = (looks.dwell[end - 1] + looks.dwell[end]) // 2
    return Threshold(category, True, int(middle), int(low), int(high), below, above, views)


def cuts(dwell: Ints) -> Ints:
    """How many views are below each possible threshold: between two different times, with enough views on both sides."""
    ends = np.flatnonzero(np.diff(dwell)) + 1
    return ends[(ends >= FEWEST_ON_A_SIDE) & (ends <= len(dwell) - FEWEST_ON_A_SIDE)]


def gains_of(bought: Mask, ends: Ints) -> Floats:
    """Log-likelihood of two shares, one on each side of each cut, above that of one share for all."""
    total, count = float(bought.sum()), len(bought)
    left = np.cumsum(bought)[ends - 1].astype(np.float64)
    two = log_likelihood(left, ends.astype(np.float64)) + log_likelihood(
        total - left, (count - ends).astype(np.float64)
    )
    return np.asarray(two - log_likelihood(np.array(total), np.array(float(count))))


def log_likelihood(successes: Floats, trials: Floats) -> Floats:
    """Of that many successes when the share is the best one."""
    share = successes / trials
    return np.asarray(xlogy(successes, share) + xlogy(trials - successes, 1 - share))


def is_chance(gain: float, looks: Looks, ends: Ints) -> bool:
    """Whether a gain this large comes in any of the shuffles of each customer's times among his own views."""
    rng = np.random.default_rng(SEED)
    own = np.argsort(looks.customer, kind="stable")
    _, customer = np.unique(looks.customer[own], return_inverse=True)
    for _ in range(SHUFFLES):
        # Customers stay in their order, the views of each come in any.
        shuffled = own[np.argsort(customer + rng.random(len(own)))]
        bought = np.empty_like(looks.bought)
        bought[own] = looks.bought[shuffled]
        if gains_of(bought, ends).max() >= gain:
            return True
    return False
