"""What would come of contacting chosen customers, with and without: potential outcomes of a simulated world; knows no rule of choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fieldwise_market.lives import EFFECT_DAYS
from fieldwise_market.population import Flags, Floats, Ints, warmed
from fieldwise_market.vocabulary import MEDIAN_CENTS
from fieldwise_market.world import World

VERSION = 1


@dataclass(frozen=True)
class Responses:
    """Both futures of each chosen customer, in the order in which they were chosen; money in currency units."""

    customers: Ints
    without: Flags
    with_contact: Flags
    spend_without: Floats
    spend_with: Floats
    probability_without: Floats
    probability_with: Floats

    def uplift(self) -> float:
        """Added share of buyers, as drawn."""
        return float(self.with_contact.mean() - self.without.mean())

    def expected_uplift(self) -> float:
        """Added share of buyers, as planted: without the luck of the draw."""
        return float((self.probability_with - self.probability_without).mean())


def respond(
    world: World,
    chosen_customers: Sequence[int] | NDArray[np.int64],
    action: str,
    seed: int,
    days: float = EFFECT_DAYS,
) -> Responses:
    """Who buys within `days` after the world's end, left alone and contacted once at the end by `action`.

    Left alone, a customer buys when his own plan says so. A contact adds a purchase with the planted probability, also
    to those who would have bought. The draw of a customer depends on the seed and on him, not on who else is chosen.
    """
    truth = world.truth
    if action not in truth.actions:
        raise ValueError(f"action={action!r}: give one of {', '.join(truth.actions)}")
    chosen = np.asarray(chosen_customers, dtype=np.int64)
    draws = np.random.default_rng([seed, 4, truth.actions.index(action)]).random((len(truth.age), 2))[chosen]
    planned = truth.next_purchase[chosen] < np.datetime64(
        world.end.replace(tzinfo=None), "us"
    ) + np.timedelta64(round(days * 86_400), "s")
    effect = warmed(truth.effect[:, truth.actions.index(action)], truth.warm)[chosen]
    added = effect * min(days / EFFECT_DAYS, 1.0)
    moved = draws[:, 0] < added
    basket = (truth.interest @ np.array(MEDIAN_CENTS) / 100 * np.maximum(truth.lines, 1))[chosen]
    spend = basket * (0.5 + draws[:, 1])
    return Responses(
        customers=chosen,
        without=planned,
        with_contact=planned | moved,
        spend_without=spend * planned,
        spend_with=spend * (planned.astype(float) + moved),
        probability_without=planned.astype(float),
        probability_with=np.maximum(planned, added),
    )
