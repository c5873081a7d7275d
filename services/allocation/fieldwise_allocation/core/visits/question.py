"""What is asked of visits, and what comes back; knows no arrays, no solver and no dates but day numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.question import Place


@dataclass(frozen=True)
class Window:
    """When a visit may begin on one day, minutes after midnight."""

    day: int
    opens: float
    closes: float


@dataclass(frozen=True)
class Stop:
    """Someone to visit.

    Attributes:
        windows: Days and times at which a visit may begin; none means any time.
        prize: Money that each visit is worth; what a mandatory stop is worth does not decide whether it is visited.
        visits: Visits in the horizon, on different days.
        spacing: Least days from one visit to the next.
        visitor: The only one who may go; empty when anybody with the skills may.
        load: What a visit takes of a visitor's capacity, such as samples.
    """

    name: str
    minutes: float
    place: Place | None = None
    windows: tuple[Window, ...] = ()
    needs: frozenset[str] = frozenset()
    prize: float = 0.0
    mandatory: bool = False
    visits: int = 1
    spacing: int = 1
    visitor: str = ""
    load: float = 0.0


@dataclass(frozen=True)
class Rest:
    """A break of stated length that begins between two moments, minutes after midnight."""

    earliest: float
    latest: float
    minutes: float


@dataclass(frozen=True)
class Shift:
    """One day of work.

    Attributes:
        longest: Most minutes from leaving to return.
    """

    day: int
    starts: float
    ends: float
    rest: Rest | None = None
    longest: float = math.inf


@dataclass(frozen=True)
class Visitor:
    """Someone who visits.

    Attributes:
        per_km, per_hour: Money; hours count from leaving to return, waiting and breaks among them.
        capacity: Load that he can carry a day.
    """

    name: str
    shifts: tuple[Shift, ...]
    start: Place | None = None
    end: Place | None = None
    skills: frozenset[str] = frozenset()
    per_km: float = 0.0
    per_hour: float = 0.0
    capacity: float = math.inf


@dataclass(frozen=True)
class Matrix:
    """Travel between all stops, then all visitors' starts, then all their ends, in the order of the question.

    Attributes:
        minutes, km: Shape (p, p) with p = stops + 2 x visitors; rows are origins.
    """

    minutes: npt.NDArray[np.float64]
    km: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """A question of visits.

    Attributes:
        speed: Km/h on the road, where no matrix is given.
        seconds: Wall limit; the work itself is counted in rounds.
        effort: Rounds of search as a multiple of the usual.
    """

    stops: tuple[Stop, ...]
    visitors: tuple[Visitor, ...]
    matrix: Matrix | None = None
    speed: float = 40.0
    seconds: float = 20.0
    effort: float = 1.0


@dataclass(frozen=True)
class Visit:
    """One visit as planned; minutes after midnight."""

    stop: int
    arrives: float
    begins: float
    leaves: float


@dataclass(frozen=True)
class Tour:
    """One day of one visitor.

    Attributes:
        rest_begins: When the break begins; NaN without one.
        rest_after: Visits before the break.
    """

    visitor: int
    day: int
    leaves: float
    returns: float
    visits: tuple[Visit, ...]
    km: float
    rest_begins: float = math.nan
    rest_after: int = 0


@dataclass(frozen=True)
class LeftOut:
    """A visit that is not made.

    Attributes:
        reason: SKILL, WINDOW, NO_TIME or NOT_WORTH.
        short_money: What the prize lacks (NOT_WORTH).
        short_minutes: Minutes of work that the cheapest tour lacks (NO_TIME).
        skills: What nobody who may go can do (SKILL).
    """

    stop: int
    reason: str
    short_money: float = 0.0
    short_minutes: float = 0.0
    skills: tuple[str, ...] = ()


@dataclass(frozen=True)
class VisitPlan:
    """Tours with their proof.

    Attributes:
        profit: Prizes of what is visited less km and hours.
        bound: No plan that makes as many mandatory visits earns more.
    """

    tours: tuple[Tour, ...]
    left_out: tuple[LeftOut, ...]
    profit: float
    bound: float
