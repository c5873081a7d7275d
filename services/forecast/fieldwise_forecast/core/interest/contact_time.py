"""When to reach a customer: the hours and the weekday in which he acts, drawn to everybody's; knows no store.

What he did at hours of the day is counted, each hour of his life once, so that a long session is one sign. His shares are drawn
to everybody's pattern by a weight that is learned from how much customers differ. He gets a time of his own only where his counts
say so against that pattern; otherwise he gets everybody's best time.

Source: the Dirichlet-multinomial of Minka (2000), Estimating a Dirichlet distribution, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincinv, gammaln

from ..features import Floats
from .behaviour import DAY, HOUR, Behaviour

HOURS, WEEKDAYS = 24, 7
WINDOW_HOURS = 3
# 1970-01-01 was a Thursday, the fourth day of a week.
FIRST_WEEKDAY = 3
# Fewer actions than this can look like anything.
FEWEST_ACTIONS = 8
# A time of his own is named when chance alone, drawing from everybody's pattern, gives as much this rarely.
CHANCE_AT_MOST = 0.05
# Weights searched: from "everybody differs" to "all alike".
LEAST_WEIGHT, LARGEST_WEIGHT = 0.1, 1e4
SURE = 0.025


@dataclass(frozen=True)
class Pattern:
    """Everybody's shares of the hours and weekdays, and how many actions of his own they weigh against."""

    hours: Floats
    hours_weight: float
    weekdays: Floats
    weekdays_weight: float


# Before anything is learned: no hour is better than another, and a day's worth of actions is needed to say otherwise.
UNTRAINED = Pattern(np.full(HOURS, 1 / HOURS), float(HOURS), np.full(WEEKDAYS, 1 / WEEKDAYS), float(WEEKDAYS))


@dataclass(frozen=True)
class ContactTime:
    """When to reach a customer.

    Attributes:
        enough_evidence: Whether the window is his own and not everybody's.
        from_hour: First hour, UTC, 0 to 23.
        until_hour: Where it ends, 1 to 24; below ``from_hour`` past midnight.
        weekday: 1 Monday to 7 Sunday; 0 any.
        lift: How much likelier an action of his is in it than in an average window of its length.
        lift_low95: Lower end of the 95 % interval of that.
        actions: Hours with actions of his.
    """

    enough_evidence: bool
    from_hour: int
    until_hour: int
    weekday: int
    lift: float
    lift_low95: float
    actions: int


def learned(behaviour: Behaviour) -> Pattern:
    """Everybody's pattern, each customer counting by his actions; untrained without any."""
    hours, weekdays = counts_of(behaviour)
    if not hours.sum():
        return UNTRAINED
    return Pattern(*shared(hours), *shared(weekdays))


def shared(counts: Floats) -> tuple[Floats, float]:
    """Shares of all, and the weight that makes the counts of single customers likeliest."""
    from scipy.optimize import minimize_scalar  # needed to train, never to serve

    shares = (counts.sum(axis=0) + 1) / (counts.sum() + counts.shape[1])
    acting = counts[counts.sum(axis=1) >= 2]

    def loss(log_weight: float) -> float:
        alpha = np.exp(log_weight) * shares
        total = acting.sum(axis=1)
        terms = gammaln(acting + alpha).sum(axis=1) - gammaln(alpha).sum()
        return -float((terms + gammaln(alpha.sum()) - gammaln(total + alpha.sum())).sum())

    bounds = (np.log(LEAST_WEIGHT), np.log(LARGEST_WEIGHT))
    return shares, float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def counts_of(behaviour: Behaviour) -> tuple[Floats, Floats]:
    """Hours with actions of each customer, by hour of the day and by weekday: shapes (n, 24) and (n, 7).

    Noise does not count: an action needs more than half its weight.
    """
    real = behaviour.where(behaviour.weight > 0.5)
    acted = np.unique(np.column_stack([real.customer, real.time // HOUR]), axis=0)
    customer, hour = acted[:, 0], acted[:, 1]
    n = len(behaviour.customers)
    weekday = (hour * HOUR // DAY + FIRST_WEEKDAY) % WEEKDAYS
    return cross(customer, hour % HOURS, n, HOURS), cross(customer, weekday, n, WEEKDAYS)


def cross(row: Floats, column: Floats, rows: int, columns: int) -> Floats:
    cells = (row * columns + column).astype(np.int64)
    return np.bincount(cells, minlength=rows * columns).reshape(rows, columns).astype(np.float64)


def best_time(pattern: Pattern, hours: Floats, weekdays: Floats) -> ContactTime:
    """The best time of one customer, from his counts (`counts_of`)."""
    actions = hours.sum()
    usual = circular(pattern.hours)
    own = circular(hours + pattern.hours_weight * pattern.hours)
    best = int(np.argmax(own))
    is_own = differs(circular(hours)[best], actions, usual[best], HOURS)
    if not is_own:
        best = int(np.argmax(usual))
    mass, total = own[best], actions + pattern.hours_weight
    average = WINDOW_HOURS / HOURS
    low = float(betaincinv(mass, total - mass, SURE))
    return ContactTime(
        enough_evidence=is_own,
        from_hour=best,
        until_hour=(best + WINDOW_HOURS - 1) % HOURS + 1,
        weekday=best_weekday(pattern, weekdays),
        lift=float(mass / total / average),
        lift_low95=low / average,
        actions=int(actions),
    )


def best_weekday(pattern: Pattern, weekdays: Floats) -> int:
    """His weekday, 1 to 7; 0 where his counts name none."""
    best = int(np.argmax(weekdays + pattern.weekdays_weight * pattern.weekdays))
    return best + 1 if differs(weekdays[best], weekdays.sum(), pattern.weekdays[best], WEEKDAYS) else 0


def differs(count: float, actions: float, share: float, places: int) -> bool:
    """Whether so many of his actions in the best of some places are more than chance makes of everybody's share."""
    if actions < FEWEST_ACTIONS:
        return False
    # The best of several places is seldom the average one: each of them had its chance.
    # Beta's share below `share` is the binomial chance of so many or more.
    return bool(places * betainc(count, actions - count + 1, min(share, 1.0)) <= CHANCE_AT_MOST)


def circular(hours: Floats) -> Floats:
    """Sums over the window that begins at each hour, past midnight too."""
    return np.asarray(sum(np.roll(hours, -k) for k in range(WINDOW_HOURS)))
