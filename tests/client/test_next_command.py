"""`fieldwise next` and the call behind it: the whole day of a rep, page after page, in words or as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from fieldwise.gateway.v1.rep_days_service_pb2 import ListNextActionsRequest, ListNextActionsResponse
from fieldwise.recommend.v1 import decision_pb2
from fieldwise_client.commands.next import page
from fieldwise_client.rep_day_requests import next_actions
from fieldwise_runtime.rules import violations
from tests.client.both_clients import Ask, asking
from tests.client.fake_services import FakeServices, serving


@pytest.fixture
def gateway() -> FakeServices:
    fake = FakeServices("fieldwise.gateway.v1")
    fake.answers["ListNextActions"] = lambda request: [a_page(request)]
    return fake


@pytest.fixture
def address(gateway: FakeServices) -> Iterator[str]:
    with serving(gateway) as where:
        yield where


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, address: str) -> Ask:
    return asking(request.param, address)


def a_page(request: Any) -> ListNextActionsResponse:
    """Two pages: one customer on the list, one left alone."""
    answer = ListNextActionsResponse()
    told = answer.rep_day
    told.rep, told.minutes, told.minutes_listed, told.listed, told.customers = (
        request.parent,
        96.0,
        10.0,
        1,
        2,
    )
    told.left_alone = 1
    told.day.year, told.day.month, told.day.day = 2017, 12, 25
    told.minute_price.currency_code, told.minute_price.micros = "USD", 250_000
    told.diversity.customers["actions/call-check-in"] = told.diversity.customers["actions/leave-alone"] = 1
    told.diversity.most_frequent_share, told.diversity.coverage = 1.0, 0.125
    if not request.page_token:
        first = answer.next_actions.add(customer="customers/7", rank=1, minutes=10.0)
        first.decision.customer, first.decision.chosen_action = "customers/7", "actions/call-check-in"
        first.decision.verdict = decision_pb2.VERDICT_ACT
        chosen = first.decision.actions.add(action="actions/call-check-in", chosen=True)
        chosen.value.currency_code, chosen.value.micros = "USD", 2_340_000
        chosen.reasons.add(code="LIKELY_TO_BUY", numbers={"p": 0.5})
        first.best_time.FromJsonString("2017-12-25T15:00:00Z")
        answer.next_page_token = "2"
    else:
        other = answer.next_actions.add(customer="customers/8")
        other.decision.customer, other.decision.chosen_action = "customers/8", "actions/leave-alone"
        other.decision.verdict = decision_pb2.VERDICT_LEAVE_ALONE
    return answer


def test_the_whole_day_comes_page_after_page(ask: Ask, gateway: FakeServices) -> None:
    found = ask("next_actions", "wang", day=date(2017, 12, 26), minutes=30.0)
    assert [each.customer for each in found.next_actions] == ["customers/7", "customers/8"]
    assert found.rep_day.customers == 2
    requests = [request for name, request in gateway.asked if name == "ListNextActions"]
    assert [request.page_token for request in requests] == ["", "2"]
    for request in requests:
        assert violations(request) == []
        assert (request.parent, request.day.day, request.minutes) == ("reps/wang", 26, 30.0)


def test_what_is_not_given_is_left_to_the_gateway() -> None:
    request = next_actions("reps/wang", None, None)
    assert not request.HasField("day")
    assert not request.HasField("minutes")


def test_the_day_is_told_in_words() -> None:
    whole = a_page(ListNextActionsRequest(parent="reps/wang"))
    whole.next_actions.extend(a_page(ListNextActionsRequest(parent="reps/wang", page_token="2")).next_actions)
    text = page(whole, 5, "en")
    assert (
        "reps/wang on 2017-12-25: 1 customers in 10 of 96 minutes; one more minute would bring 0.25 USD"
        in text
    )
    (line,) = [line for line in text.splitlines() if line.startswith("  1.")]
    for word in ("7", "call-check-in", "10 min", "2.34 USD", "Mon 25 15:00", "Buys within 28 days"):
        assert word in line
    assert "1 are left alone; 2 in all, none without a decision" in text
    assert "概率" in page(whole, 5, "zh")
    assert "customers/8" not in page(whole, 0, "en")
    assert "12% of the catalogue" in text


def test_the_command_prints_json_for_programs(address: str) -> None:
    command = [sys.executable, "-m", "fieldwise_client.cli", "next", "--rep", "wang", "--json"]
    done = subprocess.run(
        command, env={"FIELDWISE_GATEWAY_ADDRESS": address}, capture_output=True, text=True, check=True
    )
    assert len(json.loads(done.stdout)["next_actions"]) == 2
