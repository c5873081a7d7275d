"""Stops and reps of a plan of visits from the planner's CSV files, every fault of both at once. Knows no channel."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from google.type import date_pb2, latlng_pb2

from fieldwise.allocation.v1.visit_pb2 import TimeWindow, VisitBreak, VisitingRep, VisitStop
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_client.names import resource
from fieldwise_client.plan.table import Fault, FilesAreWrong, Row, Table, read_table

STOP_COLUMNS = ("name", "lat", "lon", "minutes")
STOP_MORE = ("prize", "mandatory", "needs_skills", "visits", "rep", "opens", "closes", "load")
REP_COLUMNS = ("name", "lat", "lon")
# The hours of a file made for `fieldwise plan` are read over: here each day has its own.
REP_MORE = ("skills", "starts", "ends", "capacity", "hours_per_week")
_YES = frozenset({"1", "true", "yes", "y", "x", "是"})
_DAY_MINUTES = 1440.0
T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True)
class Week:
    """The days of work of everybody, and the hours of those whose line says none; minutes after midnight."""

    days: Sequence[datetime.date]
    starts: float
    ends: float
    pause: VisitBreak | None


def clock(text: str) -> float:
    """Minutes after midnight of a time such as 8:30.

    Raises:
        ValueError: It is no time of a day.
    """
    hours, _, minutes = text.partition(":")
    found = int(hours) * 60.0 + int(minutes or 0)
    if not 0 <= found <= _DAY_MINUTES or int(minutes or 0) > 59:
        raise ValueError(text)
    return found


def date_message(day: datetime.date) -> date_pb2.Date:
    return date_pb2.Date(year=day.year, month=day.month, day=day.day)


def read_visits(
    stops: Path, reps: Path, week: Week, currency: str
) -> tuple[list[VisitStop], list[VisitingRep]]:
    """Read both files.

    Raises:
        FilesAreWrong: With every fault of both.
    """
    stop_table, rep_table = (
        read_table(stops, STOP_COLUMNS, STOP_MORE),
        read_table(reps, REP_COLUMNS, REP_MORE),
    )
    faults = [*stop_table.faults, *rep_table.faults]
    if any(fault.line <= 1 for fault in faults):
        raise FilesAreWrong(faults)
    read_stops = [_stop(Cells(stop_table, row, faults), week, currency) for row in stop_table.rows]
    read_reps = [_rep(Cells(rep_table, row, faults), week) for row in rep_table.rows]
    if faults:
        raise FilesAreWrong(sorted(faults, key=lambda fault: (fault.file, fault.line)))
    return read_stops, read_reps


@dataclass(frozen=True)
class Cells:
    """The cells of one line; what cannot be read is a fault, and the default stands in."""

    table: Table
    row: Row
    faults: list[Fault]

    def text(self, column: str) -> str:
        return self.row[column]

    def number(self, column: str, low: float, high: float) -> float:
        remedy = f"give a number from {low:g} to {high:g}"
        return self._read(column, lambda text: _within(float(text), low, high), remedy, 0.0)

    def time(self, column: str, default: float) -> float:
        return self._read(column, clock, "give a time such as 8:30", default)

    def day(self, column: str) -> datetime.date | None:
        return self._read(column, datetime.date.fromisoformat, "give a day such as 2026-11-23", None)

    def skills(self, column: str) -> list[str]:
        return sorted({skill.strip() for skill in self.row[column].split(";") if skill.strip()})

    def _read(self, column: str, read: Callable[[str], T], remedy: str, default: D) -> T | D:
        text = self.row[column]
        if not text:
            return default
        try:
            return read(text)
        except ValueError:
            self.faults.append(self.table.fault(self.row, column, remedy))
            return default


def _within(number: float, low: float, high: float) -> float:
    if not low <= number <= high or math.isnan(number):
        raise ValueError(number)
    return number


def _stop(cells: Cells, week: Week, currency: str) -> VisitStop:
    opens, closes = cells.time("opens", 0.0), cells.time("closes", _DAY_MINUTES)
    timed = bool(cells.text("opens") or cells.text("closes"))
    return VisitStop(
        name=cells.text("name"),
        place=_place(cells),
        service_minutes=cells.number("minutes", 0, _DAY_MINUTES),
        windows=[
            TimeWindow(date=date_message(day), opens_minute=opens, closes_minute=closes)
            for day in week.days
            if timed
        ],
        needs_skills=cells.skills("needs_skills"),
        prize=Money(currency_code=currency, micros=round(cells.number("prize", 0, 1e9) * 1_000_000)),
        mandatory=cells.text("mandatory").lower() in _YES,
        visits=int(cells.number("visits", 1, 31)),
        rep=resource("reps", cells.text("rep")) if cells.text("rep") else "",
        load=cells.number("load", 0, 1e9),
    )


def _rep(cells: Cells, week: Week) -> VisitingRep:
    starts, ends = cells.time("starts", week.starts), cells.time("ends", week.ends)
    rep = VisitingRep(
        name=resource("reps", cells.text("name")), start=_place(cells), skills=cells.skills("skills")
    )
    for day in week.days:
        shift = rep.shifts.add(date=date_message(day), starts_minute=starts, ends_minute=ends)
        if week.pause is not None:
            # `break` is a word of Python's own.
            getattr(shift, "break").CopyFrom(week.pause)
    if cells.text("capacity"):
        rep.capacity = cells.number("capacity", 0, 1e9)
    return rep


def _place(cells: Cells) -> latlng_pb2.LatLng | None:
    if not cells.text("lat") and not cells.text("lon"):
        cells.faults.append(cells.table.fault(cells.row, "lat", "give latitude and longitude"))
        return None
    return latlng_pb2.LatLng(latitude=cells.number("lat", -90, 90), longitude=cells.number("lon", -180, 180))
