"""The command about visits, over real gRPC: files in, what is asked, files out."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.testing
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty
from google.type import date_pb2

from fieldwise.allocation.v1 import visit_pb2
from fieldwise.allocation.v1 import visit_service_pb2 as visits_pb
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_client.commands import visits
from fieldwise_runtime.rules import violations
from tests.client.fake_services import FakeServices, serving

Run = Callable[..., Any]

STOPS = """name,lat,lon,minutes,prize,mandatory,opens,closes
customers/a,47.0,8.0,30,120,yes,9:00,11:30
customers/b,47.1,8.1,45,80,,,
"""
REPS = """name,lat,lon,skills
ann,47.05,8.05,hearing;sight
"""


PLAN = ("plan", "--stops", "stops.csv", "--reps", "reps.csv")


def made() -> operations_pb2.Operation:
    plan = visit_pb2.VisitPlan(
        name="visitPlans/0190a5b0-0000-7000-8000-000000000001",
        profit=Money(currency_code="USD", micros=90_000_000),
        profit_bound=Money(currency_code="USD", micros=120_000_000),
        visits=1,
        days=1,
        travel_km=31,
        hours=2,
        left_out=[visit_pb2.VisitLeftOut(stop="customers/b", reason="NO_TIME", missing_minutes=12)],
    )
    operation = operations_pb2.Operation(name="operations/visits/1", done=True)
    operation.response.Pack(plan)
    return operation


def day() -> visit_pb2.DayVisits:
    return visit_pb2.DayVisits(
        rep="reps/ann",
        date=date_pb2.Date(year=2026, month=11, day=27),
        leaves_minute=520,
        returns_minute=640,
        travel_km=31,
        visits=[
            visit_pb2.PlannedVisit(
                stop="customers/a", arrives_minute=535, begins_minute=540, leaves_minute=570
            )
        ],
    )


@pytest.fixture
def allocation() -> FakeServices:
    return FakeServices("fieldwise.allocation.v1")


@pytest.fixture
def run(allocation: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs the command on an installation of fakes, in a folder with the planner's files."""
    app = typer.Typer()
    visits.register(app)
    app.callback()(lambda: None)
    allocation.answers["PlanVisits"] = lambda _: [made()]
    allocation.answers["ListDayVisits"] = lambda _: [visits_pb.ListDayVisitsResponse(days=[day()])]
    (tmp_path / "stops.csv").write_text(STOPS)
    (tmp_path / "reps.csv").write_text(REPS)
    monkeypatch.chdir(tmp_path)
    with serving(allocation) as address:
        monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", address)
        yield lambda *words: typer.testing.CliRunner().invoke(app, ["visits", *words])


def test_files_become_a_request_that_obeys_the_contract_and_the_plan_becomes_files(
    run: Run, allocation: FakeServices, tmp_path: Path
) -> None:
    told = run(*PLAN, "--from", "2026-11-27", "--days", "2", "--break", "")
    assert told.exit_code == 0, told.output
    assert "1 visits on 1 rep-days, 1 left out; 31 km" in told.output
    (request,) = [asked for name, asked in allocation.asked if name == "PlanVisits"]
    assert [fault for fault in violations(request) if fault.field != "decision_time"] == []
    # The weekend is no work.
    assert [shift.date.day for shift in request.reps[0].shifts] == [27, 30]
    assert [(w.opens_minute, w.closes_minute) for w in request.stops[0].windows] == [(540, 690)] * 2
    assert list(request.stops[1].windows) == []
    with (tmp_path / "visits" / "visits.csv").open(encoding="utf-8-sig") as file:
        (line,) = csv.DictReader(file)
    assert (line["stop"], line["begins"], line["wait_minutes"]) == ("customers/a", "09:00", "5.0")
    features = json.loads((tmp_path / "visits" / "tours.geojson").read_text())["features"]
    assert {feature["geometry"]["type"] for feature in features} == {"LineString", "Point"}
    assert "<polyline" in (tmp_path / "visits" / "map.html").read_text()


def test_every_fault_of_both_files_is_told_with_its_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "stops.csv").write_text(STOPS.replace("9:00", "25:00").replace(",45,", ",long,"))
    (tmp_path / "reps.csv").write_text("name,lat,lon\nann,95,8\n")
    told = run(*PLAN, "--from", "2026-11-27")
    assert told.exit_code == 1
    assert "stops.csv line 2, opens: got '25:00'" in told.output
    assert "stops.csv line 3, minutes: got 'long'" in told.output
    assert "reps.csv line 2, lat: got '95'" in told.output


def test_a_day_that_is_none_is_said(run: Run) -> None:
    told = run(*PLAN, "--from", "tomorrow")
    assert told.exit_code == 1
    assert "--from: got 'tomorrow'" in told.output


def test_candidates_and_minutes_become_ranked_lists_with_the_price_of_a_minute(
    run: Run, allocation: FakeServices, tmp_path: Path
) -> None:
    answer = visits_pb.RankOutreachResponse(
        value=Money(currency_code="USD", micros=9_000_000), value_bound=Money(micros=11_000_000)
    )
    listed = answer.days.add(rep="reps/ann", date=day().date, minute_price=Money(micros=250_000))
    listed.entries.add(customer="customers/7", rank=1, value=Money(micros=9_000_000), minutes=20)
    allocation.answers["RankOutreach"] = lambda _: [answer]
    (tmp_path / "who.csv").write_text("customer,value,minutes,rep\n7,9,20,ann\ncustomers/8,-1.5,10,ann\n")
    (tmp_path / "time.csv").write_text("rep,date,minutes\nann,2026-11-27,25\n")
    told = run("outreach", "--candidates", "who.csv", "--minutes", "time.csv")
    assert told.exit_code == 0, told.output
    (request,) = [asked for name, asked in allocation.asked if name == "RankOutreach"]
    assert [fault for fault in violations(request) if fault.field != "decision_time"] == []
    assert [(c.customer, c.value.micros, c.rep) for c in request.candidates] == [
        ("customers/7", 9_000_000, "reps/ann"),
        ("customers/8", -1_500_000, "reps/ann"),
    ]
    assert request.capacities[0] == visits_pb.OutreachCapacity(rep="reps/ann", date=day().date, minutes=25)
    assert "1 of 2 on 1 lists; worth 9 of at most 11 USD" in told.output
    assert "0.25" in told.output
    with (tmp_path / "outreach.csv").open(encoding="utf-8-sig") as file:
        (line,) = csv.DictReader(file)
    assert (line["customer"], line["date"], line["rank"]) == ("customers/7", "2026-11-27", "1")


def test_every_fault_of_candidates_and_minutes_is_told_with_its_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "who.csv").write_text("customer,value,minutes,rep\n7,much,0,ann\n")
    (tmp_path / "time.csv").write_text("rep,date,minutes\nann,Friday,25\n")
    told = run("outreach", "--candidates", "who.csv", "--minutes", "time.csv")
    assert told.exit_code == 1
    assert "who.csv line 2, value: got 'much'" in told.output
    assert "who.csv line 2, minutes: got '0'" in told.output
    assert "time.csv line 2, date: got 'Friday'; give a day such as 2026-11-23" in told.output


def test_a_kept_plan_is_removed_by_its_name(run: Run, allocation: FakeServices) -> None:
    allocation.answers["DeleteVisitPlan"] = lambda _: [Empty()]
    told = run("delete", made_name := "visitPlans/0190a5b0-0000-7000-8000-000000000001")
    assert told.output == f"{made_name} is removed\n"
    assert [asked.name for name, asked in allocation.asked if name == "DeleteVisitPlan"] == [made_name]
