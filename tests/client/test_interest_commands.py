"""`fieldwise interests`: what a person reads of a customer's outlook and of thresholds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import typer
import typer.testing

from fieldwise.forecast.v1 import customer_service_pb2 as pb
from fieldwise_client.commands import interests as commands
from tests.client.fake_services import FakeServices, serving

Run = Callable[..., typer.testing.Result]
OUTLOOK = pb.Outlook(
    name="customers/417",
    status="lost",
    waiting_probability=0.2,
    lost_probability=0.8,
    next_categories=[pb.CategoryChance(category="WINE", probability=0.41)],
    products=[
        pb.ProductInterest(product="merlot", category="WINE", score=0.8, parts={"search": 0.6, "view": 0.2})
    ],
    contact_time=pb.ContactTime(
        enough_evidence=True, from_hour=22, until_hour=1, weekday=5, lift=3.2, lift_low95=2.1, actions=40
    ),
    model_versions=["models/interests/versions/2"],
)
SURE = pb.DwellThreshold(
    category="WINE",
    enough_evidence=True,
    dwell_ms=41_000,
    low90_ms=39_400,
    high90_ms=42_500,
    below=0.13,
    above=0.2,
    views=35_677,
)


@pytest.fixture
def services() -> FakeServices:
    return FakeServices("fieldwise.forecast.v1")


@pytest.fixture
def run(services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    app = typer.Typer()
    commands.register(app)
    app.callback()(lambda: None)
    with serving(services) as address:
        monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", address)
        runner = typer.testing.CliRunner()
        yield lambda *words: runner.invoke(app, ["interests", *words])


def test_an_outlook_says_where_he_stands_what_he_wants_and_when(services: FakeServices, run: Run) -> None:
    services.answers["GetOutlook"] = lambda *_: [OUTLOOK]
    told = run("outlook", "417")
    assert told.exit_code == 0
    assert [request.name for _, request in services.asked] == ["customers/417"]
    for words in (
        "lost: past his rhythm; only waits 20%, lost 80%",
        "WINE 41%",
        "merlot (WINE)  0.80 = search 0.60, view 0.20",
        "Fridays 22:00-01:00 UTC, 3.2 times as likely to act (at least 2.1; 40 actions)",
        "models/interests/versions/2",
    ):
        assert words in told.stdout


def test_of_a_stranger_it_is_said_that_nothing_is_known(services: FakeServices, run: Run) -> None:
    time = pb.ContactTime(from_hour=17, until_hour=20, lift=2.0)
    services.answers["GetOutlook"] = lambda *_: [
        pb.Outlook(name="customers/1", status="new", contact_time=time)
    ]
    told = run("outlook", "1").stdout
    assert "nothing is known yet" in told
    assert "as everybody: 0 actions of his are not enough evidence" in told
    assert "stated rules" in told


def test_thresholds_are_shown_with_their_intervals(services: FakeServices, run: Run) -> None:
    unsure = pb.DwellThreshold(category="TEA", views=12)
    answer = pb.ListDwellThresholdsResponse(thresholds=[unsure, SURE])
    services.answers["ListDwellThresholds"] = lambda *_: [answer]
    head, tea, wine = run("dwell").stdout.splitlines()
    assert head.startswith("category")
    assert "not enough evidence" in tea
    assert "41.0 s  39.4 to 42.5 s" in wine
    assert wine.split()[-3:] == ["13.0%", "20.0%", "35,677"]
    assert json.loads(run("dwell", "--json").stdout.splitlines()[1])["dwell_ms"] == "41000"


def test_before_a_training_the_remedy_is_told(services: FakeServices, run: Run) -> None:
    services.answers["ListDwellThresholds"] = lambda *_: [pb.ListDwellThresholdsResponse()]
    assert "fieldwise models train dwell-thresholds" in run("dwell").stdout
