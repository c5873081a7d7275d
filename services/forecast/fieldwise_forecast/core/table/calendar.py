"""The dates of a table: repeated ones, missing periods; knows no learner and no file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fieldwise_runtime.errors import Violation

from .splitting import shown_time
from .table import Column, Places, Table, Texts, Times

# A table in which so many rows have a key of their own is one row per key, and a repeated one is a fault.
OWN_KEY = 0.9
NAMED = 5
DAY, WEEK = 1, 7
STEPS = {DAY: "days", WEEK: "weeks"}
# A series that follows its step less often than this has no step.
STEADY = 0.8


def repeated(table: Table, date: str, asked: Sequence[str] = ()) -> list[Violation]:
    """A violation where two rows stand for one date.

    With ``asked`` columns that name a series, date and series must be unique. Without, that is demanded of a table in which nearly
    every row has a date and texts of its own.
    """
    _, place, count = np.unique(keys(table, date, asked), axis=0, return_inverse=True, return_counts=True)
    place = place.ravel()
    if len(count) == table.rows or (not asked and len(count) < OWN_KEY * table.rows):
        return []
    more = np.flatnonzero(count > 1)
    pairs = [np.flatnonzero(place == key)[:2] for key in more[:NAMED]]
    listed = ", ".join(
        f"{shown_time(table.dates(date)[one])} (rows {table.numbering[one]} and {table.numbering[two]})"
        for one, two in pairs
    )
    remedy = "keep one row for each, add them up, or add a column that tells them apart, such as a shop"
    return [Violation(date, f"{len(more):,} dates twice or more: {listed}", remedy)]


def keys(table: Table, date: str, asked: Sequence[str]) -> Places:
    """What tells rows apart: the date, and the columns asked for or else the texts; shape (rows, 1 + columns)."""
    names = asked or [name for name, column in table.columns.items() if isinstance(column, Texts)]
    parts = [ranks(table.columns[name]) for name in names if name != date]
    return np.column_stack([ranks(table.columns[date]), *parts])


def ranks(column: Column) -> Places:
    """A number per different value; empty cells are one value."""
    values = column.codes if isinstance(column, Texts) else column.values
    return np.unique(values, return_inverse=True)[1].astype(np.int64).ravel()


def gaps(times: Times, date: str) -> list[Violation]:
    """A notice of days, weeks or months that a steady calendar lacks."""
    moments = np.unique(times).astype("datetime64[D]")
    missing = missing_months(moments) if monthly(moments) else missing_days(moments)
    if not missing:
        return []
    listed = ", ".join(str(each) for each in missing[1][:NAMED])
    more = ", ..." if len(missing[1]) > NAMED else ""
    remedy = "add them if they are known; they are neither invented nor counted as 0"
    return [Violation(date, f"{len(missing[1])} {missing[0]} are missing: {listed}{more}", remedy)]


def missing_days(moments: Times) -> tuple[str, Sequence[np.datetime64]] | tuple[()]:
    steps = np.diff(moments).astype(np.int64)
    steps = steps[steps > 0]
    if len(steps) < 2:
        return ()
    step = int(np.median(steps))
    if step not in STEPS or (steps == step).mean() < STEADY:
        return ()
    whole = np.arange(moments[0], moments[-1] + step, step)
    absent = np.setdiff1d(whole, moments)
    return (STEPS[step], list(absent)) if len(absent) else ()


def monthly(moments: Times) -> bool:
    """Whether every moment is on the same day of a month of its own."""
    months = moments.astype("datetime64[M]")
    days = (moments - months.astype("datetime64[D]")).astype(np.int64)
    return len(moments) > 2 and len(np.unique(months)) == len(moments) and len(np.unique(days)) == 1


def missing_months(moments: Times) -> tuple[str, Sequence[np.datetime64]] | tuple[()]:
    months = moments.astype("datetime64[M]")
    steps = [int((later - earlier).astype(int)) for earlier, later in pairwise(months)]
    if np.mean(np.array(steps) == 1) < STEADY:
        return ()
    absent = np.setdiff1d(np.arange(months[0], months[-1]), months)
    return ("months", list(absent)) if len(absent) else ()
