"""Items, agents and pairs from a planner's CSV files, every fault with its line. Knows no server."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from fieldwise.allocation.v1.task_service_pb2 import Agent, Item, TaskPair
from fieldwise_client.plan.table import Fault, FilesAreWrong, Row, Table, read_table

TRUE, FALSE = {"1", "true", "yes", "x"}, {"", "0", "false", "no"}


@dataclass
class Tasks:
    """What the files say, and what is wrong with them."""

    items: list[Item] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)
    pairs: list[TaskPair] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_tasks(items: Path, agents: Path, pairs: Path | None) -> Tasks:
    """Read the files.

    Raises:
        FilesAreWrong: Every fault of all files.
    """
    read = Tasks()
    for row, of in _rows(read, items, ("name",), ("use", "cost", "leave_out")):
        figures = _figures(read, of, row, ("use", "cost", "leave_out"))
        read.items.append(Item(name=_named(read, of, row, "name"), **figures))
    for row, of in _rows(read, agents, ("name",), ("capacity", "most_items")):
        figures = _figures(read, of, row, ("capacity", "most_items"))
        read.agents.append(
            Agent(
                name=_named(read, of, row, "name"),
                capacity=figures.get("capacity"),
                most_items=int(figures["most_items"]) if "most_items" in figures else None,
            )
        )
    for row, of in _rows(read, pairs, ("item", "agent"), ("cost", "use", "forbidden")) if pairs else ():
        figures = _figures(read, of, row, ("cost", "use"))
        read.pairs.append(
            TaskPair(
                item=_named(read, of, row, "item"),
                agent=_named(read, of, row, "agent"),
                cost=figures.get("cost"),
                use=figures.get("use"),
                forbidden=_said(read, of, row, "forbidden"),
            )
        )
    if read.faults:
        raise FilesAreWrong(read.faults)
    return read


def _rows(
    read: Tasks, path: Path, required: tuple[str, ...], optional: tuple[str, ...]
) -> list[tuple[Row, Table]]:
    table = read_table(path, required, optional)
    read.faults += table.faults
    return [(row, table) for row in table.rows]


def _named(read: Tasks, of: Table, row: Row, column: str) -> str:
    if not row[column]:
        read.faults.append(of.fault(row, column, "give a name"))
    return row[column]


def _figures(read: Tasks, of: Table, row: Row, columns: tuple[str, ...]) -> dict[str, float]:
    """The figures that are there; an empty cell says nothing."""
    found = {}
    for column in columns:
        if not row[column]:
            continue
        try:
            found[column] = float(row[column])
        except ValueError:
            found[column] = math.nan
        if not math.isfinite(found[column]):
            read.faults.append(of.fault(row, column, "give a number"))
            found[column] = 0.0
    return found


def _said(read: Tasks, of: Table, row: Row, column: str) -> bool:
    said = row[column].lower()
    if said not in TRUE | FALSE:
        read.faults.append(of.fault(row, column, "give yes or no"))
    return said in TRUE
