"""`fieldwise plan` from files to files, over real gRPC; the map page by itself."""

from __future__ import annotations

import csv
import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from fieldwise.allocation.v1 import plan_pb2
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise_client import PlanProgress
from fieldwise_client.commands import decide, plan, trace, traces
from fieldwise_client.plan.files import Place, Question, read_question
from fieldwise_client.plan.outcome import Outcome, read_outcome
from fieldwise_client.plan.page import HUES, render_page, styles_of
from fieldwise_client.plan.telling import headline, progress_text
from tests.client.fake_gateway import INFEASIBLE, UUID, FakeGatewayServicer, serving

EXAMPLES = Path(__file__).parents[2] / "examples"


def nearest_plan(request: gateway_pb.PlanTerritoriesRequest) -> plan_pb2.TerritoryPlan:
    """Every account to the first rep, whatever it costs: enough to see the answer's way into the files."""
    made = plan_pb2.TerritoryPlan(
        name=f"plans/{UUID}", objective=100, bound=98, gap=0.02, travel_km=1234, moves=1
    )
    made.value_moved.currency_code = "USD"
    made.incumbent.travel_km = 2000
    for account in request.accounts:
        moved = account.incumbent not in ("", request.reps[0].name)
        made.assignments.add(
            account=account.name, rep=request.reps[0].name, moved=moved, reason="BALANCE", travel_km=12.34
        )
    for rep in request.reps:
        made.loads.add(rep=rep.name, accounts=len(request.accounts), workload_hours=30, target_hours=25)
    return made


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGatewayServicer]:
    servicer = FakeGatewayServicer()
    servicer.plan = nearest_plan
    with serving(servicer) as address:
        monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", address)
        yield servicer


def run(*arguments: str) -> Any:
    app = typer.Typer()
    for command in (plan, decide, trace, traces):
        command.register(app)
    return CliRunner().invoke(app, list(arguments))


def planned(folder: Path, *more: str) -> Any:
    files = ("--accounts", str(EXAMPLES / "accounts.csv"), "--reps", str(EXAMPLES / "reps.csv"))
    return run("plan", *files, "--out", str(folder), "--data", str(folder), *more)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_answer_is_written(gateway: FakeGatewayServicer, tmp_path: Path) -> None:
    done = planned(tmp_path, "--incumbent", str(EXAMPLES / "now.csv"), "--band", "0.2", "--time-limit", "3")
    assert done.exit_code == 0, done.output
    assignments = rows(tmp_path / "assignments.csv")
    moves = rows(tmp_path / "moves.csv")
    now = {row["account"]: row["rep"] for row in rows(EXAMPLES / "now.csv")}
    assert len(assignments) == 1000
    assert {row["account"]: row["before"] for row in assignments} == now
    assert {row["account"] for row in moves} == {
        row["account"] for row in assignments if row["moved"] == "yes"
    }
    summary = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert (summary["gap"], summary["worst_deviation"], summary["incumbent"]["travel_km"]) == (
        0.02,
        0.2,
        2000,
    )
    assert "no plan is more than 2.00% cheaper" in done.output
    request = next(each for each in gateway.requests if isinstance(each, gateway_pb.PlanTerritoriesRequest))
    assert (request.rules.workload_band, request.rules.time_limit_seconds) == (0.2, 3)


