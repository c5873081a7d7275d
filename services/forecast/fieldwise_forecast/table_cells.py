"""Cells of a text file turned into numbers, dates and texts; knows no file and no learner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .core.features import Floats
from .core.table.table import Codes, Column, Dates, Kind, Numbers, Texts, Times

EMPTY = ("", "na", "n/a", "nan", "null", "none", "-", "?", "缺失", "空")
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity)$"
WITH_COMMAS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"
# Of two that fit all cells the earlier counts; months before days, where nothing tells them apart.
FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y年%m月%d日",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M",
    "%Y-%m",
    "%Y/%m",
    "%Y年%m月",
    "%Y%m%d",
    "%d %b %Y",
    "%b %d, %Y",
)
DIGITS_ONLY = "%Y%m%d"
# Learners reckon with numbers of 32 bits, which end at 3.4e38.
LARGEST = 1e30
FIRST_YEAR, LAST_YEAR = np.datetime64("1900-01-01", "s"), np.datetime64("2200-01-01", "s")

# pyarrow comes without types.
Cells = Any


def cleaned(cells: Cells) -> Cells:
    """Without blanks around; null where a cell says that it is empty."""
    trimmed = pc.utf8_trim_whitespace(cells)
    empty = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(EMPTY, pa.string()))
    return pc.if_else(empty, pa.scalar(None, pa.string()), trimmed)


def too_large(values: Floats) -> NDArray[np.bool_]:
    """Which numbers are infinite, or so large that no learner can use them."""
    return np.asarray(np.abs(values) > LARGEST)


def numbers(cells: Cells) -> tuple[Floats, NDArray[np.bool_]]:
    """Numbers of cleaned cells, NaN where there is none; and which cells hold something else."""
    try:
        return as_floats(pc.cast(cells, pa.float64())), np.zeros(len(cells), dtype=np.bool_)
    except pa.ArrowInvalid:
        pass
    commas = pc.fill_null(pc.match_substring_regex(cells, WITH_COMMAS), False)
    plain = pc.utf8_ltrim(pc.if_else(commas, pc.replace_substring(cells, ",", ""), cells), "+")
    right = pc.fill_null(pc.match_substring_regex(plain, NUMBER), False)
    found = pc.cast(pc.if_else(right, plain, pa.scalar(None, pa.string())), pa.float64())
    return as_floats(found), as_mask(pc.and_(pc.is_valid(cells), pc.invert(right)))


def dates(cells: Cells, form: str) -> tuple[Times, NDArray[np.bool_]]:
    """Moments of cleaned cells, NaT where there is none; and which cells hold something else."""
    known = pc.dictionary_encode(cells)
    found = pc.strptime(known.dictionary, format=form, unit="s", error_is_null=True)
    levels = np.asarray(found.to_numpy(zero_copy_only=False)).astype("datetime64[s]")
    levels = np.where((levels >= FIRST_YEAR) & (levels < LAST_YEAR), levels, np.datetime64("NaT", "s"))
    codes = codes_in(known.indices)
    times = np.append(levels, np.datetime64("NaT", "s"))[codes]
    return times, np.isnat(times) & (codes >= 0)


def texts(cells: Cells, levels: Sequence[str]) -> Codes:
    """Places of cleaned cells in the levels; -1 where a cell is empty or holds another text."""
    return codes_in(pc.index_in(cells, value_set=pa.array(levels, pa.string())))


def column(cells: Cells, kind: Kind, form: str) -> tuple[Column, NDArray[np.bool_]]:
    """A whole column, and which of its cells hold something of another kind."""
    if kind is Kind.NUMBER:
        values, wrong = numbers(cells)
        return Numbers(values), wrong
    if kind is Kind.DATE:
        times, wrong = dates(cells, form)
        return Dates(times), wrong
    levels = [str(level) for level in pc.unique(cells).to_pylist() if level is not None]
    return Texts(texts(cells, levels), tuple(levels)), np.zeros(len(cells), dtype=np.bool_)


def as_floats(found: Cells) -> Floats:
    return np.array(found.to_numpy(zero_copy_only=False), dtype=np.float64)


def as_mask(found: Cells) -> NDArray[np.bool_]:
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)


def codes_in(indices: Cells) -> Codes:
    return np.asarray(pc.fill_null(indices, -1).to_numpy(zero_copy_only=False), dtype=np.int32)
