"""Scores of attributes: what was shown against what turned out, beside "the last value stays"; knows no profile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fieldwise_profile.core.accuracy.attributes import Attributes, Comparison, is_right
from fieldwise_profile.core.lifecycle import share_with_interval

# Below this share of right attributes an alarm is given; the figure is the articles' lower one (mission row 6).
ALARM_BELOW: Final = 0.85


class Replayed(NamedTuple):
    """One customer's attributes.

    Attributes:
        stays: As they were a week ago: what "the last value stays" shows.
        shown: What is shown today without the events of the last week.
        true: What is shown today with them.
    """

    stays: Attributes
    shown: Attributes
    true: Attributes


@dataclass(frozen=True)
class Score:
    """Share of right values, with a 95 % interval; ``stays`` is the share that the last value would have."""

    count: int
    share: float
    low: float
    high: float
    stays: float


@dataclass(frozen=True)
class AttributeAccuracy:
    """One attribute, or all: over all customers, and over those only with whom it changed in the week.

    Where a value changed, the last value is wrong: there ``stays`` is 0 by definition.
    """

    name: str
    overall: Score
    changed: Score

    @property
    def is_alarm(self) -> bool:
        """Whether too little is right; nothing compared is no alarm."""
        return self.overall.count > 0 and self.overall.share < ALARM_BELOW


@dataclass
class _Hits:
    """Right values of each customer: shown and stays."""

    shown: list[tuple[int, int]] = field(default_factory=list)
    stays: int = 0
    count: int = 0

    def add(self, values: Sequence[tuple[bool, bool]]) -> None:
        if values:
            self.shown.append((sum(shown for shown, _ in values), len(values)))
            self.stays += sum(stays for _, stays in values)
            self.count += len(values)

    def score(self) -> Score:
        return Score(
            self.count, *share_with_interval(self.shown), self.stays / self.count if self.count else 0.0
        )


ALL: Final = "all"


def scores(
    replayed: Iterable[Replayed], comparisons: Mapping[str, Comparison]
) -> tuple[AttributeAccuracy, ...]:
    """The accuracy of all attributes together (named `ALL`, first), then of each.

    An attribute that is not known to either side with a customer is not compared: nothing to get wrong is nothing right.
    """
    overall = {name: _Hits() for name in (ALL, *comparisons)}
    changed = {name: _Hits() for name in (ALL, *comparisons)}
    for customer in replayed:
        every: list[tuple[bool, bool]] = []
        moved: list[tuple[bool, bool]] = []
        for name, comparison in comparisons.items():
            values = _compared(customer, name, comparison)
            if values is None:
                continue
            every.append(values)
            overall[name].add([values])
            if not values[1]:
                moved.append(values)
                changed[name].add([values])
        overall[ALL].add(every)
        changed[ALL].add(moved)
    return tuple(AttributeAccuracy(name, overall[name].score(), changed[name].score()) for name in overall)


def _compared(customer: Replayed, name: str, comparison: Comparison) -> tuple[bool, bool] | None:
    """Whether shown and stays are right; None when there is nothing to compare."""
    stays, shown, true = customer.stays.get(name), customer.shown.get(name), customer.true.get(name)
    if stays is None and shown is None and true is None:
        return None
    return is_right(shown, true, comparison), is_right(stays, true, comparison)
