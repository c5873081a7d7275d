"""A text file of rows, read block by block in bounded memory: its encoding, its header, its cells; knows no kind of column."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from fieldwise_runtime.errors import InvalidRequest, Violation

from .core.table.table import Places
from .table_cells import numbers

BLOCK = 4 << 20
SNIFFED = 1 << 20
DELIMITERS = ",;\t|"
MOST_COLUMNS = 4096
NAMED = 5

Told = Callable[[float], None]


@dataclass(frozen=True)
class Source:
    """A file that was looked at and can be read.

    Attributes:
        encoding: ``utf-8``, ``utf-8-sig`` (with a byte order mark) or ``gb18030``.
    """

    path: Path
    encoding: str
    delimiter: str
    names: tuple[str, ...]
    size: int

    def blocks(self, columns: Sequence[str], told: Told, faults: RowFaults | None = None) -> Iterator[Block]:
        """The columns as texts, block by block in the order of the file."""
        broken = faults or RowFaults(len(self.names))
        first = 1
        with pa.OSFile(str(self.path)) as file, self._reader(file, columns, broken, BLOCK, 1) as reader:
            for batch in reader:
                numbering = np.arange(first, first + batch.num_rows, dtype=np.int64)
                first += batch.num_rows
                told(file.tell() / self.size)
                yield Block(numbering, batch)

    def piece(
        self, begin: int, end: int, columns: Sequence[str], first: int, faults: RowFaults | None = None
    ) -> Block:
        """The rows of some bytes, which begin and end with a row; ``first`` is the number of the first one."""
        broken = faults or RowFaults(len(self.names))
        with self.path.open("rb") as opened_file:
            opened_file.seek(begin)
            raw = opened_file.read(end - begin)
        # Twice: texts in GB18030 are longer in UTF-8.
        whole = 2 * len(raw) + 1
        header = 1 if begin == 0 else 0
        with pa.BufferReader(raw) as file, self._reader(file, columns, broken, whole, header) as reader:
            found = reader.read_all().combine_chunks()
        numbering = np.arange(first, first + found.num_rows, dtype=np.int64)
        return Block(numbering, found.to_batches()[0])

    def _reader(
        self, file: Any, columns: Sequence[str], broken: RowFaults, block_size: int, header: int
    ) -> Any:
        reading = pacsv.ReadOptions(
            use_threads=False,
            block_size=block_size,
            skip_rows=header,
            column_names=list(self.names),
            encoding="utf-8" if self.encoding.startswith("utf-8") else self.encoding,
        )
        parsing = pacsv.ParseOptions(
            delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=broken.met
        )
        converting = pacsv.ConvertOptions(
            column_types=dict.fromkeys(self.names, pa.string()),
            include_columns=list(columns),
            strings_can_be_null=False,
            check_utf8=False,
        )
        return pacsv.open_csv(file, read_options=reading, parse_options=parsing, convert_options=converting)


@dataclass(frozen=True)
class Block:
    """Some rows one after another: their numbers in the file, and their columns as texts."""

    numbering: Places
    cells: Any


@dataclass
class RowFaults:
    """Rows that do not have as many values as the header has names."""

    expected: int
    count: int = 0
    named: list[str] = field(default_factory=list)

    def met(self, row: Any) -> str:
        self.count += 1
        if len(self.named) < NAMED:
            self.named.append(f"{row.actual_columns} values in {row.text[:40]!r}")
        return "skip"

    def violations(self) -> list[Violation]:
        if not self.count:
            return []
        found = f"{self.count:,} rows: {'; '.join(self.named)}"
        return [
            Violation(
                "file", found, f"the header names {self.expected} columns: give each row as many values"
            )
        ]


def opened(path: Path) -> Source:
    """Look at a file: which encoding, what separates the values, which columns.

    Raises:
        InvalidRequest: It is empty, no text, or its header cannot be used; every fault at once.
    """
    size = path.stat().st_size
    if not size:
        raise InvalidRequest([Violation("file", "0 bytes", "send a file with a header and rows")])
    encoding = encoding_of(path)
    header = first_line(path, encoding)
    delimiter = max(DELIMITERS, key=header.count)
    names = names_in(header, delimiter)
    faults = header_faults(names)
    if faults:
        raise InvalidRequest(faults)
    return Source(path, encoding, delimiter, names, size)


def encoding_of(path: Path) -> str:
    """Tried on the whole file: UTF-8 with or without a byte order mark, then GB18030 (which holds GBK and GB2312)."""
    with path.open("rb") as file:
        head = file.read(4096)
    if b"\0" in head or head.startswith((b"PK\x03\x04", b"\xff\xfe", b"\xfe\xff")):
        remedy = "save it as CSV in UTF-8 (or GB18030); spreadsheets and UTF-16 are not read"
        raise InvalidRequest([Violation("file", f"bytes {head[:4].hex(' ')} at its begin", remedy)])
    if undecodable(path, "utf-8") is None:
        return "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
    at = undecodable(path, "gb18030")
    if at is None:
        return "gb18030"
    found = f"bytes from {at:,} on are neither UTF-8 nor GB18030"
    raise InvalidRequest([Violation("file", found, "save it as CSV in UTF-8")])


def undecodable(path: Path, encoding: str) -> int | None:
    """Where, to a mebibyte, the first text is that the encoding cannot read; None when it reads all."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        while True:
            at = file.tell()
            piece = file.read(SNIFFED)
            try:
                decoder.decode(piece, final=not piece)
            except UnicodeDecodeError:
                return at
            if not piece:
                return None


def first_line(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, newline=None) as file:
        return file.readline(SNIFFED).rstrip("\n")


def names_in(header: str, delimiter: str) -> tuple[str, ...]:
    """Raises InvalidRequest for a name that is far too long to be one: the file has no lines, or no header."""
    try:
        found = next(csv.reader(io.StringIO(header), delimiter=delimiter), [])
    except csv.Error as fault:
        shown = f"{header[:40]}... ({fault})"
        remedy = "begin the file with a line of column names"
        raise InvalidRequest([Violation.of("header", shown, remedy)]) from fault
    return tuple(name.strip() for name in found)


def header_faults(names: Sequence[str]) -> list[Violation]:
    faults = []
    if len(names) < 2:
        remedy = "give at least a target and one other column, separated by comma, semicolon, tab or |"
        faults.append(Violation("header", f"{len(names)} columns", remedy))
    if len(names) > MOST_COLUMNS:
        faults.append(Violation("header", f"{len(names):,} columns", f"give at most {MOST_COLUMNS:,}"))
    faults += [
        Violation("header", f"column {i + 1} without a name", "name it")
        for i, name in enumerate(names)
        if not name
    ]
    again = sorted({name for name in names if name and names.count(name) > 1})
    faults += [Violation.of("header", name, "it names two columns: rename one") for name in again]
    # A header of numbers is a row: the names are missing.
    if names and not any(numbers(pa.array(names, pa.string()))[1]):
        faults.append(Violation.of("header", ", ".join(names), "begin the file with a line of column names"))
    return faults
