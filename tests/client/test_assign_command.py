"""`fieldwise assign`: files are read with every fault, the answer is told and written."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer
from google.longrunning import operations_pb2
from typer.testing import CliRunner

from fieldwise.allocation.v1.task_service_pb2 import AgentLoad, AssignTasksMetadata, TaskAssignment, TaskPlan
from fieldwise_client.commands import assign as command
from fieldwise_client.plan.table import FilesAreWrong
from fieldwise_client.plan.task_files import read_tasks


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_an_empty_cell_says_nothing_and_a_zero_does(tmp_path: Path) -> None:
    tasks = read_tasks(
        written(tmp_path, "items.csv", "name,use,leave_out\na,2,\nb,,0\n"),
        written(tmp_path, "agents.csv", "name,capacity,most_items\nx,5,\ny,,0\n"),
        written(tmp_path, "pairs.csv", "item,agent,cost,forbidden\na,x,7,\na,y,,yes\n"),
    )
    a, b = tasks.items
    assert (a.use, a.HasField("leave_out"), b.HasField("use"), b.HasField("leave_out")) == (
        2,
        False,
        False,
        True,
    )
    x, y = tasks.agents
    assert (x.capacity, x.HasField("most_items"), y.HasField("capacity"), y.HasField("most_items")) == (
        5,
        False,
        False,
        True,
    )
    assert [(pair.cost, pair.forbidden) for pair in tasks.pairs] == [(7, False), (0, True)]


def test_every_fault_of_all_files_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(FilesAreWrong) as wrong:
        read_tasks(
            written(tmp_path, "items.csv", "name,use\na,two\n,1\n"),
            written(tmp_path, "agents.csv", "name,size\nx,3\n"),
            written(tmp_path, "pairs.csv", "item,agent,forbidden\na,x,perhaps\n"),
        )
    assert {(fault.file, fault.line, fault.column) for fault in wrong.value.faults} >= {
        ("items.csv", 2, "use"),
        ("items.csv", 3, "name"),
        ("pairs.csv", 2, "forbidden"),
    }
    assert any(fault.file == "agents.csv" for fault in wrong.value.faults)


def test_the_example_files_are_read() -> None:
    examples = Path(__file__).parents[2] / "examples"
    tasks = read_tasks(examples / "leads.csv", examples / "lead_reps.csv", examples / "lead_pairs.csv")
    assert (len(tasks.items), len(tasks.agents), len(tasks.pairs)) == (12, 3, 36)
    assert all(item.HasField("leave_out") for item in tasks.items)


class _Client:
    """Answers with one plan, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: dict[str, object] = {}

    def assign_tasks(self, items: object, agents: object, pairs: object, **more: object) -> TaskPlan:
        self.asked = more
        return TaskPlan(
            assignments=[TaskAssignment(item="a", agent="x", cost=7, use=2), TaskAssignment(item="b")],
            loads=[AgentLoad(agent="x", items=1, used=2, capacity_price=1.5)],
            objective=7,
            bound=8,
            gap=0.125,
            left_out=1,
        )


def test_the_answer_is_told_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = _Client()

    @contextmanager
    def opened(_data: Path) -> Iterator[_Client]:
        yield client

    monkeypatch.setattr(command, "client_for", opened)
    app = typer.Typer()
    command.register(app)
    items = written(tmp_path, "items.csv", "name\na\nb\n")
    agents = written(tmp_path, "agents.csv", "name\nx\n")
    out = tmp_path / "out.csv"
    told = CliRunner().invoke(
        app, ["--items", str(items), "--agents", str(agents), "--profit", "--out", str(out)]
    )
    assert told.exit_code == 0, told.output
    assert "1 items assigned, 1 left out: profit 7, no more than 8 is possible (gap 12.500%)" in told.output
    assert "one more unit is worth 1.5" in told.output
    assert client.asked["most_profit"] is True
    with out.open() as lines:
        assert next(iter(csv.DictReader(lines))) == {"item": "a", "agent": "x", "cost": "7", "use": "2"}


def test_progress_says_the_step_and_the_best_so_far() -> None:
    operation = operations_pb2.Operation()
    assert command.under_way(operation) == "queued"
    operation.metadata.Pack(AssignTasksMetadata(step="searching", objective=606, bound=628))
    assert command.under_way(operation) == "searching, 606 so far, bound 628"
