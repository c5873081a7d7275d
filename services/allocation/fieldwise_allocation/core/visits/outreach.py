"""Whom each rep turns to first on each day, within his minutes; knows no service.

For one rep the minutes of all his days are one knapsack. Candidates in the order of value per minute fill it; the price of a minute
is the ratio of the first one that finds no room, and value above price x minutes is the order's proof (the LP dual of the knapsack).
Source: Dantzig (1957), Discrete-variable extremum problems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SLACK = 1e-9


@dataclass(frozen=True)
class Candidate:
    """Someone to turn to: value in money, minutes it takes."""

    customer: str
    value: float
    minutes: float


@dataclass(frozen=True)
class Ranked:
    """The lists of one rep.

    Attributes:
        days: Candidates of each day, most urgent first.
        price: Money that one more minute would bring.
        bound: No lists within the same minutes are worth more.
    """

    days: tuple[tuple[Candidate, ...], ...]
    price: float
    bound: float


def ranked(candidates: Sequence[Candidate], minutes: Sequence[float]) -> Ranked:
    """Lists for the days of one rep, by value per minute; the best come on the first day, ties by name.

    Args:
        minutes: Minutes of each day.
    """
    worth = [c for c in candidates if c.value > 0.0]
    order = sorted(worth, key=lambda c: (-c.value / c.minutes, c.customer))
    left = list(minutes)
    days: list[list[Candidate]] = [[] for _ in minutes]
    for candidate in order:
        day = next((d for d, room in enumerate(left) if candidate.minutes <= room + SLACK), None)
        if day is not None:
            days[day].append(candidate)
            left[day] -= candidate.minutes
    price, bound = _relaxed(order, sum(minutes))
    return Ranked(tuple(map(tuple, days)), price, bound)


def _relaxed(order: Sequence[Candidate], minutes: float) -> tuple[float, float]:
    """Price of a minute and value when a candidate may be divided and the days are one."""
    value = 0.0
    for candidate in order:
        if candidate.minutes > minutes + SLACK:
            price = candidate.value / candidate.minutes
            return price, value + max(0.0, minutes) * price
        value += candidate.value
        minutes -= candidate.minutes
    return 0.0, value
