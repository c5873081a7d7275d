"""Series on one calendar, as arrays, with what is known in advance; knows no forecaster."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

import numpy as np

from ..features import Floats


class Frequency(StrEnum):
    """How far apart two periods are."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"

    @property
    def season(self) -> int:
        """Periods after which the calendar repeats itself."""
        return {"day": 7, "week": 52, "month": 12, "quarter": 4}[self.value]


@dataclass(frozen=True)
class Known:
    """Inputs known in advance: promotion plan, price, holidays.

    Attributes:
        names: One per input.
        values: Shape (n_series, n_periods + periods ahead, n_inputs); NaN where an input is unknown.
    """

    names: tuple[str, ...] = ()
    values: Floats = field(default_factory=lambda: np.empty((0, 0, 0)))

    def __bool__(self) -> bool:
        return bool(self.names)


@dataclass(frozen=True)
class Panel:
    """Series that end together: the last column is the last period known.

    Attributes:
        keys: The values of the dimensions, such as (department, category), one tuple per series.
        start: Begin of the period of column 0, UTC.
        values: Shape (n_series, n_periods); NaN before a series begins and where a period is missing.
        known: Inputs known in advance; empty for none.
    """

    keys: tuple[tuple[str, ...], ...]
    start: datetime
    frequency: Frequency
    values: Floats
    known: Known = Known()

    @property
    def size(self) -> int:
        """How many series."""
        return int(self.values.shape[0])

    @property
    def length(self) -> int:
        """How many periods."""
        return int(self.values.shape[1])

    def until(self, length: int) -> Panel:
        """The panel as it was known after ``length`` periods; inputs known in advance stay."""
        return replace(self, values=self.values[:, :length])
