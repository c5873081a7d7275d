"""BG/NBD as one part of an answer: log-odds of a purchase within a window, from three features; knows no other feature.

The parameters are fitted by `lifetimes.bg_nbd`; here is only what scores, written without scipy, which a server need not import.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .features import DAYS_SINCE_PURCHASE, FeatureSet, Floats, Singles

DAYS_SINCE_FIRST, PURCHASE_DAYS = "days_since_first_purchase", "purchase_days"
READ = (PURCHASE_DAYS, DAYS_SINCE_FIRST, DAYS_SINCE_PURCHASE)
# Below so many rows a loop over plain numbers is faster than arrays (measured: 2 us against 40 us for one row).
FEW = 8
TINY = 1e-12
# Nobody has bought on more days, or known us for longer; beyond it logarithms would run out of digits.
MOST = 1e6
# Which of the three numbers are the customer's own, all 8 ways; the others are the middling customer's.
COALITIONS = (np.arange(8)[:, None] >> np.arange(3)) & 1 == 1


def shapley_weights() -> Floats:
    """What each coalition's value adds to each number's Shapley value, shape (8, 3)."""
    sizes = COALITIONS.sum(axis=1)
    # 1 / (3 x ways to choose those who came before); a coalition with the number gains, one without it loses.
    share = np.array([1 / 3, 1 / 6, 1 / 3])
    with_it = share[np.maximum(sizes - 1, 0)][:, None]
    without = share[np.minimum(sizes, 2)][:, None]
    return np.asarray(np.where(COALITIONS, with_it, -without), dtype=np.float64)


SHAPLEY = shapley_weights()


@dataclass(frozen=True)
class RepeatBuying:
    """BG/NBD with time in days.

    Attributes:
        r, alpha, a, b: Rates of purchase are Gamma(r, alpha) among customers, chances to leave Beta(a, b).
        days: Length of the window.
        sign: 1 for the log-odds of a purchase, -1 for those of none.
        unknown: Log-odds (before the sign) of a customer without any purchase.
        columns: Where purchase days, days since the first and days since the last purchase stand in a row.
        reference: The three numbers of a middling customer: contributions are told against his log-odds.
        width: Columns of a row.
    """

    r: float
    alpha: float
    a: float
    b: float
    days: float
    sign: int
    unknown: float
    columns: tuple[int, int, int]
    reference: tuple[float, float, float]
    width: int

    @property
    def base(self) -> float:
        return self.sign * self.one(*self.reference)

    def log_odds(self, rows: Singles) -> Floats:
        read = rows[:, self.columns]
        if len(rows) <= FEW:
            return self.sign * np.array([self.one(*row) for row in read.tolist()])
        return self.sign * self.many(read.astype(np.float64))

    def of_one(self, _: Singles, values: Sequence[float], /) -> float:
        purchases, first, last = self.columns
        return self.sign * self.one(values[purchases], values[first], values[last])

    def one(self, purchases: float, first: float, last: float) -> float:
        """Log-odds of a purchase within the window, of one customer."""
        if math.isnan(last):
            return self.unknown
        repeats, age = min(max(0.0, purchases - 1.0), MOST), min(max(0.0, first), MOST)
        shape, rate = self.r + repeats, self.alpha + age
        log_p = math.log(-math.expm1(-shape * math.log1p(self.days / rate)))
        if repeats:
            recency = min(max(age - last, 0.0), age)
            left = math.log(self.a / max(self.b + repeats - 1, TINY)) + shape * math.log(
                rate / (self.alpha + recency)
            )
            log_p -= max(left, 0.0) + math.log1p(math.exp(-abs(left)))
        return log_p - math.log(max(-math.expm1(log_p), TINY))

    def many(self, read: Floats) -> Floats:
        """The same of many customers, shape (n, 3) -> (n,)."""
        purchases, first, last = np.nan_to_num(read).T
        repeats, age = np.clip(purchases - 1, 0, MOST), np.clip(first, 0, MOST)
        recency = np.clip(age - last, 0, age)
        shape, rate = self.r + repeats, self.alpha + age
        left = np.log(self.a / np.maximum(self.b + repeats - 1, TINY)) + shape * np.log(
            rate / (self.alpha + recency)
        )
        log_p = np.log(-np.expm1(-shape * np.log1p(self.days / rate)))
        log_p -= np.where(repeats > 0, np.logaddexp(0, left), 0.0)
        log_none = np.log(np.maximum(-np.expm1(log_p), TINY))
        return np.where(np.isnan(read[:, 2]), self.unknown, log_p - log_none)

    def contributions(self, rows: Singles) -> Floats:
        """Shapley values of the three numbers against the middling customer's, shape (n, width)."""
        read = rows[:, self.columns].astype(np.float64)
        mixed = np.where(COALITIONS[:, None, :], read, np.array(self.reference))
        values = self.sign * self.many(mixed.reshape(-1, 3)).reshape(len(COALITIONS), len(rows))
        found = np.zeros((len(rows), self.width))
        found[:, self.columns] = values.T @ SHAPLEY
        return found


def repeat_buying(
    columns: FeatureSet, everybody: Floats, base_rate: float, days: int, sign: int
) -> RepeatBuying | None:
    """Fit on all customers of one cut-off; None where the set has not what it reads, or too few have bought twice."""
    from fieldwise_runtime.errors import FailedPrecondition

    from .lifetimes.bg_nbd import BgNbd
    from .lifetimes.histories import Histories

    if any(name not in columns.names for name in READ):
        return None
    places = (columns.column(READ[0]), columns.column(READ[1]), columns.column(READ[2]))
    read = everybody[:, places]
    read = read[~np.isnan(read).any(axis=1)]
    repeats = np.maximum(read[:, 0] - 1, 0)
    recency = np.where(repeats > 0, np.maximum(read[:, 1] - read[:, 2], TINY), 0.0)
    try:
        model = BgNbd.fitted(Histories(repeats, recency, read[:, 1]))
    except FailedPrecondition:
        return None
    return RepeatBuying(
        model.r, model.alpha, model.a, model.b, float(days), sign,
        sign * math.log(base_rate / (1 - base_rate)), places, three(np.median(read, axis=0).tolist()), len(columns.names),
    )  # fmt: skip


def three(values: Sequence[float]) -> tuple[float, float, float]:
    first, second, third = values
    return first, second, third
