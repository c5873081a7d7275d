"""Rows that a caller asks about, as the table that a model reads; knows no wire."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from fieldwise_runtime.errors import InvalidRequest, Violation

from .core.table.model_file import TableModel
from .core.table.table import Column, Numbers, Table
from .table_cells import cleaned, column, too_large


def table_of(model: TableModel, rows: Sequence[dict[str, str]]) -> Table:
    """The columns of a model; a cell that is not given is empty, a column that the model does not read is passed over.

    Raises:
        InvalidRequest: A cell is not of its column's kind, or a row has no column of the model's; every one.
    """
    columns: dict[str, Column] = {}
    faults = strangers(model, rows)
    for name, kind in model.kinds.items():
        cells = cleaned(pa.array([row.get(name, "") for row in rows], pa.string()))
        found, wrong = column(cells, kind, model.formats.get(name, ""))
        if isinstance(found, Numbers):
            wrong = wrong | too_large(found.values)
        columns[name] = found
        remedy = f"give a {kind} as in the file, or nothing"
        faults += [
            Violation.of(f"rows[{row}].values[{name!r}]", cells[row].as_py(), remedy)
            for row in np.flatnonzero(wrong)
        ]
    if faults:
        raise InvalidRequest(faults)
    return Table(columns, np.arange(1, len(rows) + 1, dtype=np.int64))


def strangers(model: TableModel, rows: Sequence[dict[str, str]]) -> list[Violation]:
    """Rows of which the model would know nothing at all, such as those of another file or with other names of columns."""
    remedy = f"give at least one of the columns {', '.join(model.kinds)}"
    return [
        Violation.of(f"rows[{number}]", ", ".join(row) or "nothing", remedy)
        for number, row in enumerate(rows)
        if model.kinds and not row.keys() & model.kinds.keys()
    ]
