"""Randomised trials of an e-mail that moves nobody and a coupon that moves some: potential profits; knows no rule of choice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.random import Generator

from fieldwise_market.population import Flags, Floats, Ints, Truth, draw_population
from fieldwise_market.vocabulary import MEDIAN_CENTS

VERSION = 1

# What a world is like: nothing moves anybody; only some can be moved; many buy in any case and use the coupon, too.
NOTHING_WORKS: Final = "nothing works"
SOME_PERSUADABLE: Final = "only some are persuadable"
SURE_BUYERS: Final = "sure buyers"
KINDS: Final = (NOTHING_WORKS, SOME_PERSUADABLE, SURE_BUYERS)

ACTIONS: Final = ("leave-alone", "email", "coupon")
FACTS: Final = ("p_buy", "spend_if_buys", "usual_gap_days", "days_since_purchase", "views", "discount_share")
MARGIN: Final = 0.3
MAIL_COST: Final = 0.05
# Of a coupon that is used; each of them costs a stamp too.
FACE: Final = 3.0
STAMP: Final = 0.4
# How likely a sure buyer is to buy, and anybody else, within the window.
_SURE: Final = 0.92
_SURE_SHARE: Final = 0.35
_RESPONSE: Final = 0.4  # added probability of a persuadable customer with a coupon
# Larger baskets would drown everything in the luck of who happened to buy.
_LARGEST_BASKET: Final = 60.0
_NOISE: Final = 0.3  # of the predicted log-odds


@dataclass(frozen=True)
class Experiment:
    """Customers, what is seen of them, the action that chance gave each, and what every action would have brought.

    Args:
        facts: Shape (n, FACTS).
        given: Position in ACTIONS, each with the same probability.
        profits: Margin less all that the action costs, drawn, shape (n, ACTIONS).
        expected: The same without the luck of the draw.
        persuadable, sure: Whom a coupon moves, and who buys in any case.
    """

    facts: Floats
    given: Ints
    profits: Floats
    expected: Floats
    persuadable: Flags
    sure: Flags

    @property
    def rewards(self) -> Floats:
        """What came of what was given, shape (n,)."""
        came: Floats = self.profits[np.arange(len(self.given)), self.given]
        return came

    @property
    def best(self) -> Floats:
        """Expected profit of the best action for each customer, shape (n,)."""
        best: Floats = self.expected.max(axis=1)
        return best


def experiment(kind: str, seed: int, customers: int = 30_000) -> Experiment:
    """One trial in one world; the same arguments give the same numbers."""
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r}: give one of {', '.join(KINDS)}")
    truth = draw_population(seed, customers, 365, date(2024, 1, 1))
    rng = np.random.default_rng([seed, 5, KINDS.index(kind)])
    sure = rng.random(customers) < (_SURE_SHARE if kind == SURE_BUYERS else 0.0)
    alone = np.where(sure, _SURE, 0.45 * np.exp(-truth.mean_gap_days / 40.0))
    # Price-sensitive people who seldom buy: they look, and wait for an offer.
    persuadable = (truth.price_sensitivity > 0.6) & (truth.mean_gap_days > 9.0) & ~sure
    persuadable &= kind != NOTHING_WORKS
    added = np.where(persuadable, _RESPONSE, 0.0)
    chances = np.column_stack([alone, alone, alone + added])
    basket = (truth.interest @ np.array(MEDIAN_CENTS) / 100) * np.maximum(truth.lines, 1.0)
    basket = np.minimum(basket, _LARGEST_BASKET)
    earned = np.column_stack([MARGIN * basket, MARGIN * basket, MARGIN * basket - FACE])
    costs = np.array([0.0, MAIL_COST, STAMP])
    buys = rng.random(customers)[:, None] < chances
    return Experiment(
        facts=_seen(truth, alone, basket, rng),
        given=rng.integers(0, len(ACTIONS), customers),
        profits=buys * earned - costs,
        expected=chances * earned - costs,
        persuadable=persuadable,
        sure=sure,
    )


def _seen(truth: Truth, alone: Floats, basket: Floats, rng: Generator) -> Floats:
    """What a service would know: predictions and counts, none of them the truth itself."""
    count = len(alone)
    odds = np.log(alone / (1.0 - alone)) + rng.normal(0.0, _NOISE, count)
    purchases = np.maximum(rng.poisson(365.0 / truth.mean_gap_days), 1)
    return np.column_stack(
        [
            1.0 / (1.0 + np.exp(-odds)),
            basket * rng.lognormal(0.0, 0.2, count),
            truth.mean_gap_days * rng.lognormal(0.0, 0.1, count),
            truth.mean_gap_days * rng.exponential(1.0, count),
            rng.poisson(truth.views_a_week).astype(float),
            rng.binomial(purchases, truth.price_sensitivity) / purchases,
        ]
    )
