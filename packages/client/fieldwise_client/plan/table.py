"""CSV files as planners have them: any usual encoding, every fault with its line. Knows no column by name."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """Something wrong in a file: where, what was got, what to do."""

    file: str
    line: int
    column: str
    value: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file} line {self.line}, {self.column}: got {self.value!r}; {self.remedy}"


class FilesAreWrong(Exception):
    """Every fault of all files; one per line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Row:
    """One line: its number in the file, and its cells by column, stripped."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass(frozen=True)
class Table:
    """A read file. ``faults`` holds what is wrong with its form; its rows may still be looked at."""

    file: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]

    def fault(self, row: Row, column: str, remedy: str) -> Fault:
        """A fault of one cell."""
        return Fault(self.file, row.line, column, row[column], remedy)


def read_table(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Table:
    """Read a CSV file with a header.

    A missing, unknown or doubled column, a line with too many cells and an empty file are faults, not exceptions.
    """
    try:
        text = decoded(path.read_bytes())
    except OSError as error:
        return Table(
            path.name,
            (),
            (),
            (Fault(path.name, 0, "file", str(path), f"{error.strerror}; give a file that can be read"),),
        )
    lines = list(_lines(text))
    if not lines:
        remedy = f"give a header ({','.join(required)}) and at least one line"
        return Table(path.name, (), (), (Fault(path.name, 1, "header", "", remedy),))
    columns = tuple(cell.strip().lower() for cell in lines[0][1])
    faults = [*_header_faults(path.name, columns, required, optional)]
    rows = [Row(number, dict(zip(columns, cells, strict=False))) for number, cells in lines[1:]]
    faults += [
        Fault(path.name, number, "line", ",".join(cells), f"give {len(columns)} cells, as in the header")
        for number, cells in lines[1:]
        if len(cells) > len(columns)
    ]
    faults += _empty_faults(path.name, rows)
    return Table(path.name, columns, tuple(rows), tuple(faults))


def form_faults(
    file: str, columns: Sequence[str], rows: Sequence[Row], required: Sequence[str], optional: Sequence[str]
) -> list[Fault]:
    """What is wrong with the form of a table from another kind of file: columns and rows that are missing."""
    return [*_header_faults(file, columns, required, optional), *_empty_faults(file, rows)]


def _empty_faults(file: str, rows: Sequence[Row]) -> list[Fault]:
    return [] if rows else [Fault(file, 2, "line", "", "give at least one line below the header")]


def decoded(raw: bytes) -> str:
    """The text of a file: UTF-8 with or without byte order mark, UTF-16 with one, else GB18030 (Chinese Excel)."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Cells of each line that has any, with the number of the line they begin in."""
    # Spreadsheets in half of Europe and tab-separated exports: the header tells which sign separates.
    header = text.partition("\n")[0]
    separator = max(",", "\t", ";", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    begin = 1
    for cells in reader:
        stripped = [cell.strip() for cell in cells]
        if any(stripped):
            yield begin, stripped
        begin = reader.line_num + 1


def _header_faults(
    file: str, columns: Sequence[str], required: Sequence[str], optional: Sequence[str]
) -> Iterator[Fault]:
    header = ",".join(columns)
    for missing in required:
        if missing not in columns:
            yield Fault(file, 1, missing, header, f"add the column {missing}")
    for column in dict.fromkeys(columns):
        if columns.count(column) > 1:
            yield Fault(file, 1, column, header, "name each column once")
        elif column not in (*required, *optional):
            known = ", ".join((*required, *optional))
            yield Fault(file, 1, column, header, f"remove or rename it; known columns are {known}")
