"""Rows of a file of series, as observations and inputs; knows no call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from fieldwise.forecast.v1 import series_service_pb2 as series
from fieldwise_client.errors import InvalidRequest
from fieldwise_client.series_requests import Known, Observed
from fieldwise_client.table_rows import batches

DATES = ("period", "date", "week", "day", "month", "quarter")
FIRST_ROW = 2


@dataclass(frozen=True)
class Columns:
    """Which column holds what: the levels by their names, the begin of the period, the value, the inputs."""

    levels: tuple[str, ...]
    date: str
    value: str
    inputs: tuple[str, ...]

    @classmethod
    def of(cls, header: Iterable[str], series_set: series.SeriesSet, file: Path) -> Columns:
        """The columns of a file with this header.

        Raises:
            InvalidRequest: A level, the date or every value is missing.
        """
        names = list(header)
        levels = tuple(level for dimension in series_set.dimensions for level in dimension.levels)
        dates = [name for name in DATES if name in names]
        values = [name for name in ("value", series_set.measure) if name in names]
        inputs = tuple(name for name in series_set.inputs if name in names)
        missing = [level for level in levels if level not in names and not inputs]
        if not dates:
            missing.append(f"one of {', '.join(DATES)}")
        if not values and not inputs:
            missing.append(f"value or {series_set.measure}")
        if missing:
            remedy = f"name the columns of {series_set.name}: {'; '.join(missing)} is missing"
            raise InvalidRequest.of(str(file), ",".join(names)[:60], remedy)
        return cls(levels, dates[0], (values or [""])[0], inputs)


def parts(
    file: Path, series_set: series.SeriesSet, align: bool
) -> Iterator[tuple[list[Observed], list[Known]]]:
    """Observations and inputs of up to 10,000 rows at a time.

    Args:
        align: Take a date for the period in which it lies; otherwise it goes out as it is written.

    Raises:
        InvalidRequest: A row that cannot be read, with its number in the file.
    """
    columns: Columns | None = None
    number = FIRST_ROW
    for batch in batches(file):
        columns = columns or Columns.of(batch[0], series_set, file)
        rows = [(number + i, row) for i, row in enumerate(batch)]
        number += len(batch)
        frequency = series_set.frequency if align else series.SERIES_FREQUENCY_UNSPECIFIED
        yield observed(rows, columns, file, frequency), known(rows, columns, file, frequency)


def observed(
    rows: Iterable[tuple[int, Mapping[str, str]]], columns: Columns, file: Path, frequency: int
) -> list[Observed]:
    """Rows with a value."""
    return [
        (
            keys_of(row, columns),
            moment(row, columns, file, number, frequency),
            value_of(row[columns.value], columns.value, file, number),
        )
        for number, row in rows
        if columns.value and row.get(columns.value, "").strip()
    ]


def known(
    rows: Iterable[tuple[int, Mapping[str, str]]], columns: Columns, file: Path, frequency: int
) -> list[Known]:
    """Inputs of rows that have some; a row without keys is of every series."""
    found = []
    for number, row in rows:
        keys = keys_of(row, columns)
        for name in columns.inputs:
            if row.get(name, "").strip():
                period = moment(row, columns, file, number, frequency)
                value = value_of(row[name], name, file, number)
                found.append((name, keys if any(keys) else (), period, value))
    return found


def keys_of(row: Mapping[str, str], columns: Columns) -> Sequence[str]:
    return tuple(row.get(level, "").strip() for level in columns.levels)


def value_of(text: str, column: str, file: Path, number: int) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidRequest.of(
            f"{file}, row {number}, {column}", text, "give a number, such as 12.5"
        ) from None


def moment(row: Mapping[str, str], columns: Columns, file: Path, number: int, frequency: int) -> datetime:
    text = row.get(columns.date, "").strip()
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        remedy = "give a date such as 2024-01-31"
        raise InvalidRequest.of(f"{file}, row {number}, {columns.date}", text, remedy) from None
    begin = aligned(day, frequency)
    return datetime(begin.year, begin.month, begin.day, tzinfo=UTC)


def aligned(day: date, frequency: int) -> date:
    """The begin of the period in which a day lies."""
    if frequency == series.SERIES_FREQUENCY_WEEK:
        return day - timedelta(days=day.weekday())
    if frequency == series.SERIES_FREQUENCY_MONTH:
        return day.replace(day=1)
    if frequency == series.SERIES_FREQUENCY_QUARTER:
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day
