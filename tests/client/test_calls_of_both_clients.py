"""What every call keeps to, sync and async alike: deadlines, retries, idempotency, typed errors. Real gRPC."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2

import fieldwise_client as fw
from fieldwise.allocation.v1 import price_pb2, rep_pb2
from fieldwise.profile.v1.event_pb2 import Event
from fieldwise.recommend.v1.decision_pb2 import Decision as DecisionMessage
from tests.client.fake_gateway import INFEASIBLE, UUID, FakeGatewayServicer, serving, status

Ask = Callable[..., Any]


@pytest.fixture
def gateway() -> FakeGatewayServicer:
    return FakeGatewayServicer()


@pytest.fixture
def address(gateway: FakeGatewayServicer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving(gateway) as where:
        monkeypatch.setenv("FIELDWISE_JOBS_ADDRESS", where)
        yield where


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, address: str) -> Ask:
    """Calls a method of either client and gives its answer; iterators as lists."""

    def through_sync(method: str, *args: Any, client: dict[str, Any] | None = None, **more: Any) -> Any:
        with fw.Client(address, **(client or {})) as made:
            answer = getattr(made, method)(*args, **more)
            return list(answer) if inspect.isgenerator(answer) else answer

    def through_async(method: str, *args: Any, client: dict[str, Any] | None = None, **more: Any) -> Any:
        async def led() -> Any:
            async with fw.AsyncClient(address, **(client or {})) as made:
                answer = getattr(made, method)(*args, **more)
                return [each async for each in answer] if inspect.isasyncgen(answer) else await answer

        return asyncio.run(led())

    return through_sync if request.param == "sync" else through_async


def test_a_decision_is_read_into_plain_values(ask: Ask) -> None:
    decision = ask("decide", "C-00417")
    assert (decision.customer, decision.action, decision.rep) == (
        "customers/C-00417",
        "actions/call-check-in",
        "reps/wang",
    )
    assert decision.value == fw.Money(2_345_678, "USD")
    assert decision.value.amount == Decimal("2.345678")
    assert decision.reasons == (fw.Reason("LIKELY_TO_BUY", {"p": 0.5}),)
    assert str(decision.reasons[0]) == "Buys within 28 days with probability 50%."
    assert isinstance(decision.proto, DecisionMessage)


def test_several_decisions_come_in_the_order_of_the_customers(ask: Ask) -> None:
    assert [each.customer for each in ask("decide_many", ["3", "1"])] == ["customers/3", "customers/1"]


def test_a_call_is_tried_again_with_the_same_request_id(ask: Ask, gateway: FakeGatewayServicer) -> None:
    gateway.unavailable = 2
    assert ask("decide", "1").action == "actions/call-check-in"
    assert gateway.calls["Decide"] == 3
    assert len({request.request_id for request in gateway.requests}) == 1
    assert gateway.requests[0].request_id


def test_two_calls_have_two_request_ids(ask: Ask, gateway: FakeGatewayServicer) -> None:
    ask("decide", "1")
    ask("decide", "1")
    assert len({request.request_id for request in gateway.requests}) == 2


def test_retries_end_and_say_who_did_not_answer(ask: Ask, gateway: FakeGatewayServicer, address: str) -> None:
    gateway.unavailable = 99
    with pytest.raises(fw.Unavailable, match=f"gateway at {address} does not answer"):
        ask("decide", "1")
    assert gateway.calls["Decide"] == 3


def test_retries_stay_within_the_deadline(ask: Ask, gateway: FakeGatewayServicer) -> None:
    gateway.unavailable = 99
    begun = time.monotonic()
    with pytest.raises(fw.Unavailable):
        ask("decide", "1", client={"retries": 50}, timeout=0.4)
    assert time.monotonic() - begun < 0.8
    assert all(left < 0.5 for left in gateway.remaining)


def test_only_silence_is_tried_again(ask: Ask, gateway: FakeGatewayServicer) -> None:
    gateway.refusal = status(code_pb2.NOT_FOUND, "customers/9 does not exist", "CUSTOMER_NOT_FOUND")
    with pytest.raises(fw.NotFound) as refused:
        ask("decide", "9", require_known=True)
    assert refused.value.reason == "CUSTOMER_NOT_FOUND"
    assert gateway.calls["Decide"] == 1


def test_a_late_answer_is_a_deadline_exceeded(ask: Ask, gateway: FakeGatewayServicer) -> None:
    gateway.delay = 0.5
    with pytest.raises(fw.DeadlineExceeded, match="timeout="):
        ask("decide", "1", timeout=0.1)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
@pytest.mark.parametrize(
    ("method", "args"),
    [("decide", ["1"]), ("ingest", [[]]), ("customers", []), ("plan_territories", []), ("clock", [])],
)
def test_a_timeout_that_is_not_positive_is_refused_at_once(
    ask: Ask, gateway: FakeGatewayServicer, method: str, args: list[Any], timeout: float
) -> None:
    with pytest.raises(fw.InvalidRequest) as refused:
        ask(method, *args, timeout=timeout)
    (violation,) = refused.value.violations
    assert violation.field == "timeout"
    assert f"got {timeout!r}; give seconds above 0" in violation.description
    assert not gateway.calls


def test_every_wrong_field_is_told(ask: Ask, gateway: FakeGatewayServicer) -> None:
    wrong = [("customers", "got 10001 items; split the batch"), ("max_actions", "got -1; give 0 to 50")]
    gateway.refusal = status(code_pb2.INVALID_ARGUMENT, "2 fields are wrong", "INVALID_REQUEST", *wrong)
    with pytest.raises(fw.InvalidRequest) as refused:
        ask("decide_many", ["1"])
    assert [(each.field, each.description) for each in refused.value.violations] == wrong


def test_a_reused_request_id_has_a_class_of_its_own(ask: Ask, gateway: FakeGatewayServicer) -> None:
    gateway.refusal = status(code_pb2.ALREADY_EXISTS, "used before", "REQUEST_ID_REUSED")
    with pytest.raises(fw.RequestIdReused):
        ask("decide", "1", request_id="r-1")


def test_an_unknown_outcome_is_refused_with_the_known_ones(ask: Ask) -> None:
    with pytest.raises(fw.InvalidRequest, match="acted, declined, responded, purchased, opted_out"):
        ask("record_outcome", f"decisions/{UUID}", "bought")


def test_an_outcome_carries_money_and_time(ask: Ask, gateway: FakeGatewayServicer) -> None:
    at = datetime(2024, 5, 1, 12, tzinfo=UTC)
    ask("record_outcome", UUID, "purchased", amount=fw.Money(5_000_000, "USD"), event_time=at)
    (request,) = gateway.requests
    assert (request.decision, request.amount.micros) == (f"decisions/{UUID}", 5_000_000)
    assert request.event_time.ToDatetime(tzinfo=UTC) == at


def test_a_time_without_a_zone_is_refused(ask: Ask) -> None:
    with pytest.raises(fw.InvalidRequest, match="event_time"):
        ask("record_outcome", UUID, "acted", event_time=datetime(2024, 5, 1))


def test_customers_are_paged_through(ask: Ask) -> None:
    assert ask("customers", page_size=10) == [f"customers/{number}" for number in range(25)]


def test_a_replay_says_whether_it_is_identical(ask: Ask) -> None:
    replay = ask("replay_decision", UUID)
    assert (replay.identical, replay.score_difference) == (True, 0.0)
    assert replay.stored == replay.replayed


def events(count: int) -> Iterator[Event]:
    for number in range(count):
        yield Event(event_id=str(number), source="pos", customer="customers/1")


def test_events_go_in_batches_and_each_is_acknowledged(ask: Ask, gateway: FakeGatewayServicer) -> None:
    answers = ask("ingest", events(4_500))
    assert [answer.accepted for answer in answers] == [2000, 2000, 500]
    assert len(gateway.events) == 4_500


def test_a_break_loses_no_event_and_counts_none_twice(ask: Ask, gateway: FakeGatewayServicer) -> None:
    gateway.break_after_batches = 3
    answers = ask("ingest", events(1_000), chunk=100)
    assert sorted(answer.batch_number for answer in answers) == list(range(1, 11))
    assert len(gateway.events) == 1_000
    assert gateway.calls["IngestEvents"] == 2


def test_no_events_are_no_batches(ask: Ask) -> None:
    assert ask("ingest", []) == []


def test_a_plan_is_waited_for_and_its_progress_told(ask: Ask, gateway: FakeGatewayServicer) -> None:
    told: list[fw.PlanProgress] = []
    plan = ask("plan_territories", progress=told.append)
    assert plan.name == f"plans/{UUID}"
    assert [each.step for each in told] == ["queued", "improving", "improving"]
    assert told[-1].gap == pytest.approx(0.8)
    assert not gateway.cancelled.is_set()


def test_an_infeasible_plan_is_a_typed_error(ask: Ask, gateway: FakeGatewayServicer) -> None:
    gateway.plan = lambda _: INFEASIBLE
    with pytest.raises(fw.InfeasiblePlan, match="cold-chain"):
        ask("plan_territories")


def test_a_plan_that_takes_too_long_is_cancelled(ask: Ask, gateway: FakeGatewayServicer) -> None:
    gateway.polls_until_done = 10_000
    with pytest.raises(fw.DeadlineExceeded, match="timeout="):
        ask("plan_territories", timeout=0.5)
    assert gateway.cancelled.is_set()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, ValueError])
def test_what_interrupts_the_wait_cancels_the_plan(
    ask: Ask, gateway: FakeGatewayServicer, interrupt: type[BaseException]
) -> None:
    def stop(_: fw.PlanProgress) -> None:
        raise interrupt

    with pytest.raises(interrupt):
        ask("plan_territories", progress=stop)
    assert gateway.cancelled.wait(2)


def test_a_job_is_waited_for(ask: Ask) -> None:
    assert ask("run_job", "solve-prices").summary == "done"


def test_the_calls_that_operate_a_company(ask: Ask, gateway: FakeGatewayServicer) -> None:
    budget = price_pb2.Budget(resource="coupon-money", unit="USD", capacity=500)
    later = datetime(2024, 5, 1, tzinfo=UTC)
    assert ask("set_budgets", [budget]) == [budget]
    assert ask("prices").name == "priceSets/1"
    assert ask("apply_plan", UUID).applied
    assert ask("get_plan", f"plans/{UUID}").name == f"plans/{UUID}"
    assert ask("create_rep", rep_pb2.Rep(name="reps/li", hours_per_week=20)).name == "reps/li"
    assert [rep.name for rep in ask("reps")] == ["reps/wang"]
    assert ask("move_clock", later).now.ToDatetime(tzinfo=UTC) == later
    assert ask("job_runs") == []
    ask("forecast", ["CHEESE"], horizon_weeks=4)
    ask("model_versions")
    written = [request.request_id for request in gateway.requests if hasattr(request, "request_id")]
    assert len(written) == 3
    assert all(written)


async def test_a_cancelled_task_cancels_the_plan(address: str, gateway: FakeGatewayServicer) -> None:
    gateway.polls_until_done = 10_000
    async with fw.AsyncClient(address) as client:
        begun = asyncio.Event()
        task = asyncio.create_task(client.plan_territories(progress=lambda _: begun.set()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert gateway.cancelled.is_set()


def test_one_client_serves_many_threads(address: str, gateway: FakeGatewayServicer) -> None:
    with fw.Client(address, timeout=10) as client:
        threads = [threading.Thread(target=client.decide, args=(str(number),)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert gateway.calls["Decide"] == 16


def test_a_gateway_that_is_not_there_is_named_with_the_remedy() -> None:
    with fw.Client("127.0.0.1:1") as client, pytest.raises(fw.Unavailable) as refused:
        client.decide("1")
    assert "127.0.0.1:1" in str(refused.value)
    assert "fieldwise up" in str(refused.value)


def test_the_address_comes_from_the_environment(
    address: str, gateway: FakeGatewayServicer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDWISE_GATEWAY_ADDRESS", address)
    with fw.Client() as client:
        assert client.clock().recorded


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    def signatures(kind: type) -> dict[str, str]:
        public = {name: each for name, each in inspect.getmembers(kind, callable) if not name.startswith("_")}
        return {name: str(inspect.signature(each)).split(" -> ")[0] for name, each in public.items()}

    assert signatures(fw.Client) == signatures(fw.AsyncClient)


def test_every_error_class_is_reached_from_its_code() -> None:
    from fieldwise_client.errors import from_status

    for kind in fw.FieldwiseError.__subclasses__():
        made = from_status(status(kind.code.value[0], "x", "SOME_REASON"))
        assert type(made) is kind
    assert type(from_status(status(grpc.StatusCode.DATA_LOSS.value[0], "x", ""))) is fw.FieldwiseError
