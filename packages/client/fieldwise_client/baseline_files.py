"""An earlier practice from a planner's CSV file, every fault with its line. Knows no server."""

from __future__ import annotations

import math
from pathlib import Path

from fieldwise.recommend.v1.effect_service_pb2 import BaselineRow
from fieldwise_client.names import resource
from fieldwise_client.plan.table import Fault, FilesAreWrong, Row, Table, read_table

REQUIRED = ("customer", "money")
OPTIONAL = ("period", "group", "hours_to_decision", "satisfaction")
_PERIODS = {"": False, "before": False, "after": True}
_GROUPS = {"": False, "us": False, "comparison": True}
_MICROS = 1_000_000
# With a thousand million of a customer no sum leaves the numbers that reports are made with.
_MOST_MONEY = 1e9


def read_baseline(path: Path, currency: str) -> list[BaselineRow]:
    """Rows of a file: ``customer``, ``money`` per 28 days, and if known ``period`` (before, after), ``group`` (us, comparison),
    ``hours_to_decision`` and ``satisfaction`` (1 to 5).

    Raises:
        FilesAreWrong: Every fault, with its line.
    """
    table = read_table(path, REQUIRED, OPTIONAL)
    faults = [*table.faults]
    rows = [_row(table, row, currency, faults) for row in table.rows]
    if not rows and not faults:
        faults.append(Fault(path.name, 0, "file", "", "give at least one row"))
    if faults:
        raise FilesAreWrong(faults)
    return rows


def _row(table: Table, row: Row, currency: str, faults: list[Fault]) -> BaselineRow:
    made = BaselineRow(
        after=_word(table, row, "period", _PERIODS, faults),
        comparison=_word(table, row, "group", _GROUPS, faults),
    )
    if row["customer"]:
        made.customer = resource("customers", row["customer"])
    else:
        faults.append(table.fault(row, "customer", "name the customer"))
    money = _number(table, row, "money", faults, most=_MOST_MONEY)
    made.money.currency_code = currency
    made.money.micros = round((money or 0.0) * _MICROS)
    for name in ("hours_to_decision", "satisfaction"):
        if row[name] and (found := _number(table, row, name, faults)) is not None:
            setattr(made, name, found)
    return made


def _word(table: Table, row: Row, column: str, known: dict[str, bool], faults: list[Fault]) -> bool:
    found = known.get(row[column].lower())
    if found is None:
        names = " or ".join(name for name in known if name)
        faults.append(table.fault(row, column, f"give {names}, or leave it empty"))
    return bool(found)


def _number(table: Table, row: Row, column: str, faults: list[Fault], most: float = math.inf) -> float | None:
    try:
        found = float(row[column])
        if not math.isfinite(found) or not 0 <= found <= most:
            raise ValueError
    except ValueError:
        told = "of 0 or more" if most == math.inf else f"from 0 to {most:,.0f}"
        faults.append(table.fault(row, column, f"give a number {told}"))
        return None
    return found
