"""What a customer may buy next, from what a decision knows of him and tables learned before; knows no numpy, no wire and no store.

Two logistic regressions on a short list each: his categories, and popular ones that he never bought. `repeat_inputs` and `discovery_inputs`
take single numbers here and columns where they are learned (`shortlist_learning`), so that both compute the same.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log, log1p
from typing import Any, Final, NamedTuple

REPEAT_INPUTS: Final = (
    "log days", "log since", "due", "log per window", "share of trips", "log share of trips", "log share of customers",
    "share of customers", "kept", "log trips", "has a rhythm", "log days x log since", "log since squared", "due squared",
    "log since any", "log since any x log since",
)  # fmt: skip
DISCOVERY_INPUTS: Final = (
    "log share of customers", "share of customers", "ease", "ease lately", "likeness", "mean likeness", "companions", "kept",
    "growing", "log trips", "log share of customers x log trips", "log since any",
)  # fmt: skip
WINDOW_DAYS: Final = 28
SHOWN: Final = 3
# Tables of things by things: what the things bought say of another one.
EASE, LIKENESS, COMPANIONS = 0, 1, 2
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


def discovery_inputs(
    ln: Log, share: Any, ease: Any, ease_lately: Any, likeness: Any, companions: Any, owned: Any, popularity: tuple[Any, Any],
    trips: Any, since_any: Any,
) -> tuple[Any, ...]:  # fmt: skip
    """Inputs in the order of DISCOVERY_INPUTS.

    Args:
        ease, ease_lately, likeness, companions: Sums over his categories; of ``ease_lately`` those of the last window.
        owned: How many categories these are.
        popularity: `kept` and `growing`.
    """
    kept, growing = popularity
    ln_share, ln_trips = ln(share / _SMALL), ln(trips)
    return (
        ln_share, share, ease, ease_lately, likeness, likeness / (owned + 1.0), companions / (owned + 1.0), kept,
        growing, ln_trips, ln_share * ln_trips, ln(since_any),
    )  # fmt: skip


def gap_of(gap: float | None, since: float) -> float:
    """The gap to compute with."""
    return max(_LEAST_GAP, since + WINDOW_DAYS if gap is None else gap)


@dataclass(frozen=True)
class Tables:
    """What was learned.

    Args:
        words: Categories.
        popularity: One for each.
        pairs: EASE, LIKENESS and COMPANIONS, each ``len(words)`` squared, by the thing bought and the other one.
        repeat, discovery: Weights, that of the base first.
    """

    words: tuple[str, ...] = ()
    popularity: tuple[Popularity, ...] = ()
    pairs: tuple[array[float], ...] = ()
    repeat: tuple[float, ...] = ()
    discovery: tuple[float, ...] = ()
    version: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_place", {word: number for number, word in enumerate(self.words)})

    def place(self, word: str) -> int | None:
        """Where a category stands in the tables; None when it is not in them."""
        places: dict[str, int] = self._place  # type: ignore[attr-defined]  # set above
        return places.get(word)

    def repeats(self, habits: Sequence[Habit], trips: int, since_any: float) -> list[Next]:
        """The likeliest of his categories."""
        found: list[Next] = []
        for each in habits:
            known = self._popularity(self.place(each.category))
            inputs = repeat_inputs(
                log1p,
                each.days,
                each.since,
                gap_of(each.gap, each.since),
                float(each.gap is not None),
                trips,
                since_any,
                known.share,
                known.kept,
            )
            found.append(Next(each.category, _probability(self.repeat, inputs)))
        return _likeliest(found)

    def discoveries(
        self, finds: Sequence[Find], habits: Sequence[Habit], trips: int, since_any: float
    ) -> list[Next]:
        """The likeliest of what he never bought."""
        owned = [
            (each.category, place, each.since <= WINDOW_DAYS)
            for each in habits
            if (place := self.place(each.category)) is not None
        ]
        found: list[Next] = []
        for each in finds:
            place = self.place(each.category)
            sums, given = self._spoken_for(place, owned)
            known = self._popularity(place)
            inputs = discovery_inputs(
                log1p, each.share, *sums, len(owned), (known.kept, known.growing), trips, since_any
            )
            found.append(Next(each.category, _probability(self.discovery, inputs), given))
        return _likeliest(found)

    def _spoken_for(
        self, place: int | None, owned: Sequence[tuple[str, int, bool]]
    ) -> tuple[tuple[float, float, float, float], str]:
        """Sums over what he buys, and what of that speaks most for the thing."""
        if place is None:
            return (0.0, 0.0, 0.0, 0.0), ""
        wide = len(self.words)
        ease, likeness, companions = self.pairs
        sums = [0.0, 0.0, 0.0, 0.0]
        given, most = "", 0.0
        for category, number, lately in owned:
            cell = number * wide + place
            weight = ease[cell]
            sums[0] += weight
            if lately:
                sums[1] += weight
            sums[2] += likeness[cell]
            sums[3] += companions[cell]
            if weight > most:
                given, most = category, weight
        return (sums[0], sums[1], sums[2], sums[3]), given

    def _popularity(self, place: int | None) -> Popularity:
        return Popularity() if place is None else self.popularity[place]


def _probability(weights: Sequence[float], inputs: Sequence[float]) -> float:
    odds = weights[0]
    for weight, value in zip(weights[1:], inputs, strict=True):
        odds += weight * value
    odds = max(-_MOST_LOG_ODDS, min(_MOST_LOG_ODDS, odds))
    # Six digits are told and kept: replays and readers see the same.
    return round(1.0 / (1.0 + exp(-odds)), 6)


def _likeliest(found: list[Next]) -> list[Next]:
    found.sort(key=lambda each: (-each.probability, each.category))
    return found[:SHOWN]


def log_loss(share: float) -> float:
    """Mean log loss of telling everybody the base rate, nats."""
    if not 0.0 < share < 1.0:
        return 0.0
    return -share * log(share) - (1.0 - share) * log(1.0 - share)
