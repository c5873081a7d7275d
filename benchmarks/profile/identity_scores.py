"""How well records are grouped, against the persons who are behind them; knows no scorer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True)
class Score:
    """Of all pairs of records put into one group: share that is right, and share of the right ones that was found."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / max(1e-12, self.precision + self.recall)


def grouped(groups: Iterable[Sequence[int]], truth: Sequence[Hashable]) -> Score:
    """Pairs within groups; records in no group stand alone."""
    group_of = dict(enumerate(range(-len(truth), 0)))
    for number, group in enumerate(groups):
        group_of.update(dict.fromkeys(group, number))
    both = _pairs((group_of[place], person) for place, person in enumerate(truth))
    said = _pairs(group_of.values())
    there = _pairs(truth)
    return Score(both / max(1, said), both / there)


def _pairs(labels: Iterable[Hashable]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(labels).values())


def right_share(links: Iterable[tuple[int, int]], truth: Sequence[Hashable]) -> float:
    """Share of the links that join records of one person."""
    made = list(links)
    return sum(truth[one] == truth[other] for one, other in made) / max(1, len(made))


def components(links: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Groups of all that hangs together, whatever speaks against it: what most tools do."""
    group_of: dict[int, list[int]] = {}
    for one, other in links:
        mine, theirs = group_of.setdefault(one, [one]), group_of.setdefault(other, [other])
        if mine is not theirs:
            mine += theirs
            group_of.update(dict.fromkeys(theirs, mine))
    return list({id(group): group for group in group_of.values()}.values())


def true_pairs(truth: Sequence[Hashable]) -> set[tuple[int, int]]:
    """Pairs of places, the lower first, that are one person."""
    places: dict[Hashable, list[int]] = {}
    for place, person in enumerate(truth):
        places.setdefault(person, []).append(place)
    return {pair for group in places.values() for pair in combinations(group, 2)}
