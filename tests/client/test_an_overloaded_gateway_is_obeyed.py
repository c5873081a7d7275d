"""A gateway that says when to come back is asked again then, not earlier, and not by everybody: sync, async and the fake alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

import fieldwise_client as fw
from fieldwise_client.fake import FakeAsyncTransport, FakeGateway
from fieldwise_client.retry_budget import RetryBudget
from tests.client.both_clients import Ask, asking
from tests.client.fake_gateway import FakeGatewayServicer, serving, status

DELAY = 0.06


class Refusing(FakeGatewayServicer):
    """Refuses so many calls as overloaded, each to come back after the delay; keeps when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0
        self.delay_seconds = DELAY
        self.asked: list[float] = []

    def _met(self, name: str, request: Any, context: Any) -> None:
        self.asked.append(time.monotonic())
        super()._met(name, request, context)
        if self.refusals > 0:
            self.refusals -= 1
            context.abort_with_status(rpc_status.to_status(overloaded(self.delay_seconds)))


def overloaded(seconds: float) -> status_pb2.Status:
    made = status(code_pb2.RESOURCE_EXHAUSTED, "too many calls at once", "OVERLOADED")
    again = error_details_pb2.RetryInfo()
    again.retry_delay.FromMicroseconds(round(seconds * 1e6))
    made.details.add().Pack(again)
    return made


@pytest.fixture
def gateway() -> Refusing:
    return Refusing()


@pytest.fixture
def address(gateway: Refusing) -> Iterator[str]:
    with serving(gateway) as where:
        yield where


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, address: str) -> Ask:
    return asking(request.param, address)


def test_a_refused_call_is_sent_again_not_before_it_was_told_to(ask: Ask, gateway: Refusing) -> None:
    gateway.refusals = 2
    assert ask("decide", "1").action == "actions/call-check-in"
    first, second, third = gateway.asked
    assert second - first >= DELAY
    assert third - second >= DELAY
    assert len({request.request_id for request in gateway.requests}) == 1


def test_retries_that_do_not_help_end_in_a_typed_error(ask: Ask, gateway: Refusing) -> None:
    gateway.refusals, gateway.delay_seconds = 99, 0.01
    with pytest.raises(fw.Overloaded) as refused:
        ask("decide", "1")
    assert refused.value.retry_after == pytest.approx(0.01)
    assert isinstance(refused.value, fw.ResourceExhausted)
    assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert gateway.calls["Decide"] == 3


def test_a_call_whose_deadline_comes_first_is_not_kept_waiting(ask: Ask, gateway: Refusing) -> None:
    gateway.refusals, gateway.delay_seconds = 99, 5.0
    begun = time.monotonic()
    with pytest.raises(fw.Overloaded):
        ask("decide", "1", timeout=1.0)
    assert time.monotonic() - begun < 0.8
    assert gateway.calls["Decide"] == 1


def test_a_stream_is_refused_and_begun_again_in_the_same_way(ask: Ask, gateway: Refusing) -> None:
    gateway.refusals = 1
    assert len(ask("customers")) == 25
    assert gateway.asked[1] - gateway.asked[0] >= DELAY


def test_one_client_repeats_no_more_than_its_budget(address: str, gateway: Refusing) -> None:
    gateway.refusals, gateway.delay_seconds = 1_000_000, 0.0
    with fw.Client(address) as client:
        for _ in range(50):
            with pytest.raises(fw.Overloaded):
                client.decide("1", timeout=5.0)
    # Fifty calls with two retries each would be 150: an overload multiplied by three.
    assert gateway.calls["Decide"] == 60


def test_answers_earn_repetitions_one_in_ten() -> None:
    budget = RetryBudget()
    assert sum(budget.take() for _ in range(100)) == 10
    for _ in range(10_000):
        budget.answered()
    assert sum(budget.take() for _ in range(100)) == 10, "savings are bounded"
    taken = 0
    for _ in range(1_000):
        budget.answered()
        taken += budget.take()
    assert 95 <= taken <= 101


def test_a_rate_limit_that_says_when_is_obeyed_like_an_overload(ask: Ask, gateway: Refusing) -> None:
    limited = overloaded(DELAY)
    info = error_details_pb2.ErrorInfo(reason="RATE_LIMITED", domain="fieldwise")
    limited.details[0].Pack(info)
    gateway.refusal = limited
    with pytest.raises(fw.ResourceExhausted) as refused:
        ask("decide", "1")
    assert not isinstance(refused.value, fw.Overloaded)
    assert gateway.calls["Decide"] == 3


def through_fake(gateway: FakeGateway) -> Callable[[], fw.Decision]:
    return lambda: fw.Client.fake(gateway).decide("1")


def through_async_fake(gateway: FakeGateway) -> Callable[[], fw.Decision]:
    async def led() -> fw.Decision:
        async with fw.AsyncClient(transport=FakeAsyncTransport(gateway)) as client:
            return await client.decide("1")

    return lambda: asyncio.run(led())


@pytest.mark.parametrize("through", [through_fake, through_async_fake])
def test_the_fake_refuses_as_told_so_that_apps_can_test_it(
    through: Callable[[FakeGateway], Callable[[], fw.Decision]],
) -> None:
    gateway = FakeGateway({})
    decide = through(gateway)
    gateway.refusals = 2
    assert decide().verdict is fw.Verdict.LEAVE_ALONE
    gateway.refusals = 3
    with pytest.raises(fw.Overloaded) as refused:
        decide()
    assert refused.value.retry_after == gateway.retry_after
