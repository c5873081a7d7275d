"""`fieldwise budget` against a stand-in gateway: what is read from files, asked and printed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from fieldwise.allocation.v1 import resource_service_pb2 as resources_pb
from fieldwise_client.commands import budget
from fieldwise_client.plan.effort_files import read_question
from fieldwise_client.plan.table import FilesAreWrong
from tests.client.fake_services import FakeServices, serving

EXAMPLE = Path(__file__).parents[2] / "examples" / "budget.csv"


@pytest.fixture
def allocation() -> FakeServices:
    return FakeServices("fieldwise.allocation.v1")


@pytest.fixture
def address(allocation: FakeServices) -> Iterator[str]:
    with serving(allocation) as where:
        yield where


def run(address: str, *arguments: str) -> Result:
    app = typer.Typer()
    budget.register(app)
    return CliRunner().invoke(app, ["budget", *arguments], env={"FIELDWISE_GATEWAY_ADDRESS": address})


def asked(allocation: FakeServices) -> resources_pb.EffortQuestion:
    ((_, request),) = allocation.asked
    question: resources_pb.EffortQuestion = request.question
    return question


def test_a_file_of_five_points_becomes_a_question_with_budgets_and_costs(
    address: str, allocation: FakeServices, tmp_path: Path
) -> None:
    plan = resources_pb.BudgetPlan(gap=0.001, assumed_share=1.0)
    plan.lines.add(cell="hospitals by visit in Q1", level=55, value=40_000, assumed=True)
    plan.rules.add(rule="capacity of hours", stated=200, reached=199.5, price=31.5)
    plan.value.currency_code, plan.value.micros = "USD", 90_000_000_000
    news = resources_pb.WatchBudgetResponse(step="refining", worth=plan.value, bound=plan.value)
    last = resources_pb.WatchBudgetResponse(plan=plan)
    allocation.answers["WatchBudget"] = lambda _: [
        resources_pb.WatchBudgetResponse(step="reading"),
        news,
        last,
    ]
    out = tmp_path / "levels.csv"
    told = run(
        address,
        "share",
        str(EXAMPLE),
        "--have",
        "hours=200",
        "--have",
        "money=4000",
        "--cost",
        "money=1",
        "--out",
        str(out),
    )
    assert told.exit_code == 0, told.output
    assert "reading" in told.stderr
    question = asked(allocation)
    assert len(question.cells) == 12
    first = question.cells[0]
    assert (first.labels["channel"], first.today, first.ceiling, first.step) == ("visit", 40, 100, 5)
    assert (first.judgement.level_now, first.judgement.now) == (40, 31_000)
    assert {one.measure: one.per_level for one in first.quantities} == {"hours": 1, "packs": 1, "money": 25}
    assert {one.name: one.capacity for one in question.resources} == {"hours": 200, "money": 4000}
    assert question.resources[1].unit_cost.micros == 1_000_000
    assert "capacity of hours" in told.output
    assert "31.5" in told.output
    assert "100% is judged" in told.output
    with out.open(encoding="utf-8-sig") as file:
        assert [row["level"] for row in csv.DictReader(file)] == ["55.0"]


def test_a_size_and_a_target_are_told_in_lines(address: str, allocation: FakeServices) -> None:
    sized = resources_pb.SizeForceResponse(reps=2)
    for reps in (1, 2, 3):
        sized.curve.add(reps=reps).value.micros = reps * 10_000_000
    allocation.answers["SizeForce"] = lambda _: [sized]
    told = run(
        address, "size", str(EXAMPLE), "--resource", "hours", "--per-rep", "80", "--cost-per-rep", "5000"
    )
    assert told.exit_code == 0, told.output
    assert "2 reps pay best" in told.output
    allocation.asked.clear()
    reached = resources_pb.ReachTargetResponse()
    reached.plan.probability, reached.plan.cost.micros = 0.9, 5_000_000
    allocation.answers["ReachTarget"] = lambda _: [reached]
    told = run(address, "reach", str(EXAMPLE), "--target", "150000", "--cost", "money=1")
    assert "with probability 0.900" in told.output


def test_a_question_may_be_the_message_itself(tmp_path: Path) -> None:
    file = tmp_path / "question.json"
    file.write_text('{"cells": [{"name": "a", "levels": {"levels": [{"level": 0, "value": 1}]}}]}')
    assert read_question(file).cells[0].levels.levels[0].value == 1
    file.write_text('{"sells": []}')
    with pytest.raises(FilesAreWrong, match="sells"):
        read_question(file)


def test_every_fault_of_a_file_is_told_with_its_line(address: str, tmp_path: Path) -> None:
    file = tmp_path / "cells.csv"
    file.write_text("cell,today,zero,half,now,half_more,saturation\na,1,x,2,3,4,5\nb,,1,2,3,4,five\n")
    told = run(address, "share", str(file))
    assert told.exit_code == 1
    assert "line 2, zero" in told.output
    assert "line 3, today" in told.output
    assert "line 3, saturation" in told.output


def test_a_budget_that_is_no_number_is_refused(address: str) -> None:
    told = run(address, "share", str(EXAMPLE), "--have", "hours")
    assert told.exit_code == 2
    assert "NAME=NUMBER" in told.output
