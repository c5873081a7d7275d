"""Accounts, reps and incumbents from the planner's files, every fault of all files at once. Knows no wire."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from fieldwise_client.plan.features import SUFFIXES, read_features
from fieldwise_client.plan.table import Fault, FilesAreWrong, Row, Table, read_table

T = TypeVar("T")

_YES = frozenset({"1", "true", "yes", "y", "x", "是"})
_NO = frozenset({"", "0", "false", "no", "n", "否"})
_MOST_HOURS = 80.0
_MOST_VISITS = 100.0
_MORE_OF_ACCOUNTS = ("lat", "lon", "needs_skills", "locked", "visit_hours", "visits_per_week", "area")


@dataclass(frozen=True)
class Place:
    """A point on the earth, in degrees."""

    lat: float
    lon: float


@dataclass(frozen=True)
class Account:
    """One line of accounts.csv; ``value`` in whole currency units."""

    name: str
    place: Place | None
    workload_hours: float
    value: float
    needs_skills: tuple[str, ...]
    locked: bool
    incumbent: str = ""
    visit_hours: float = 0.0
    visits_per_week: float = 0.0
    area: str = ""

    @property
    def hours(self) -> float:
        """Hours a week at the account, visits included and the way to them left out."""
        return self.workload_hours + self.visits_per_week * self.visit_hours


@dataclass(frozen=True)
class Rep:
    """One line of reps.csv; ``share`` is that of full time, 0 means all of it."""

    name: str
    home: Place | None
    hours_per_week: float
    skills: tuple[str, ...]
    share: float = 0.0


@dataclass(frozen=True)
class Question:
    """What a planner brings: accounts with their incumbents, and reps.

    Without a file of incumbents nobody can stay with his rep: locks are left aside, and counted.
    """

    accounts: tuple[Account, ...]
    reps: tuple[Rep, ...]
    locks_left_aside: int = 0


def read_question(accounts: Path, reps: Path, incumbent: Path | None = None) -> Question:
    """Read the files.

    Raises:
        FilesAreWrong: With every fault of all files.
    """
    account_table = _table(accounts, ("name", "workload_hours", "value"), _MORE_OF_ACCOUNTS)
    rep_table = _table(reps, ("name", "hours_per_week"), ("lat", "lon", "skills", "share"))
    now_table = _table(incumbent, ("account", "rep")) if incumbent else Table("", (), (), ())
    faults: list[Fault] = []
    found_reps = _each(rep_table, _rep, faults)
    found_accounts = _each(account_table, _account, faults)
    known_reps = {rep.name for rep in found_reps}
    faults += _unknown(now_table, "rep", known_reps, rep_table.file)
    faults += _unknown(now_table, "account", {each.name for each in found_accounts}, account_table.file)
    faults += _doubled(now_table, "account")
    now = {row["account"]: row["rep"] for row in now_table.rows}
    if incumbent:
        faults += _locked_without_incumbent(account_table, now)
    if any(account.place for account in found_accounts):
        faults += _homeless(rep_table)
    if faults:
        raise FilesAreWrong(sorted(faults, key=lambda fault: (fault.file, fault.line)))
    return Question(
        accounts=tuple(
            replace(each, incumbent=now.get(each.name, ""), locked=each.locked and each.name in now)
            for each in found_accounts
        ),
        reps=tuple(found_reps),
        locks_left_aside=sum(1 for each in found_accounts if each.locked and each.name not in now),
    )


def read_practice(file: Path) -> dict[str, str]:
    """Who had what before: accounts and their reps, an empty rep for nobody.

    Raises:
        FilesAreWrong: With every fault of the file.
    """
    table = _table(file, ("account", "rep"))
    faults = [*table.faults, *_doubled(table, "account")]
    if faults:
        raise FilesAreWrong(faults)
    return {row["account"]: row["rep"] for row in table.rows}


def _table(file: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Table:
    """A CSV file, or a GeoJSON file by its suffix."""
    if file.suffix.lower() in SUFFIXES:
        return read_features(file, required, optional)
    return read_table(file, required, optional)


def _each(table: Table, read: Callable[[Table, Row, list[Fault]], T], faults: list[Fault]) -> list[T]:
    faults += table.faults
    faults += _doubled(table, "name")
    # Without its columns every line would be wrong for the same reason.
    return (
        []
        if any(fault.line <= 1 for fault in table.faults)
        else [read(table, row, faults) for row in table.rows]
    )


def _account(table: Table, row: Row, faults: list[Fault]) -> Account:
    return Account(
        name=_name(table, row, faults),
        place=_place(table, row, faults),
        workload_hours=_number(table, row, "workload_hours", 0.0, _MOST_HOURS, faults),
        value=_number(table, row, "value", 0.0, 1e12, faults),
        needs_skills=_skills(row["needs_skills"]),
        locked=_yes_or_no(table, row, "locked", faults),
        visit_hours=_number_or_none(table, row, "visit_hours", _MOST_HOURS, faults),
        visits_per_week=_number_or_none(table, row, "visits_per_week", _MOST_VISITS, faults),
        area=row["area"],
    )


def _rep(table: Table, row: Row, faults: list[Fault]) -> Rep:
    before = len(faults)
    hours = _number(table, row, "hours_per_week", 0.0, _MOST_HOURS, faults)
    if hours == 0 and len(faults) == before:
        faults.append(table.fault(row, "hours_per_week", "give more than 0, or remove the rep"))
    share = _number_or_none(table, row, "share", 1.0, faults)
    return Rep(_name(table, row, faults), _place(table, row, faults), hours, _skills(row["skills"]), share)


def _name(table: Table, row: Row, faults: list[Fault]) -> str:
    if not 1 <= len(row["name"]) <= 128:
        faults.append(table.fault(row, "name", "give 1 to 128 characters"))
    return row["name"]


def _place(table: Table, row: Row, faults: list[Fault]) -> Place | None:
    if not row["lat"] and not row["lon"]:
        return None
    return Place(_number(table, row, "lat", -90, 90, faults), _number(table, row, "lon", -180, 180, faults))


def _number(table: Table, row: Row, column: str, low: float, high: float, faults: list[Fault]) -> float:
    """The number in a cell; 0 and a fault when there is none within the limits."""
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        faults.append(table.fault(row, column, f"give a number from {low:g} to {high:g}"))
        return 0.0
    return value


def _number_or_none(table: Table, row: Row, column: str, high: float, faults: list[Fault]) -> float:
    """The number in a cell, 0 for an empty one."""
    return _number(table, row, column, 0.0, high, faults) if row[column] else 0.0


def _yes_or_no(table: Table, row: Row, column: str, faults: list[Fault]) -> bool:
    word = row[column].lower()
    if word not in _YES | _NO:
        faults.append(table.fault(row, column, "give yes or no"))
    return word in _YES


def _skills(cell: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(skill.strip() for skill in cell.split(";") if skill.strip()))


def _doubled(table: Table, column: str) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for row in table.rows:
        name = row[column]
        if name and first.setdefault(name, row.line) != row.line:
            yield table.fault(row, column, f"it stands in line {first[name]} already; remove one")


def _unknown(table: Table, column: str, known: set[str], where: str) -> Iterator[Fault]:
    if column in table.columns and known:
        for row in table.rows:
            if row[column] not in known:
                yield table.fault(row, column, f"it is not in {where}; add it there or remove this line")


def _locked_without_incumbent(table: Table, now: Mapping[str, str]) -> Iterator[Fault]:
    for row in table.rows:
        if row["locked"].lower() in _YES and row["name"] not in now:
            yield table.fault(row, "locked", "name its rep in the file given with --incumbent, or unlock it")


def _homeless(table: Table) -> Iterator[Fault]:
    for row in table.rows:
        if not row["lat"] and not row["lon"]:
            yield table.fault(row, "lat", "give the rep's home (lat and lon); the accounts have places")
