"""Rows of a file to be foretold, as texts by column; knows no call."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from fieldwise_client.errors import InvalidRequest

# As many as one call takes.
BATCH = 10_000
DELIMITERS = ",;\t|"
ENCODINGS = ("utf-8-sig", "gb18030")


def batches(path: Path) -> Iterator[list[dict[str, str]]]:
    """The rows in the order of the file, up to 10,000 at a time.

    Raises:
        InvalidRequest: The file is empty, no text, or a row has more values than the header.
    """
    encoding = encoding_of(path)
    with path.open(encoding=encoding, newline="") as file:
        header = file.readline()
        if not header.strip():
            raise InvalidRequest.of(str(path), "no header", "begin the file with a line of column names")
        delimiter = max(DELIMITERS, key=header.count)
        names = [name.strip() for name in next(csv.reader(io.StringIO(header), delimiter=delimiter))]
        rows = (row for row in csv.reader(file, delimiter=delimiter) if row)
        numbered = enumerate(rows, start=1)
        while batch := [named(names, row, number, path) for number, row in islice(numbered, BATCH)]:
            yield batch


def named(names: Sequence[str], row: Sequence[str], number: int, path: Path) -> dict[str, str]:
    if len(row) > len(names):
        remedy = f"the header names {len(names)} columns: give as many values"
        raise InvalidRequest.of(f"{path}, row {number}", ",".join(row)[:60], remedy)
    return dict(zip(names, row, strict=False))


def encoding_of(path: Path) -> str:
    """UTF-8, with or without a byte order mark, or GB18030, tried on the whole file as the service does."""
    for encoding in ENCODINGS:
        try:
            with path.open(encoding=encoding, newline="") as file:
                while file.read(1 << 20):
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    raise InvalidRequest.of(str(path), "bytes that are no text", "save it as CSV in UTF-8")
