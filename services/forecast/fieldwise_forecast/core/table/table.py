"""A table in memory, a typed array per column; knows no file and no learner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..features import Floats

Times: TypeAlias = NDArray[np.datetime64]
Codes: TypeAlias = NDArray[np.int32]
Places: TypeAlias = NDArray[np.int64]


class Kind(StrEnum):
    """What a column holds."""

    NUMBER = "number"
    TEXT = "text"
    DATE = "date"


@dataclass(frozen=True)
class Numbers:
    """Numbers; NaN where the cell is empty."""

    values: Floats

    def take(self, rows: Places) -> Numbers:
        return Numbers(self.values[rows])

    @property
    def missing(self) -> NDArray[np.bool_]:
        return np.isnan(self.values)


@dataclass(frozen=True)
class Texts:
    """Texts as places in ``levels``; -1 where the cell is empty."""

    codes: Codes
    levels: tuple[str, ...]

    def take(self, rows: Places) -> Texts:
        return replace(self, codes=self.codes[rows])

    @property
    def missing(self) -> NDArray[np.bool_]:
        return np.asarray(self.codes < 0)

    def counts(self) -> NDArray[np.int64]:
        """How often each level occurs."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.levels)).astype(np.int64)


@dataclass(frozen=True)
class Dates:
    """Moments to the second, as they stand in the file; NaT where the cell is empty."""

    values: Times

    def take(self, rows: Places) -> Dates:
        return Dates(self.values[rows])

    @property
    def missing(self) -> NDArray[np.bool_]:
        return np.isnat(self.values)


Column: TypeAlias = Numbers | Texts | Dates


@dataclass(frozen=True)
class Table:
    """Columns of one length.

    Attributes:
        columns: By name, in the order of the file.
        numbering: Number of each row in the file, the first after the header being 1; for messages.
    """

    columns: Mapping[str, Column]
    numbering: Places

    @property
    def rows(self) -> int:
        return len(self.numbering)

    def take(self, rows: Places) -> Table:
        """The named rows, in that order."""
        columns = {name: column.take(rows) for name, column in self.columns.items()}
        return Table(columns, self.numbering[rows])

    def without(self, *names: str) -> Table:
        return replace(self, columns={name: c for name, c in self.columns.items() if name not in names})

    def numbers(self, name: str) -> Floats:
        column = self.columns[name]
        assert isinstance(column, Numbers), name
        return column.values

    def dates(self, name: str) -> Times:
        column = self.columns[name]
        assert isinstance(column, Dates), name
        return column.values
