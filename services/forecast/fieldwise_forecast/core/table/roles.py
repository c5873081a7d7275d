"""Which column is the target and which the date, guessed from names and contents; knows no learner and no file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .table import Kind

# In the order of preference, as users write them.
TARGETS = (
    "sales",
    "销售额",
    "销量",
    "销售",
    "revenue",
    "amount",
    "quantity",
    "units",
    "demand",
    "target",
    "y",
)
DATES = ("date", "日期", "week", "day", "month", "time", "timestamp", "datetime", "ds")


def guessed_target(kinds: Mapping[str, Kind]) -> str:
    """The column of numbers whose name speaks of sales; else the last column of numbers; empty without one."""
    numbers = [name for name, kind in kinds.items() if kind is Kind.NUMBER]
    return named_like(numbers, TARGETS) or next(reversed(numbers), "")


def guessed_date(kinds: Mapping[str, Kind]) -> str:
    """The column of dates whose name speaks of time; else the first column of dates; empty without one."""
    dates = [name for name, kind in kinds.items() if kind is Kind.DATE]
    return named_like(dates, DATES) or next(iter(dates), "")


def named_like(names: Iterable[str], words: Iterable[str]) -> str:
    """The first name that is one of the words, then the first that contains one."""
    listed = list(names)
    same = [name for word in words for name in listed if name.lower() == word]
    within = [name for word in words for name in listed if len(word) > 1 and word in name.lower()]
    return next(iter([*same, *within]), "")
