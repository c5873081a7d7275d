"""How different the actions chosen for many customers are; knows no customer and no wire."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

LEAVE_ALONE: Final = "actions/leave-alone"


@dataclass(frozen=True, slots=True)
class Diversity:
    """Of the customers with an action, leave alone apart.

    Attributes:
        most_frequent_share: Of those, who have the most frequent one; 0 without any.
        entropy_bits: 0 when all have the same; log2(k) when k actions are equally frequent.
        coverage: Share of the catalogue's actions that somebody has.
    """

    most_frequent_share: float
    entropy_bits: float
    coverage: float


def diversity(customers: Mapping[str, int], catalogue: Collection[str]) -> Diversity:
    """From the number of customers by chosen action.

    Args:
        catalogue: All actions that could be chosen.
    Source: Shannon (1948), A mathematical theory of communication, for the entropy.
    """
    counts = {action: count for action, count in customers.items() if count and action != LEAVE_ALONE}
    total = sum(counts.values())
    possible = set(catalogue) - {LEAVE_ALONE}
    shares = [count / total for count in counts.values()]
    return Diversity(
        max(shares, default=0.0),
        -sum(share * math.log2(share) for share in shares) or 0.0,
        len(possible & set(counts)) / len(possible) if possible else 0.0,
    )
