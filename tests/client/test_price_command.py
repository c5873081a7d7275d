"""The command about prices, over real gRPC: what is asked and what a planner reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.testing

from fieldwise.allocation.v1 import price_pb2
from fieldwise.allocation.v1 import price_service_pb2 as prices_pb
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_client.commands import prices
from tests.client.fake_services import FakeServices, serving

Run = Callable[..., Any]


def made(version: int = 3, reason: str = "PRICE_REASON_PLAN_CHANGED") -> price_pb2.PriceSet:
    solved = price_pb2.PriceSet(
        name=f"priceSets/{version}",
        prices=[
            price_pb2.Price(resource="email-slots", unit="1", capacity=500, used=120),
            price_pb2.Price(
                resource="reps/ann/minutes", unit="min", micros_per_unit=350_000, capacity=2400, used=2390
            ),
            price_pb2.Price(
                resource="coupon-money", unit="{currency}", micros_per_unit=1_420_000, capacity=100, used=100
            ),
        ],
        value=Money(currency_code="EUR", micros=1_230_000_000),
        bound=Money(currency_code="EUR", micros=1_234_560_000),
        gap=0.0037,
        assumed_share=0.8,
        customers=402,
        candidates=1204,
        plan="plans/7",
        reason=price_pb2.PriceReason.Value(reason),
    )
    solved.valid_from.FromJsonString("2018-01-03T09:00:00Z")
    solved.valid_until.FromJsonString("2018-01-08T00:00:00Z")
    return solved


@pytest.fixture
def allocation() -> FakeServices:
    return FakeServices("fieldwise.allocation.v1")


@pytest.fixture
def run(allocation: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs the command on an installation of fakes."""
    app = typer.Typer()
    prices.register(app)
    app.callback()(lambda: None)
    allocation.answers["GetPriceSet"] = lambda _: [made()]
    with serving(allocation) as where:
        monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", where)
        runner = typer.testing.CliRunner()
        yield lambda *args: runner.invoke(app, ["prices", *args, "--data", str(tmp_path)])


def test_a_planner_reads_what_one_more_of_everything_brings(run: Run) -> None:
    ended = run("--version", "3")
    assert ended.exit_code == 0, ended.output
    scarce, *_, plentiful = [line for line in ended.output.splitlines() if line.startswith("  ")]
    assert "coupon-money" in scarce
    assert "one more EUR brings 1.42 EUR" in scarce
    assert "100 of 100 used" in scarce
    assert "one more minute brings 0.35 EUR" in ended.output
    assert "email-slots" in plentiful
    assert "plentiful" in plentiful


def test_how_good_the_prices_are_stands_above_them(run: Run) -> None:
    told = run("--version", "3").output
    for words in (
        "2018-01-03T09:00 to 2018-01-08T00:00 UTC",
        "another plan was put in force",
        "worth 1,230.00 EUR",
        "more than 1,234.56 (gap 0.370%)",
        "80% of the value rests on stated assumptions",
        "plans/7",
    ):
        assert words in told


def test_the_history_is_a_line_for_each_newest_first_and_no_more_than_asked_for(
    allocation: FakeServices, run: Run
) -> None:
    sets = [made(version, "PRICE_REASON_ASKED") for version in (5, 4, 3)]
    allocation.answers["ListPriceSets"] = lambda _: [prices_pb.ListPriceSetsResponse(price_sets=sets)]
    lines = run("--history", "--most", "2").output.splitlines()
    assert [line.split()[0] for line in lines] == ["priceSets/5", "priceSets/4"]
    assert "2 of 3 scarce" in lines[0]
    assert "somebody asked" in lines[0]


def test_a_program_reads_json(run: Run) -> None:
    told = json.loads(run("--version", "3", "--json").output)
    assert told["name"] == "priceSets/3"
    assert len(told["prices"]) == 3


def test_every_reason_of_the_contract_has_words() -> None:
    assert set(prices._REASONS) == set(price_pb2.PriceReason.values())
