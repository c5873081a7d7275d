"""All rows of a file, piece by piece, read as its sample was read: cut at rows, parsed and encoded wherever they are needed; knows no learner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldwise_runtime.errors import FailedPrecondition
from fieldwise_runtime.worker_process import report

from .core.features import Floats, Singles
from .core.table.encoding import Encoding
from .core.table.table import Dates, Kind, Places, Table
from .table_cells import cleaned, column
from .table_reading import Limit
from .table_source import Block, RowFaults, Source

# What a piece has at most: bytes of the file, and rows x features once it is encoded.
PIECE = 8 << 20
PIECE_CELLS = 4_000_000
SHORTEST = 1 << 20
# A line that ends within a text in quotes is none; so many of them one after another are a file that is not understood.
MOST_TRIES = 200


@dataclass(frozen=True)
class Rows:
    """How the rows of a file are read, and which of them are learnt from.

    Attributes:
        kinds: Of the columns that are read: the features', the target, the date.
        first_test: Rows of this moment and later are not learnt from; None for a drawn split.
    """

    source: Source
    target: str
    date: str
    kinds: Mapping[str, Kind]
    formats: Mapping[str, str]
    limit: Limit | None
    encoding: Encoding
    first_test: np.datetime64 | None


@dataclass(frozen=True)
class Whole:
    """All rows of a file beside the test rows of its sample.

    Attributes:
        rows: So many the file has, without those that a limit leaves out.
        tests: Numbers of the test rows, in the order of the split.
        answers: Their targets.
    """

    how: Rows
    rows: int
    tests: Places
    answers: Floats


@dataclass(frozen=True)
class Piece:
    """Bytes of the file that begin and end with a row.

    Attributes:
        first: Number of its first row in the file.
        learnt: How many of its rows are learnt from.
        tests: Numbers of its test rows, ascending.
    """

    begin: int
    end: int
    first: int
    learnt: int
    tests: Places


def cut(whole: Whole, most_bytes: int | None = None) -> list[Piece]:
    """The pieces of a file; those without a row that is learnt from or tests are left out.

    Raises:
        FailedPrecondition: Reasons TABLE_NOT_CUT, rows cannot be told apart; TABLE_REPLACED.
    """
    how = whole.how
    size, faults = how.source.size, RowFaults(len(how.source.names))
    most = most_bytes or piece_bytes(size, whole.rows, len(how.encoding.features))
    tests = np.sort(whole.tests)
    names = [name for name in (how.target, how.date) if name]
    pieces, first, rows = [], 1, 0
    for begin, end in spans(how.source.path, most):
        block = piece_of(how, begin, end, names, first, faults)
        kept = limited(how, block)
        here = tests[np.searchsorted(tests, first) : np.searchsorted(tests, first + len(block.numbering))]
        learnt = int(learns(how, table_of(how, kept, names), here).sum())
        if learnt or len(here):
            pieces.append(Piece(begin, end, first, learnt, here))
        first += len(block.numbering)
        rows += len(kept.numbering)
        report(end / size)
    if faults.count or rows != whole.rows:
        raise uncut(f"{rows:,} rows were found where {whole.rows:,} are")
    return pieces


def learnt_rows(how: Rows, piece: Piece) -> tuple[Singles, Floats]:
    """Features and targets of the rows that are learnt from."""
    table = read(how, piece)
    return encoded(how, table.take(np.flatnonzero(learns(how, table, piece.tests))))


def asked_rows(how: Rows, piece: Piece) -> tuple[Singles, Floats]:
    """Features and targets of the test rows, by number."""
    table = read(how, piece)
    return encoded(how, table.take(np.flatnonzero(np.isin(table.numbering, piece.tests))))


def read(how: Rows, piece: Piece) -> Table:
    names = list(how.kinds)
    return table_of(how, limited(how, piece_of(how, piece.begin, piece.end, names, piece.first)), names)


def encoded(how: Rows, table: Table) -> tuple[Singles, Floats]:
    return how.encoding.encode(table).astype(np.float32), table.numbers(how.target)


def piece_of(
    how: Rows, begin: int, end: int, names: list[str], first: int, faults: RowFaults | None = None
) -> Block:
    try:
        return how.source.piece(begin, end, names, first, faults)
    except FileNotFoundError:
        message = (
            "the file is not here: it was replaced or deleted, or this worker does not share the folder of "
            "tables; train again, or let all workers reach it"
        )
        raise FailedPrecondition("TABLE_REPLACED", message) from None


def limited(how: Rows, block: Block) -> Block:
    return block if how.limit is None else how.limit.keeps(block)


def table_of(how: Rows, block: Block, names: list[str]) -> Table:
    columns = {
        name: column(cleaned(block.cells[name]), how.kinds[name], how.formats.get(name, ""))[0]
        for name in names
    }
    return Table(columns, block.numbering)


def learns(how: Rows, table: Table, tests: Places) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which rows are learnt from: those with a target, before the test or not drawn for it."""
    known = np.isfinite(table.numbers(how.target))
    if how.first_test is None:
        return known & ~np.isin(table.numbering, tests)
    dates = table.columns[how.date]
    assert isinstance(dates, Dates)
    return known & (dates.values < how.first_test)


# ---- where rows end -----------------------------------------------------------------------------------------------


def piece_bytes(size: int, rows: int, features: int) -> int:
    """So long that a piece stays small, also when it is encoded."""
    return max(SHORTEST, min(PIECE, PIECE_CELLS * size // (rows * max(1, features))))


def spans(path: Path, most: int) -> Iterator[tuple[int, int]]:
    """Begin and end of each piece. The first one has the header."""
    begin = 0
    with path.open("rb") as file:
        while raw := file.read(most):
            end = begin + (len(raw) if len(raw) < most else last_end(raw))
            if raw[: end - begin].strip():
                yield begin, end
            begin = end
            file.seek(begin)


def last_end(raw: bytes) -> int:
    """Where the last whole row ends: at a line's end with all quotes before it closed."""
    at = len(raw)
    for _ in range(MOST_TRIES):
        at = raw.rfind(b"\n", 0, at)
        if at < 0:
            break
        if raw.count(b'"', 0, at) % 2 == 0:
            return at + 1
    raise uncut("no end of a row was found")


def uncut(found: str) -> FailedPrecondition:
    message = (
        f"the file cannot be cut into pieces ({found}); write it anew, with quotes only around whole texts"
    )
    return FailedPrecondition("TABLE_NOT_CUT", message)
