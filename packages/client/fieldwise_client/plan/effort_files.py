"""A question about scarce means from a planner's file: a table of cells, or the contract's message as JSON. Knows no wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from google.protobuf import json_format

from fieldwise.allocation.v1.resource_pb2 import EffortCell
from fieldwise.allocation.v1.resource_service_pb2 import EffortQuestion
from fieldwise_client.plan.table import Fault, FilesAreWrong, Row, Table, decoded, read_table

LABELS = ("segment", "channel", "product", "period")
POINTS = ("zero", "half", "now", "half_more", "saturation")
RANGE = ("floor", "ceiling", "step")
TAKES = "takes "


def read_question(path: Path) -> EffortQuestion:
    """The question in a file.

    A `.json` file holds the whole EffortQuestion. A `.csv` file holds cells with a manager's five points: `cell`, `today`,
    the points, what one unit of effort takes (`takes hours`), and if wanted labels and the range of levels.

    Raises:
        FilesAreWrong: Every fault, with its line.
    """
    if path.suffix.lower() == ".json":
        return _from_json(path)
    table = read_table(path, ("cell", "today", *POINTS), (*LABELS, *RANGE, *_taken(path)))
    faults = [*table.faults]
    question = EffortQuestion()
    for row in table.rows:
        cell = _cell(table, row, faults)
        question.cells.append(cell)
    if faults:
        raise FilesAreWrong(faults)
    return question


def _from_json(path: Path) -> EffortQuestion:
    try:
        return json_format.Parse(path.read_text(encoding="utf-8"), EffortQuestion())
    except OSError as error:
        remedy = f"{error.strerror}; give a file that can be read"
        raise FilesAreWrong([Fault(path.name, 0, "file", str(path), remedy)]) from None
    except json_format.ParseError as error:
        remedy = f"{error}; give an EffortQuestion of fieldwise.allocation.v1"
        raise FilesAreWrong([Fault(path.name, 0, "message", "", remedy)]) from None


def _taken(path: Path) -> Iterator[str]:
    """Columns of what effort takes, as the header names them."""
    try:
        header = decoded(path.read_bytes()).split("\n", 1)[0]
    except OSError:
        return
    for column in header.replace(";", ",").replace("\t", ",").split(","):
        name = column.strip().strip('"').lower()
        if name.startswith(TAKES):
            yield name


def _cell(table: Table, row: Row, faults: list[Fault]) -> EffortCell:
    cell = EffortCell(name=row["cell"], labels={label: row[label] for label in LABELS if row[label]})
    numbers = {column: _number(table, row, column, faults) for column in ("today", *POINTS)}
    today = numbers.pop("today")
    cell.today = today
    cell.judgement.level_now = today
    for point, value in numbers.items():
        setattr(cell.judgement, point, value)
    for column in RANGE:
        if row[column]:
            setattr(cell, column, _number(table, row, column, faults))
    for column in table.columns:
        if column.startswith(TAKES) and row[column]:
            per_level = _number(table, row, column, faults)
            cell.quantities.add(measure=column.removeprefix(TAKES), per_level=per_level)
    return cell


def _number(table: Table, row: Row, column: str, faults: list[Fault]) -> float:
    try:
        return float(row[column].replace(",", ""))
    except ValueError:
        faults.append(table.fault(row, column, "give a number"))
        return 0.0
