"""What a customer may buy next, from what a decision knows of him and tables learned before; knows no numpy, no wire and no store.

Two logistic regressions on a short list each: his categories, and popular ones that he never bought. `repeat_inputs` and `plain_inputs`
take single numbers here and columns where they are learned (`shortlist_learning`), so that both compute the same.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log, log1p
from operator import itemgetter, mul
from typing import Any, Final, NamedTuple

REPEAT_INPUTS: Final = (
    "log days", "log since", "due", "log per window", "share of trips", "log share of trips", "log share of customers",
    "share of customers", "kept", "log trips", "has a rhythm", "log days x log since", "log since squared", "due squared",
    "log since any", "log since any x log since",
)  # fmt: skip
# Of a thing and of the customer; then of what he buys, which the tables of pairs hold as log-odds.
PLAIN_INPUTS: Final = (
    "log share of customers", "share of customers", "kept", "growing", "log trips", "log share of customers x log trips", "log since any",
)  # fmt: skip
SPOKEN_INPUTS: Final = ("ease", "likeness", "ease lately", "mean likeness", "mean companions")
DISCOVERY_INPUTS: Final = (*PLAIN_INPUTS, *SPOKEN_INPUTS)
WINDOW_DAYS: Final = 28
SHOWN: Final = 3
# Tables of things by things, in log-odds: what a thing that he buys says of another one; if he bought it in the last window; and what is divided by
# the number of things that he buys, and one.
SPOKEN, SPOKEN_LATELY, SPOKEN_MEAN = 0, 1, 2
_SMALL: Final = 1e-3
_LEAST_GAP: Final = 0.5
_MOST_LOG_ODDS: Final = 30.0

Log = Callable[[Any], Any]


class Habit(NamedTuple):
    """A category that he bought on ``days`` days, last ``since`` days ago; ``gap`` days on average between two, None for a single one."""

    category: str
    days: int
    since: float
    gap: float | None


class Find(NamedTuple):
    """A category that he never bought and ``share`` of all active customers bought lately."""

    category: str
    share: float


class Next(NamedTuple):
    """A category with the probability that he buys it within the window; ``given`` is what he buys that speaks most for a new one."""

    category: str
    probability: float
    given: str = ""


class Popularity(NamedTuple):
    """Of a thing: share of active customers who bought it lately, share of them who keep buying it, growth of that share."""

    share: float = 0.0
    kept: float = 0.0
    growing: float = 1.0


_UNKNOWN: Final = Popularity()
# Category, place in the tables, bought in the last window.
_Owned = tuple[str, int, bool]


def repeat_inputs(
    ln: Log, days: Any, since: Any, gap: Any, has_gap: Any, trips: Any, since_any: Any, share: Any, kept: Any
) -> tuple[Any, ...]:
    """Inputs in the order of REPEAT_INPUTS.

    Args:
        ln: The natural logarithm of 1 + x.
        gap: Mean days between two; where there is none, ``since`` and a window.
        trips: Days on which he bought anything; ``since_any`` the days since the last.
    """
    ln_days, ln_since, ln_any = ln(days), ln(since), ln(since_any)
    due = since / (since + gap)
    of_trips = days / (trips + 1.0)
    return (
        ln_days, ln_since, due, ln(WINDOW_DAYS / gap), of_trips, ln(of_trips / 0.01), ln(share / _SMALL), share, kept, ln(trips),
        has_gap, ln_days * ln_since, ln_since * ln_since, due * due, ln_any, ln_any * ln_since,
    )  # fmt: skip


def plain_inputs(ln: Log, share: Any, kept: Any, growing: Any, trips: Any, since_any: Any) -> tuple[Any, ...]:
    """Inputs in the order of PLAIN_INPUTS."""
    ln_share, ln_trips = ln(share / _SMALL), ln(trips)
    return (ln_share, share, kept, growing, ln_trips, ln_share * ln_trips, ln(since_any))


def gap_of(gap: float | None, since: float) -> float:
    """The gap to compute with."""
    return max(_LEAST_GAP, since + WINDOW_DAYS if gap is None else gap)


@dataclass(frozen=True)
class Tables:
    """What was learned.

    Args:
        words: Categories.
        popularity: One for each.
        pairs: SPOKEN, SPOKEN_LATELY and SPOKEN_MEAN, each ``len(words)`` squared, by the thing bought and the other one.
        repeat, discovery: Weights, that of the base first; empty where there was too little to learn from.
    """

    words: tuple[str, ...] = ()
    popularity: tuple[Popularity, ...] = ()
    pairs: tuple[array[float], ...] = ()
    repeat: tuple[float, ...] = ()
    discovery: tuple[float, ...] = ()
    version: str = ""
    places: Mapping[str, int] = field(init=False, repr=False, compare=False)
    rows: tuple[Sequence[array[float]], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        wide = len(self.words)
        rows = [[table[at : at + wide] for at in range(0, len(table), wide)] for table in self.pairs]
        object.__setattr__(self, "places", {word: number for number, word in enumerate(self.words)})
        object.__setattr__(self, "rows", tuple(rows))

    def repeats(self, habits: Sequence[Habit], trips: int, since_any: float) -> list[Next]:
        """The likeliest of his categories; none where nothing was learned of repeats."""
        if not self.repeat:
            return []
        base, weights = self.repeat[0], self.repeat[1:]
        found: list[tuple[float, str]] = []
        for category, days, since, gap in habits:
            share, kept, _ = self._popularity(category)
            inputs = repeat_inputs(
                log1p, days, since, gap_of(gap, since), float(gap is not None), trips, since_any, share, kept
            )
            found.append((-base - sum(map(mul, weights, inputs)), category))
        found.sort()
        return [Next(category, _probability(-odds)) for odds, category in found[:SHOWN]]

    def discoveries(
        self, finds: Sequence[Find], habits: Sequence[Habit], trips: int, since_any: float
    ) -> list[Next]:
        """The likeliest of what he never bought; none where nothing was learned of discoveries."""
        if not self.discovery:
            return []
        base, weights = self.discovery[0], self.discovery[1 : 1 + len(PLAIN_INPUTS)]
        owned = [
            (each.category, place, each.since <= WINDOW_DAYS)
            for each in habits
            if (place := self.places.get(each.category)) is not None
        ]
        spoken = self._spoken(
            [place for each in finds if (place := self.places.get(each.category)) is not None], owned
        )
        found: list[tuple[float, str]] = []
        for category, share in finds:
            _, kept, growing = self._popularity(category)
            odds = base + sum(map(mul, weights, plain_inputs(log1p, share, kept, growing, trips, since_any)))
            found.append((-odds - spoken.get(category, 0.0), category))
        found.sort()
        return [
            Next(category, _probability(-odds), self._given(category, owned))
            for odds, category in found[:SHOWN]
        ]

    def _spoken(self, places: Sequence[int], owned: Sequence[_Owned]) -> dict[str, float]:
        """What all that he buys says of things, by their names."""
        if not owned or not places:
            return {}
        # Two at least, so that what is picked is always a tuple. Everything here runs in C: there are some seven hundred pairs.
        pick = itemgetter(*places, places[0])
        own = [pick(self.rows[SPOKEN_LATELY if lately else SPOKEN][place]) for _, place, lately in owned]
        shared = [pick(self.rows[SPOKEN_MEAN][place]) for _, place, _ in owned]
        parts = len(owned) + 1.0
        sums = zip(
            places, map(sum, zip(*own, strict=True)), map(sum, zip(*shared, strict=True)), strict=False
        )
        return {self.words[place]: alone + mean / parts for place, alone, mean in sums}

    def _given(self, category: str, owned: Sequence[_Owned]) -> str:
        """What of all that he buys speaks most for the thing; empty when nothing speaks for it."""
        place = self.places.get(category)
        if place is None:
            return ""
        parts = len(owned) + 1.0
        given, most = "", 0.0
        for name, number, lately in owned:
            says = self.rows[SPOKEN_LATELY if lately else SPOKEN][number][place]
            says += self.rows[SPOKEN_MEAN][number][place] / parts
            if says > most:
                given, most = name, says
        return given

    def _popularity(self, category: str) -> Popularity:
        place = self.places.get(category)
        return _UNKNOWN if place is None else self.popularity[place]


def _probability(odds: float) -> float:
    odds = max(-_MOST_LOG_ODDS, min(_MOST_LOG_ODDS, odds))
    # Six digits are told and kept: replays and readers see the same.
    return round(1.0 / (1.0 + exp(-odds)), 6)


def log_loss(share: float) -> float:
    """Mean log loss of telling everybody the base rate, nats."""
    if not 0.0 < share < 1.0:
        return 0.0
    return -share * log(share) - (1.0 - share) * log(1.0 - share)
