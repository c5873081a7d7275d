"""Fitted segments, and which of them a customer belongs to; knows no fitting."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import dist
from typing import Any, NamedTuple

from fieldwise_profile.core.segments.scaling import Scale


class Deviation(NamedTuple):
    """What makes a segment differ: a measure, and by how many robust standard deviations its mean member is off the middle."""

    measure: str
    deviations: float


@dataclass(frozen=True)
class Segment:
    """A group of customers who behave alike.

    Attributes:
        id: Stays with the group when segments are fitted anew.
        size: Customers in it when it was fitted.
        centre: Its middle, scaled.
        spread: Root mean square distance of its members from the middle, scaled.
        means: Means of its members in the measures' own units; what a person wants to see.
        deviations: What makes it differ, strongest first.
    """

    id: int
    size: int
    centre: tuple[float, ...]
    spread: float
    means: tuple[float, ...]
    deviations: tuple[Deviation, ...]


@dataclass(frozen=True)
class Trial:
    """How well one number of segments did.

    Attributes:
        count: Number of segments.
        silhouette: Mean silhouette, in [-1, 1].
        stability: Mean adjusted Rand index between fits to halves of the customers, at most 1.
        smallest_share: Share of customers in the smallest segment.
    """

    count: int
    silhouette: float
    stability: float
    smallest_share: float


class Membership(NamedTuple):
    """A customer's segment, and how far he is from its middle in units of the segment's spread."""

    segment: Segment
    distance: float


@dataclass(frozen=True)
class SegmentModel:
    """All segments of one fit.

    Attributes:
        version: Counts the fits, from 1.
        as_of: The moment whose behaviour was fitted, microseconds.
        customers: Customers fitted.
        measures: Names of the measures, in order; a model of other measures than today's is not used.
        scale: How numbers become comparable.
        segments: Ascending ids.
        trials: Every number of segments that was tried.
        next_id: The id for the next new group: ids are never used again.
        seed: The chance that was used.
    """

    version: int
    as_of: int
    customers: int
    measures: tuple[str, ...]
    scale: Scale
    segments: tuple[Segment, ...]
    trials: tuple[Trial, ...]
    next_id: int
    seed: int

    def membership_of(self, numbers: Sequence[float]) -> Membership:
        """The segment whose middle is nearest; ties go to the older one."""
        place = self.scale.scaled(numbers)
        near = min(self.segments, key=lambda segment: (dist(place, segment.centre), segment.id))
        return Membership(near, dist(place, near.centre) / near.spread if near.spread else 0.0)


def to_json(model: SegmentModel) -> str:
    """The model as text; `from_json` gives it back, to the last bit."""
    return json.dumps(asdict(model), separators=(",", ":"))


def from_json(text: str) -> SegmentModel:
    """The model in the text."""
    read: dict[str, Any] = json.loads(text)
    scale = Scale(**{name: tuple(values) for name, values in read.pop("scale").items()})
    segments = tuple(_segment(each) for each in read.pop("segments"))
    trials = tuple(Trial(**each) for each in read.pop("trials"))
    measures = tuple(read.pop("measures"))
    return SegmentModel(**read, scale=scale, segments=segments, trials=trials, measures=measures)


def _segment(read: dict[str, Any]) -> Segment:
    deviations = tuple(Deviation(*each) for each in read.pop("deviations"))
    return Segment(
        id=read["id"],
        size=read["size"],
        centre=tuple(read["centre"]),
        spread=read["spread"],
        means=tuple(read["means"]),
        deviations=deviations,
    )
