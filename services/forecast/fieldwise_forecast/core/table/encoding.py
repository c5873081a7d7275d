"""Columns turned into the numbers that learners take; knows no learner and no file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from ..features import Floats
from .table import Column, Dates, Numbers, Table, Texts, Times

# A column of texts gives a column of numbers per level up to this many, the most frequent ones.
MOST_LEVELS = 30
DAY_SECONDS = 86_400
YEAR_DAYS = 365.2425
# Days since the first, day of month, weekdays, sine and cosine, hour.
MOST_OF_A_DATE = 12
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class NumberPlan:
    """A number as it is; an empty cell is ``fill``, the median of the training rows, and says so in a column of its own."""

    name: str
    fill: float
    may_miss: bool

    @property
    def features(self) -> list[str]:
        return [self.name, f"{self.name} is empty"] if self.may_miss else [self.name]

    def encoded(self, column: Column) -> list[Floats]:
        assert isinstance(column, Numbers)
        filled = np.where(column.missing, self.fill, column.values)
        return [filled, column.missing.astype(np.float64)] if self.may_miss else [filled]


@dataclass(frozen=True)
class TextPlan:
    """One column of zeros and ones per level; a level that is rare, unseen or empty is zero everywhere."""

    name: str
    levels: tuple[str, ...]
    known: frozenset[str]

    @property
    def features(self) -> list[str]:
        return [f"{self.name} = {level}" for level in self.levels]

    def encoded(self, column: Column) -> list[Floats]:
        assert isinstance(column, Texts)
        place = {level: i for i, level in enumerate(column.levels)}
        # A place that no row has, for a level that these rows lack.
        return [np.asarray(column.codes == place.get(level, -2), dtype=np.float64) for level in self.levels]


@dataclass(frozen=True)
class DatePlan:
    """A moment as days since the first one, day of month, weekday, the hour where there are hours, the season where it was seen.

    Attributes:
        season: Whether the training rows span a year. Within less, a place in the year is the same as days since the first,
            and a line that trades one for the other goes astray as soon as the next year begins. The month's number would do so
            always, so the season is a point on a circle.
    """

    name: str
    start: str
    hours: bool
    season: bool

    @property
    def features(self) -> list[str]:
        found = [f"days since {self.start}", "day of month", *WEEKDAYS]
        found += ["sine of year", "cosine of year"] if self.season else []
        found += ["hour"] if self.hours else []
        return [f"{self.name}: {each}" for each in found]

    def encoded(self, column: Column) -> list[Floats]:
        assert isinstance(column, Dates)
        start = np.datetime64(self.start, "s")
        times = np.where(column.missing, start, column.values)
        days = times.astype("datetime64[D]")
        since = (times - start).astype(np.float64) / DAY_SECONDS
        day = (days - times.astype("datetime64[M]")).astype(np.float64) + 1
        weekday = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
        found = [since, day, *((weekday == i).astype(np.float64) for i in range(len(WEEKDAYS)))]
        if self.season:
            phase = 2 * np.pi * (days - times.astype("datetime64[Y]")).astype(np.float64) / YEAR_DAYS
            found += [np.sin(phase), np.cos(phase)]
        return [*found, (times - days).astype(np.float64) / 3600] if self.hours else found


Plan: TypeAlias = NumberPlan | TextPlan | DatePlan


@dataclass(frozen=True)
class Encoding:
    """How the columns of a table become features; learnt from training rows alone."""

    plans: tuple[Plan, ...]

    @property
    def features(self) -> list[str]:
        return [feature for plan in self.plans for feature in plan.features]

    def encode(self, table: Table) -> Floats:
        """Shape (rows, features)."""
        columns = [part for plan in self.plans for part in plan.encoded(table.columns[plan.name])]
        return np.column_stack(columns) if columns else np.empty((table.rows, 0))

    def to_plain(self) -> list[dict[str, Any]]:
        return [plain(plan) for plan in self.plans]

    @staticmethod
    def from_plain(plans: Sequence[dict[str, Any]]) -> Encoding:
        return Encoding(tuple(plan_of(dict(each)) for each in plans))


def learnt(table: Table) -> Encoding:
    """The encoding that training rows ask for; a column that never changes is left out, it can tell nothing."""
    found = [plan_for(name, column) for name, column in table.columns.items()]
    return Encoding(tuple(plan for plan in found if plan is not None))


def plan_for(name: str, column: Column) -> Plan | None:
    missing = bool(column.missing.any())
    match column:
        case Numbers(values):
            seen = values[~column.missing]
            if not len(seen) or (not missing and seen.min() == seen.max()):
                return None
            return NumberPlan(name, float(np.median(seen)), missing)
        case Texts():
            return text_plan(name, column, missing)
        case Dates(values):
            return date_plan(name, values[~column.missing])


def text_plan(name: str, column: Texts, missing: bool) -> TextPlan | None:
    counts = column.counts()
    # Ties go to the smaller text: the order of the file must not change the model.
    order = sorted(np.flatnonzero(counts), key=lambda i: (-counts[i], column.levels[i]))
    levels = [column.levels[i] for i in order]
    if not levels or (len(levels) == 1 and not missing):
        return None
    return TextPlan(name, tuple(levels[:MOST_LEVELS]), frozenset(levels))


def date_plan(name: str, seen: Times) -> DatePlan | None:
    if not len(seen) or seen.min() == seen.max():
        return None
    days = seen.astype("datetime64[D]")
    span = int((days.max() - days.min()).astype(np.int64))
    return DatePlan(name, str(days.min()), bool((seen != days).any()), span >= int(YEAR_DAYS))


def plain(plan: Plan) -> dict[str, Any]:
    match plan:
        case NumberPlan():
            return {"kind": "number", **asdict(plan)}
        case TextPlan():
            known = sorted(plan.known)
            return {"kind": "text", "name": plan.name, "levels": list(plan.levels), "known": known}
        case DatePlan():
            return {"kind": "date", **asdict(plan)}


def plan_of(told: dict[str, Any]) -> Plan:
    kind = told.pop("kind")
    if kind == "number":
        return NumberPlan(**told)
    if kind == "date":
        return DatePlan(**told)
    return TextPlan(told["name"], tuple(told["levels"]), frozenset(told["known"]))
