"""What the process that prices a market does: columns from memory or from files, prices out. Knows no wire and no database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.prices.columns import Columns
from fieldwise_allocation.core.prices.market import Floats
from fieldwise_allocation.core.prices.outcome import Clearing


def priced(columns: Columns, capacity: Floats) -> Clearing:
    """Prices, without the choice itself: nobody asks for it, and of a million customers it is long."""
    # Imported here: the serving process imports this module, and solves nothing.
    from fieldwise_allocation.core.prices.clearing import clear

    return replace(clear(columns.market(capacity)), chosen=np.empty(0, dtype=np.int64))


def priced_from(folder: Path, capacity: Floats) -> Clearing:
    """The same for a market that is too large to be sent along."""
    return priced(columns_in(folder), capacity)


_KINDS = {
    "customer": np.uint64,
    "candidates": np.int32,
    "value": np.float64,
    "assumed": np.bool_,
    "uses": np.int32,
    "resource": np.int32,
    "amount": np.float64,
}


def columns_in(folder: Path) -> Columns:
    """What was appended to the files of the folder, one a column."""
    return Columns(**{name: _column(folder / name, kind) for name, kind in _KINDS.items()})


def _column(file: Path, kind: type[np.generic]) -> npt.NDArray[Any]:
    return np.fromfile(file, dtype=kind) if file.exists() else np.empty(0, dtype=kind)