def test_all_rules_are_taken_from_a_file(gateway: FakeGatewayServicer, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text('{"bands": [{"measure": "value", "width": 0.2}], "mostMoves": 30, "balanceCost": 2}')
    assert planned(tmp_path, "--rules", str(rules)).exit_code == 0
    request = next(each for each in gateway.requests if isinstance(each, gateway_pb.PlanTerritoriesRequest))
    assert (request.rules.bands[0].measure, request.rules.most_moves, request.rules.time_limit_seconds) == (
        "value",
        30,
        10,
    )
    rules.write_text('{"mostMovs": 30}')
    wrong = planned(tmp_path, "--rules", str(rules))
    assert wrong.exit_code == 1
    assert "mostMovs" in wrong.output


def test_visits_areas_and_shares_of_full_time_reach_the_question(
    gateway: FakeGatewayServicer, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(
        "name,workload_hours,value,visit_hours,visits_per_week,area\nA,1,5,0.5,2,north\nB,1,5,,,\n"
    )
    (tmp_path / "r.csv").write_text("name,hours_per_week,share\nann,40,0.6\nbob,40,\n")
    files = ("--accounts", str(tmp_path / "a.csv"), "--reps", str(tmp_path / "r.csv"))
    done = run("plan", *files, "--out", str(tmp_path), "--data", str(tmp_path))
    assert done.exit_code == 0, done.output
    request = next(each for each in gateway.requests if isinstance(each, gateway_pb.PlanTerritoriesRequest))
    first, second = request.accounts
    assert (first.visit_hours, first.visits_per_week, first.area, second.visits_per_week) == (
        0.5,
        2,
        "north",
        0,
    )
    assert [rep.share_of_full_time for rep in request.reps] == [0.6, 0]
    assert rows(tmp_path / "assignments.csv")[0]["workload_hours"] == "2.0"


def test_progress_is_shown(gateway: FakeGatewayServicer, tmp_path: Path) -> None:
    gateway.polls_until_done = 4
    assert "bound 10.0" in planned(tmp_path).output
    assert (
        progress_text(PlanProgress("improving", 200, 150))
        == "improving    objective 200.0   bound 150.0   gap 25.00%"
    )
    assert progress_text(PlanProgress("queued", None, None)) == "queued"


def test_the_customers_are_planned_without_files(gateway: FakeGatewayServicer, tmp_path: Path) -> None:
    gateway.plan = lambda _: plan_pb2.TerritoryPlan(
        name=f"plans/{UUID}", assignments=[plan_pb2.Assignment(account="customers/1", rep="reps/wang")]
    )
    done = run("plan", "--customers", "--apply", "--out", str(tmp_path), "--data", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert rows(tmp_path / "assignments.csv")[0]["rep"] == "wang"
    assert gateway.calls["ApplyPlan"] == 1


@pytest.mark.parametrize("more", [(), ("--customers", "--reps", "x.csv"), ("--accounts", "x.csv")])
def test_what_does_not_go_together_is_refused(more: Sequence[str]) -> None:
    done = run("plan", *more)
    assert done.exit_code == 2
    assert "give --accounts and --reps, or --customers alone" in done.output


def test_wrong_files_end_with_their_faults_and_code_1(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("name,workload_hours,value\nA,x,1\n")
    done = run("plan", "--accounts", str(tmp_path / "bad.csv"), "--reps", str(EXAMPLES / "reps.csv"))
    assert done.exit_code == 1
    assert "bad.csv line 2, workload_hours: got 'x'" in done.output


def test_an_infeasible_plan_names_the_rules_and_ends_with_code_1(
    gateway: FakeGatewayServicer, tmp_path: Path
) -> None:
    gateway.plan = lambda _: INFEASIBLE
    done = planned(tmp_path)
    assert done.exit_code == 1
    assert "cold-chain" in done.output
    assert not (tmp_path / "assignments.csv").exists()


def test_ctrl_c_cancels_the_operation(
    gateway: FakeGatewayServicer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.polls_until_done = 10_000
    real = time.sleep

    def interrupted(seconds: float) -> None:
        real(0.01)
        if threading.current_thread() is threading.main_thread() and gateway.calls["GetOperation"] > 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("fieldwise_client.client.time.sleep", interrupted)
    done = planned(tmp_path)
    assert done.exit_code != 0
    assert gateway.cancelled.is_set()
    assert "cancelled; nothing was written" in done.output


def outcome(name: str = "Aberdeen SD") -> Outcome:
    question = read_question(EXAMPLES / "accounts.csv", EXAMPLES / "reps.csv", EXAMPLES / "now.csv")
    request = gateway_pb.PlanTerritoriesRequest()
    request.accounts.add(name=name)
    for rep in question.reps:
        request.reps.add(name=f"reps/{rep.name}")
    return read_outcome(nearest_plan(request), question)


def test_the_page_calls_no_other_host() -> None:
    page = render_page(outcome(), "Plan", 0.1)
    assert "default-src 'none'" in page
    addresses = set(re.findall(r"https?://[^\"' )]+", page))
    # The name of the SVG language is no address that is called.
    assert {address for address in addresses if "w3.org/2000/svg" not in address} == set()
    assert not re.search(r"<(link|img|iframe)\b|src=|@import|fetch\(|XMLHttpRequest", page)


def test_a_name_cannot_end_the_script_that_holds_it() -> None:
    evil = "</script><script>alert(1)</script><!--"
    page = render_page(outcome(evil), evil, 0.1)
    data = page.split('<script type="application/json" id="data">')[1].split("</script>")[0]
    assert json.loads(data)["accounts"][0][0] == evil
    assert "<script>alert" not in page


def test_near_reps_have_different_colours() -> None:
    homes = [Place(lat, lon) for lat in range(4) for lon in range(5)]
    styles = styles_of(homes)
    assert len(set(styles)) == len(styles)
    for one, (colour, _) in zip(homes, styles, strict=True):
        for other, (same, _) in zip(homes, styles, strict=True):
            if one is not other and abs(one.lat - other.lat) + abs(one.lon - other.lon) == 1:
                assert colour != same


def test_colours_are_given_without_homes_too() -> None:
    assert len({hue for hue, _ in styles_of([None] * len(HUES))}) == len(HUES)


def test_a_plan_without_incumbents_has_only_its_own_figures() -> None:
    plain = read_outcome(plan_pb2.TerritoryPlan(), Question((), ()))
    assert "today" not in headline(plain)
    assert "proven optimal" in headline(plain)


def test_decide_prints_the_decision_or_json(gateway: FakeGatewayServicer, tmp_path: Path) -> None:
    done = run("decide", "417", "--data", str(tmp_path))
    assert "CALL-CHECK-IN" in done.output
    shown = json.loads(run("decide", "417", "--json", "--data", str(tmp_path)).output)
    assert shown["customer"] == "customers/417"
    assert "致电问候" in run("decide", "417", "--lang", "zh", "--data", str(tmp_path)).output


def test_traces_are_searched_and_written_for_other_tools(
    gateway: FakeGatewayServicer, tmp_path: Path
) -> None:
    from fieldwise.gateway.v1.traces_service_pb2 import TraceSummary
    from tests.client.test_waterfall_of_a_trace import trace as a_trace

    gateway.found = [TraceSummary(name="traces/" + "ab" * 16, root_method="a.B/Decide", spans=9, error=True)]
    asked = ("--customer", "417", "--errors", "--min-ms", "20", "--attribute", "fieldwise.verdict=X")
    shown = run("traces", "search", *asked, "--data", str(tmp_path))
    assert shown.exit_code == 0
    assert "Decide" in shown.output
    assert "ERROR" in shown.output
    request = gateway.requests[-1]
    assert (request.customer, request.errors_only) == ("customers/417", True)
    assert request.min_duration.ToMilliseconds() == 20
    assert dict(request.attributes) == {"fieldwise.verdict": "X"}
    assert run("traces", "search", "--attribute", "x", "--data", str(tmp_path)).exit_code == 2
    gateway.traces = [a_trace()]
    file = tmp_path / "trace.json"
    assert run("trace", UUID, "--otlp", str(file), "--data", str(tmp_path)).exit_code == 0
    assert file.read_bytes() == b'{"resourceSpans":[]}'


def test_trace_prints_the_waterfall_and_says_by_its_code_whether_it_is_whole(
    gateway: FakeGatewayServicer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    from tests.client.test_waterfall_of_a_trace import trace as a_trace

    monkeypatch.setenv("FIELDWISE_TRACES_ADDRESS", os.environ["FIELDWISE_GATEWAY_ADDRESS"])
    gateway.traces = [a_trace()]
    whole = run("trace", UUID, "--data", str(tmp_path))
    assert whole.exit_code == 0
    assert "BatchGetProfiles" in whole.output
    gateway.traces = [a_trace(missing=("fieldwise-recommend",))]
    gappy = run("trace", UUID, "--data", str(tmp_path))
    assert gappy.exit_code == 3
    assert "missing: fieldwise-recommend" in gappy.output
