"""Whom to turn to: candidates and minutes from the planner's CSV files, the ranked lists as one. Knows no channel."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from fieldwise.allocation.v1.visit_service_pb2 import (
    OutreachCandidate,
    OutreachCapacity,
    OutreachDay,
    RankOutreachResponse,
)
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_client.names import resource
from fieldwise_client.plan.table import FilesAreWrong, read_table
from fieldwise_client.plan.visit_files import Cells, date_message

CANDIDATE_COLUMNS = ("customer", "value", "minutes", "rep")
MINUTE_COLUMNS = ("rep", "date", "minutes")
_LIST = ("rep", "date", "rank", "customer", "value", "surplus", "minutes")
_DAY_MINUTES = 1440.0


def read_outreach(
    candidates: Path, minutes: Path, currency: str
) -> tuple[list[OutreachCandidate], list[OutreachCapacity]]:
    """Read both files.

    Raises:
        FilesAreWrong: With every fault of both.
    """
    offered, worked = read_table(candidates, CANDIDATE_COLUMNS), read_table(minutes, MINUTE_COLUMNS)
    faults = [*offered.faults, *worked.faults]
    if any(fault.line <= 1 for fault in faults):
        raise FilesAreWrong(faults)
    read = [_candidate(Cells(offered, row, faults), currency) for row in offered.rows]
    rooms = [_capacity(Cells(worked, row, faults)) for row in worked.rows]
    if faults:
        raise FilesAreWrong(sorted(faults, key=lambda fault: (fault.file, fault.line)))
    return read, rooms


def write_outreach(answer: RankOutreachResponse, file: Path) -> None:
    """Write the lists, most urgent first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8-sig") as out:
        lines = csv.writer(out)
        lines.writerow(_LIST)
        lines.writerows(line for day in answer.days for line in _lines(day))


def headline(answer: RankOutreachResponse, candidates: int) -> str:
    """The lists in one line for people."""
    listed = sum(len(day.entries) for day in answer.days)
    return (
        f"{listed:,} of {candidates:,} on {len(answer.days)} lists; worth {answer.value.micros / 1e6:,.0f} of at most "
        f"{answer.value_bound.micros / 1e6:,.0f} {answer.value.currency_code}"
    )


def minute_prices(answer: RankOutreachResponse) -> Iterable[str]:
    """What one more minute of each rep would bring."""
    for rep, micros in {day.rep: day.minute_price.micros for day in answer.days}.items():
        yield f"{rep:<24.24}{micros / 1e6:>12,.2f}"


def _candidate(cells: Cells, currency: str) -> OutreachCandidate:
    return OutreachCandidate(
        customer=resource("customers", cells.text("customer")),
        value=Money(currency_code=currency, micros=round(cells.number("value", -1e12, 1e12) * 1_000_000)),
        minutes=cells.number("minutes", 0.01, _DAY_MINUTES),
        rep=resource("reps", cells.text("rep")),
    )


def _capacity(cells: Cells) -> OutreachCapacity:
    day = cells.day("date")
    return OutreachCapacity(
        rep=resource("reps", cells.text("rep")),
        date=date_message(day) if day else None,
        minutes=cells.number("minutes", 0, _DAY_MINUTES),
    )


def _lines(day: OutreachDay) -> Iterable[Sequence[object]]:
    date = f"{day.date.year:04}-{day.date.month:02}-{day.date.day:02}"
    for each in day.entries:
        value, surplus = each.value.micros / 1e6, each.surplus.micros / 1e6
        yield day.rep, date, each.rank, each.customer, value, surplus, each.minutes
