"""`fieldwise plan list, show, compare, override ...` over real gRPC: what they ask, what a planner reads; GeoJSON in and out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from google.rpc import code_pb2
from google.type.latlng_pb2 import LatLng
from typer.testing import CliRunner

from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2, rep_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_client.commands import plan as command
from fieldwise_client.plan.files import read_practice, read_question
from fieldwise_client.plan.hulls import hull
from fieldwise_client.plan.table import FilesAreWrong
from tests.client.fake_gateway import FakeGatewayServicer, serving, status
from tests.client.fake_services import FakeServices

ROOT = "11110000-0000-7000-8000-000000000001"
CHILD = "22220000-0000-7000-8000-000000000002"
PRACTICE = "33330000-0000-7000-8000-000000000003"
REPS = [
    rep_pb2.Rep(name="reps/ann", hours_per_week=40, home=LatLng(latitude=1, longitude=1)),
    rep_pb2.Rep(
        name="reps/rep-2", display_name="李雷", hours_per_week=40, home=LatLng(latitude=3, longitude=3)
    ),
]


def a_plan(uuid: str = ROOT, **more: Any) -> plan_pb2.TerritoryPlan:
    plan = plan_pb2.TerritoryPlan(
        name=f"plans/{uuid}", objective=100, bound=98, gap=0.02, travel_km=12, **more
    )
    plan.state = plan.state or plan_life_pb2.PLAN_STATE_DRAFT
    return plan


def whole() -> plan_pb2.TerritoryPlan:
    """Four accounts at the corners of a square with Ann, and one in its middle with the other rep."""
    plan = a_plan(moves=1, k_means_rep=[0, 0, 1, 1, 1])
    for number in range(5):
        holder = REPS[number // 4].name
        plan.assignments.add(account=f"shop {number}", rep=holder, moved=number == 4, reason="BALANCE")
    for rep in REPS:
        plan.loads.add(rep=rep.name, accounts=4, workload_hours=10, target_hours=9, hour_price=1.5)
    plan.k_means.objective = 300
    plan.k_means.broken.add(kind="band", count=2)
    return plan


def accounts() -> list[plan_pb2.Account]:
    corners = [(0, 0), (0, 2), (2, 2), (2, 0), (1, 1)]
    return [
        plan_pb2.Account(
            name=f"shop {number}",
            place=LatLng(latitude=latitude, longitude=longitude),
            workload_hours=1,
            incumbent="reps/rep-2",
        )
        for number, (latitude, longitude) in enumerate(corners)
    ]


class World:
    """The gateway's own calls and those it passes on."""

    def __init__(self) -> None:
        self.gateway = FakeGatewayServicer()
        self.plans = FakeServices("fieldwise.allocation.v1")
        self.plans.answers = {
            "ListPlans": lambda _: [plans_pb.ListPlansResponse(plans=self.listed)],
            "GetPlanQuestion": lambda _: [plans_pb.PlanQuestion(reps=REPS)],
            "ListPlanAccounts": lambda _: [plans_pb.ListPlanAccountsResponse(accounts=accounts())],
            "ImportPlan": lambda _: [a_plan(PRACTICE)],
        }
        self.listed = [
            a_plan(
                PRACTICE, parent=f"plans/{ROOT}", origin=plan_life_pb2.PLAN_ORIGIN_IMPORTED, breach_count=3
            ),
            a_plan(CHILD, parent=f"plans/{ROOT}", changes=["reps/x leaves"], display_name="without x"),
            a_plan(state=plan_life_pb2.PLAN_STATE_APPLIED),
        ]

    def asked(self, method: str) -> Any:
        """The only request that a method got."""
        (request,) = [request for name, request in self.plans.asked if name == method]
        return request


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World()
    monkeypatch.setattr(made.gateway, "GetPlan", lambda _request, _context: whole(), raising=False)
    with serving(made.gateway, made.plans) as address:
        monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", address)
        yield made


