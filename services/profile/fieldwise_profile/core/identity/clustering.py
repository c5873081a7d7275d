"""Groups of records that are one person, from weighed pairs; knows no field.

Pairs are joined strongest first. Two groups whose records speak against each other are left apart: so a chain of good links
between two persons is cut where it is weakest.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

# Evidence of one pair of two groups counts up to this much, either way: one odd field must not decide for many records.
_MOST: Final = 12.0
# Pairs looked at between two large groups; the rest would say the same.
_PAIRS: Final = 400

# Mean evidence between two groups from which on they are one. Below 0: two sparse records of a person say little of each other.
# Measured on febrl1, febrl2 and the market's development seeds 1 and 2: -1 did best of -3 to 0.5.
BEARABLE: Final = -1.0
# The same where nobody is asked: of five wrong merges that -1 makes on development seeds 2 and 3, 0 leaves two.
AGREEING: Final = 0.0
# Why a pair whose persons do not agree is given to somebody.
CHAIN: Final = "CHAIN"

Item = TypeVar("Item", bound=Hashable)


@dataclass(frozen=True)
class Clusters(Generic[Item]):
    """What came of joining.

    Args:
        groups: Two and more of one person.
        joined: The links that joined them: one less than items in each group.
        parted: Links that were left out because their groups speak against each other.
    """

    groups: Sequence[Sequence[Item]]
    joined: Sequence[tuple[Item, Item, float]]
    parted: Sequence[tuple[Item, Item, float]]


def cluster(
    links: Iterable[tuple[Item, Item, float]],
    evidence: Callable[[Item, Item], float],
    contradict: Callable[[Item, Item], bool],
    at_least: float = BEARABLE,
) -> Clusters[Item]:
    """Groups of records that are one person.

    Args:
        links: Pairs above the threshold, with their log-odds.
        evidence: Log-odds of any pair.
        contradict: Whether two records cannot be one person, whatever else agrees.
        at_least: Mean evidence between two groups from which on they are joined.
    """
    group_of: dict[Item, list[Item]] = {}
    joined: list[tuple[Item, Item, float]] = []
    parted: list[tuple[Item, Item, float]] = []
    for link in sorted(links, key=_strongest):
        one, other, _ = link
        mine, theirs = group_of.get(one, [one]), group_of.get(other, [other])
        if mine is theirs:
            continue
        if not _belong(mine, theirs, evidence, contradict, at_least):
            parted.append(link)
            continue
        joined.append(link)
        both = mine + theirs
        for each in both:
            group_of[each] = both
    return Clusters(list({id(group): group for group in group_of.values()}.values()), joined, parted)


def _strongest(link: tuple[Item, Item, float]) -> tuple[float, str, str]:
    # Ties by name: running again gives the same groups.
    return -link[2], repr(link[0]), repr(link[1])


def _belong(
    mine: list[Item],
    theirs: list[Item],
    evidence: Callable[[Item, Item], float],
    contradict: Callable[[Item, Item], bool],
    at_least: float,
) -> bool:
    pairs = [(one, other) for one in mine for other in theirs][:_PAIRS]
    if any(contradict(one, other) for one, other in pairs):
        return False
    if len(pairs) == 1:
        return True
    return mean_evidence(evidence(one, other) for one, other in pairs) >= at_least


def mean_evidence(log_odds: Iterable[float]) -> float:
    """Mean of the evidence of several pairs, each counted up to a limit; 0 without any."""
    limited = [max(-_MOST, min(_MOST, each)) for each in log_odds]
    return sum(limited) / max(1, len(limited))
