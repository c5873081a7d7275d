"""The attributes that a profile shows of a customer at a moment, as plain values; knows no wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fieldwise_profile.core.accuracy.attributes import Comparison, Value
from fieldwise_profile.core.doings import category_looks, channel_uses
from fieldwise_profile.core.features import Purchases
from fieldwise_profile.core.fold import State
from fieldwise_profile.core.portrait import portrait
from fieldwise_profile.core.traits import traits

SEGMENT: Final = "segment"
# Attributes that a week can change, and how two values of each are compared. What he said himself (satisfaction, ratings) is
# no estimate: it stays until he says something else.
COMPARISONS: Final[dict[str, Comparison]] = {
    "stage": "same",
    "favourite_category": "same",
    "next_category": "same",
    "intent_category": "same",
    "usual_channel": "same",
    "usual_hour": "hour",
    "value_tier": "same",
    "rhythm": "near",
    "discount_share": "near",
    SEGMENT: "same",
}


def attributes_of(
    state: State | None, moment: int, tiers: Sequence[int], segment: str | None = None
) -> dict[str, Value]:
    """What is shown at ``moment`` of the events in the state; empty when nothing is known of him.

    Args:
        tiers: Spend of 28 days in micros below which a third, and two thirds, of the buyers lie.
    """
    if state is None:
        return {}
    bought = Purchases(state, moment)
    looks, uses = category_looks(state, bought.last_day), channel_uses(state, bought.last_day)
    found: dict[str, Value] = {
        trait.name: trait.value
        for trait in traits(state, bought, portrait(state, bought), looks, uses, tiers)
        if trait.name in COMPARISONS
    }
    if segment is not None:
        found[SEGMENT] = segment
    return found