def run(*arguments: str, code: int = 0) -> str:
    app = typer.Typer()
    command.register(app)
    app.command("other")(lambda: None)  # a lone group would lose its name
    done = CliRunner().invoke(app, ["plan", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_plans_are_listed_as_a_tree_with_their_state_and_changes(world: World) -> None:
    lines = run("list").splitlines()
    assert [line.split()[0] for line in lines] == ["plan", "11110000", "22220000", "33330000"]
    assert "in force" in lines[1]
    assert lines[2].startswith("  22220000")
    assert lines[2].endswith("without x; reps/x leaves")
    assert "2.00%" not in lines[3]  # a practice has no certified gap


@pytest.mark.parametrize(
    ("word", "uuid"),
    [("applied", ROOT), ("latest", CHILD), ("2222", CHILD), ("without x", CHILD), (f"plans/{ROOT}", ROOT)],
)
def test_a_plan_is_called_by_its_digits_its_name_or_its_place(world: World, word: str, uuid: str) -> None:
    run("copy", word, "--name", "mine")
    request = world.asked("CopyPlan")
    assert (request.name, request.display_name) == (f"plans/{uuid}", "mine")


@pytest.mark.parametrize("word", ["", "zzzz", "ffff"])
def test_a_plan_that_is_not_there_ends_with_what_to_do(world: World, word: str) -> None:
    assert "fieldwise plan list" in run("copy", word, code=1)


def test_show_tells_figures_reps_and_history(world: World) -> None:
    event = plan_life_pb2.PlanEvent(
        plan=f"plans/{ROOT}", kind=plan_life_pb2.PLAN_EVENT_KIND_APPROVED, actor="Eve", note="fine"
    )
    world.plans.answers["ListPlanEvents"] = lambda _: [plans_pb.ListPlanEventsResponse(events=[event])]
    shown = run("show", ROOT)
    assert "k-means" in shown
    assert "李雷" in shown
    assert "approved      by Eve" in shown


def comparison() -> plans_pb.PlanComparison:
    found = plans_pb.PlanComparison(accounts_moved=1, hours_moved=1, value_moved=Money(micros=7_000_000))
    found.plan_totals.MergeFrom(plans_pb.PlanTotals(objective=100, accounts=5, gap=0.02))
    found.base_totals.MergeFrom(plans_pb.PlanTotals(objective=400, accounts=5, breach_count=2))
    found.reps.add(rep="reps/rep-2", gained=1).plan_load.workload_hours = 10
    found.moves.add(account="shop 4", from_rep="reps/ann", to_rep="reps/rep-2", km_more=-3)
    return found


def test_an_earlier_practice_stands_beside_the_plan_and_leaves_no_draft(world: World, tmp_path: Path) -> None:
    world.plans.answers["ComparePlans"] = lambda _: [comparison()]
    practice = tmp_path / "2023.csv"
    practice.write_text("account,rep\nshop 1,李雷\nshop 2,ann\nshop 3,\n", "utf-8")
    shown = run("compare", ROOT, "--practice", str(practice))
    (first,) = [request for name, request in world.plans.asked if name == "ImportPlan"]
    assert world.plans.asked[-1][0] == "DeletePlan"
    assert world.plans.asked[-1][1].name == f"plans/{PRACTICE}"
    assert {each.account: each.rep for each in first.assignments} == {
        "shop 1": "reps/rep-2",
        "shop 2": "reps/ann",
        "shop 3": "",
    }
    compared = [request for name, request in world.plans.asked if name == "ComparePlans"]
    assert (compared[0].plan, compared[0].base) == (f"plans/{ROOT}", f"plans/{PRACTICE}")
    assert "2023.csv" in shown
    assert "-75.0%" in shown
    assert "shop 4" in shown
    assert "李雷" in shown


def test_a_practice_with_an_unknown_rep_or_an_account_twice_is_refused(world: World, tmp_path: Path) -> None:
    practice = tmp_path / "bad.csv"
    practice.write_text("account,rep\nshop 1,zoe\n")
    assert "give one of the plan's: ann, 李雷" in run("compare", ROOT, "--practice", str(practice), code=1)
    practice.write_text("account,rep\nshop 1,ann\nshop 1,ann\n")
    assert "line 3" in run("compare", ROOT, "--practice", str(practice), code=1)
    run("compare", ROOT, CHILD, "--practice", str(practice), code=2)


def wish(*, broken: bool) -> plans_pb.OverridePlanResponse:
    answer = plans_pb.OverridePlanResponse(objective_before=100, objective_after=130, moves=1)
    if broken:
        answer.new_breaches.add(rule="skill:cold", description="shop 1 needs ['cold']", price=4)
        answer.alternatives.add(
            assignments=[plan_life_pb2.HandAssignment(account="shop 1", rep="reps/rep-2")], cost_more=7
        )
    return answer


def test_an_override_says_its_cost_and_makes_the_plan(world: World) -> None:
    def answered(request: plans_pb.OverridePlanRequest) -> list[Any]:
        answer = wish(broken=False)
        if not request.validate_only:
            answer.plan.name = f"plans/{CHILD}"
        return [answer]

    world.plans.answers["OverridePlan"] = answered
    shown = run("override", ROOT, "--assign", "shop 1=李雷", "--by", "Ann")
    assert "+30.0 plan units" in shown
    assert f"plans/{CHILD}" in shown
    assert run("override", ROOT, "--assign", "shop 1=ann", "--cost-only").count("plans/") == 0


def test_an_override_that_breaks_a_rule_is_not_made_unless_accepted(world: World) -> None:
    world.plans.answers["OverridePlan"] = lambda _: [wish(broken=True)]
    shown = run("override", ROOT, "--assign", "shop 1=ann", code=1)
    assert "breaks shop 1 needs ['cold'] (worth 4.0 plan units)" in shown
    assert "instead: shop 1 to 李雷: +7.0 plan units" in shown
    assert all(request.validate_only for name, request in world.plans.asked if name == "OverridePlan")
    run("override", ROOT, "--assign", "shop 1=ann", "--accept-broken-rules")
    assert not world.plans.asked[-1][1].validate_only


def test_what_if_is_asked_with_its_changes_in_order(world: World) -> None:
    world.plans.answers["ComparePlans"] = lambda _: [comparison()]
    run(
        *(
            "replan",
            ROOT,
            "--leaves",
            "李雷",
            "--hours",
            "ann=20",
            "--demand",
            "all=1.1",
            "--demand",
            "shop 1=2",
        ),
        *(
            "--lock",
            "shop 2=ann",
            "--lock",
            "shop 3",
            "--free",
            "shop 4",
            "--gone",
            "shop 0",
            "--new",
            "shop 9=3",
        ),
        *("--whole", "--name", "Spring"),
    )
    request = world.asked("ReplanTerritories")
    assert [change.WhichOneof("change") for change in request.changes] == [
        "rep_leaves",
        "rep_hours",
        "demand",
        "demand",
        "locks",
        "locks",
        "locks",
        "account_leaves",
        "account_joins",
    ]
    assert request.changes[0].rep_leaves == "reps/rep-2"
    assert list(request.changes[3].demand.accounts) == ["shop 1"]
    assert request.changes[4].locks.rep == "reps/ann"
    assert request.changes[6].locks.free
    assert (request.whole, request.display_name) == (True, "Spring")


def test_a_new_account_may_have_a_place(world: World) -> None:
    run("replan", ROOT, "--new", "shop=9=3@41.9,-87.6")
    account = world.asked("ReplanTerritories").changes[0].account_joins
    assert (account.name, account.workload_hours, account.place.longitude) == ("shop=9", 3, -87.6)
    assert "give degrees after @" in run("replan", ROOT, "--new", "shop 9=3@north", code=1)


@pytest.mark.parametrize("option", ["--hours", "--demand", "--new"])
def test_a_change_without_its_number_is_refused(world: World, option: str) -> None:
    assert option in run("replan", ROOT, option, "ann", code=1)
    assert option in run("replan", ROOT, option, "ann=many", code=1)


def test_plans_are_approved_applied_rolled_back_and_deleted(world: World) -> None:
    run("approve", ROOT, "--by", "Eve", "--note", "fine")
    assert (world.asked("ApprovePlan").actor, world.asked("ApprovePlan").note) == ("Eve", "fine")
    run("apply", ROOT, "--add-reps", "--by", "Ann")
    applied = next(each for each in world.gateway.requests if type(each).__name__ == "ApplyPlanRequest")
    assert (applied.name, applied.actor) == (f"plans/{ROOT}", "Ann")
    run("rollback", "--by", "Ann")
    assert world.asked("RollbackPlan").actor == "Ann"
    run("delete", ROOT, "--with-children")
    assert world.asked("DeletePlan").with_children


def test_reps_who_are_missing_are_told_with_the_option_that_adds_them(world: World) -> None:
    world.gateway.refusal = status(code_pb2.FAILED_PRECONDITION, "two are unknown", "UNKNOWN_REPS")
    assert "give --add-reps" in run("apply", ROOT, code=1)


def test_an_account_tells_who_serves_it(world: World) -> None:
    found = plans_pb.GetAssignmentResponse(plan=f"plans/{ROOT}")
    found.assignment.MergeFrom(plan_pb2.Assignment(account="shop 1", rep="reps/ann", reason="HAND"))
    world.plans.answers["GetAssignment"] = lambda _: [found]
    assert "shop 1: ann (HAND)" in run("who", "shop 1")


def test_a_kept_plan_is_exported_with_territories_as_hulls(world: World, tmp_path: Path) -> None:
    run("export", ROOT, "--out", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {
        "assignments.csv",
        "moves.csv",
        "summary.json",
        "territories.geojson",
        "map.html",
    }
    features = json.loads((tmp_path / "territories.geojson").read_text("utf-8"))["features"]
    kinds = [feature["properties"]["kind"] for feature in features]
    assert (kinds.count("account"), kinds.count("home"), kinds.count("territory")) == (5, 2, 1)
    (territory,) = [feature for feature in features if feature["properties"]["kind"] == "territory"]
    assert territory["properties"]["rep"] == "ann"
    assert territory["geometry"]["coordinates"] == [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]
    page = (tmp_path / "map.html").read_text("utf-8")
    data = json.loads(page.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    assert [account[10] for account in data["accounts"]] == [0, 0, 1, 1, 1]
    assert data["kMeans"]["broken"] == 2
    assert [account[6] for account in data["accounts"]] == [1] * 5


def feature(properties: dict[str, Any], at: list[float] | None = None, kind: str = "Point") -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": at} if at else None
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(path: Path, *features: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    return path


def test_accounts_and_reps_are_read_from_geojson(tmp_path: Path) -> None:
    shops = collection(
        tmp_path / "shops.geojson",
        feature(
            {"name": "A", "workload_hours": 2, "value": 10, "needs_skills": ["cold", "wine"], "x": 1}, [5, 45]
        ),
        feature({"name": "B", "workload_hours": 1.5, "value": 0, "locked": True}, [6, 46]),
    )
    force = collection(
        tmp_path / "force.geojson", feature({"name": "ann", "hours_per_week": 40, "skills": []}, [5, 45])
    )
    now = tmp_path / "now.csv"
    now.write_text("account,rep\nB,ann\n")
    question = read_question(shops, force, now)
    first, second = question.accounts
    assert (first.place.lat, first.place.lon) == (45, 5) if first.place else False
    assert (first.needs_skills, second.locked, second.incumbent) == (("cold", "wine"), True, "ann")
    assert question.reps[0].home is not None


def test_every_fault_of_a_geojson_file_is_told(tmp_path: Path) -> None:
    shops = collection(
        tmp_path / "shops.geojson",
        feature({"name": "A", "workload_hours": "much", "value": 10}, [5, 45]),
        feature({"name": "A", "workload_hours": 1, "value": 10}, [5, 45], "LineString"),
    )
    force = tmp_path / "force.json"
    force.write_text('{"type": "FeatureCollection"}')
    with pytest.raises(FilesAreWrong) as wrong:
        read_question(shops, force)
    told = str(wrong.value)
    assert "shops.geojson line 2, workload_hours: got 'much'" in told
    assert "shops.geojson line 3, geometry" in told
    assert "shops.geojson line 3, name" in told
    assert "give a FeatureCollection with a list of features" in told
    with pytest.raises(FilesAreWrong):
        read_practice(force)


def test_a_hull_holds_every_point_and_turns_left_only() -> None:
    points = [(x * 7 % 11 + 0.1 * y, y * 5 % 13 - 0.3 * x) for x in range(12) for y in range(9)]
    corners = hull(points)
    assert set(corners) <= set(points)
    for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
        assert all((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) >= -1e-9 for p in points)
    assert hull([(0, 0), (1, 1), (0, 0)]) == [(0, 0), (1, 1)]
