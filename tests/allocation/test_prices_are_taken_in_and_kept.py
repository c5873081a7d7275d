"""Candidates into columns, prices of any order of arrival, and the history of every price set, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import grpc
import numpy as np
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import price_pb2
from fieldwise.allocation.v1 import price_service_pb2 as prices_pb2
from fieldwise_allocation import price_history, price_intake, pricing, store_prices
from fieldwise_allocation.__main__ import PACKAGE
from fieldwise_allocation.core.prices.columns import Columns
from fieldwise_allocation.core.terms import Window
from fieldwise_allocation.price_history import Times
from fieldwise_allocation.price_intake import Intake
from fieldwise_allocation.price_worker import columns_in, priced
from fieldwise_runtime import migrations, tracing
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import InvalidRequest, NotFound, ResourceExhausted
from tests.allocation.allocation_servers import (
    NOW,
    WEEK,
    Allocation,
    allocation,
    candidate,
    moment,
    stream,
    week,
)

Take = Callable[..., Intake]
RESOURCES = {"coupon-money": 0, "email-slots": 1}


@pytest.fixture
def take(tmp_path: Path) -> Take:
    """An intake of messages, each given as a list of candidates."""

    def taken(*messages: list[price_pb2.Candidate]) -> Intake:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        intake = Intake(RESOURCES, "USD", folder)
        for message in messages:
            intake.take(service_pb2.SolvePricesRequest(candidates=message))
        return intake

    return taken


def offer(customer: int, action: str, micros: int, *uses: tuple[str, float]) -> price_pb2.Candidate:
    made = candidate(f"customers/{customer}", micros)
    made.action = f"actions/{action}"
    del made.uses[:]
    made.uses.extend(price_pb2.Use(resource=name, amount=amount) for name, amount in uses)
    return made


def offers(customers: int, seed: int = 0) -> list[list[price_pb2.Candidate]]:
    """All candidates of each customer."""
    rng = np.random.default_rng(seed)
    return [
        [
            offer(i, "write", int(rng.integers(-(10**6), 10**7)), ("email-slots", 1.0)),
            offer(
                i,
                "coupon",
                int(rng.integers(-(10**6), 10**7)),
                ("coupon-money", rng.uniform(1, 5)),
                ("email-slots", 1),
            ),
        ]
        for i in range(customers)
    ]


def columns(intake: Intake) -> Columns:
    return columns_in(intake.folder)


# ---- intake -------------------------------------------------------------------------------------------------------


def test_columns_hold_what_the_messages_said_without_what_is_worth_nothing(take: Take) -> None:
    first = [
        offer(1, "write", 3_000_000, ("email-slots", 1.0), ("coupon-money", 2.0), ("email-slots", 0.5)),
        offer(2, "write", -5, ("email-slots", 1.0)),
        offer(1, "call", 2_000_000, ("email-slots", 0.0)),
    ]
    first[0].assumed = True
    found = take(first, [offer(3, "write", 1_000_000)])
    held = columns(found)
    assert (found.customers, found.candidates) == (3, 4)
    assert held.candidates.tolist() == [2, 0, 1]
    assert held.value.tolist() == [2.0, 3.0, 1.0]
    assert held.assumed.tolist() == [False, True, False]
    assert held.uses.tolist() == [0, 2, 0]
    assert held.resource.tolist() == [0, 1]
    assert held.amount.tolist() == [2.0, 1.5]
    assert found.wrong == []


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_rows_and_messages_change_no_bit_of_the_prices(take: Take, seed: int) -> None:
    rng = np.random.default_rng(seed)
    by_customer = offers(60)
    straight = take(*by_customer)
    order = rng.permutation(len(by_customer))
    parts = np.array_split(order, 4)
    mixed = []
    for part in parts:
        rows = [each for i in part for each in by_customer[i]]
        mixed.append([rows[k] for k in rng.permutation(len(rows))])
    shuffled = take(*mixed)
    capacity = np.array([40.0, 20.0])
    one, other = priced(columns(straight), capacity), priced(columns(shuffled), capacity)
    assert one.price.tolist() == other.price.tolist()
    assert one.used.tolist() == other.used.tolist()
    assert (one.value, one.bound, one.assumed_share) == (other.value, other.bound, other.assumed_share)
    assert one.value > 0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (price_pb2.Candidate(action="actions/a"), "candidates[0].customer"),
        (price_pb2.Candidate(customer="customers/\0", action="actions/a"), "candidates[0].customer"),
        (price_pb2.Candidate(customer="customers/1"), "candidates[0].action"),
        (price_pb2.Candidate(customer="customers/1", action="actions/a"), "candidates[0].value"),
        (offer(1, "write", 5, ("email-slots", -1.0)), "candidates[0].uses[0].amount"),
        (offer(1, "write", 5, ("email-slots", float("nan"))), "candidates[0].uses[0].amount"),
        (offer(1, "write", 5, ("email-slots", 1e13)), "candidates[0].uses[0].amount"),
        (offer(1, "write", 5, *[("email-slots", 1.0)] * 17), "candidates[0].uses"),
    ],
)
def test_what_breaks_a_rule_of_the_contract_is_refused_with_its_field(
    take: Take, wrong: price_pb2.Candidate, field: str
) -> None:
    with pytest.raises(InvalidRequest) as fault:
        take([wrong])
    assert field in [each.field for each in fault.value.violations]


def test_another_currency_is_refused(take: Take) -> None:
    foreign = offer(1, "write", 5)
    foreign.value.currency_code = "CHF"
    with pytest.raises(InvalidRequest) as fault:
        take([offer(2, "write", 5), foreign])
    assert fault.value.reason == "FOREIGN_CURRENCY"
    assert [each.field for each in fault.value.violations] == ["candidates[1].value.currency_code"]


def test_a_customer_in_two_messages_is_named_and_one_in_one_message_is_not(take: Take) -> None:
    twice = take([offer(1, "write", 5), offer(1, "call", 5)], [offer(2, "write", 5), offer(1, "write", 5)])
    assert [(each.field, each.value) for each in twice.wrong] == [("candidates[1].customer", "'customers/1'")]


def test_more_candidates_than_can_be_priced_are_refused(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_intake, "MOST_CANDIDATES", 3)
    take(*offers(1))
    with pytest.raises(ResourceExhausted) as fault:
        take(*offers(2))
    assert fault.value.reason == "TOO_MANY_CANDIDATES"


# ---- over a socket ------------------------------------------------------------------------------------------------


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Allocation]:
    async with allocation(tmp_path) as running:
        budgets = [
            price_pb2.Budget(resource="coupon-money", unit="{currency}", capacity=15),
            price_pb2.Budget(resource="email-slots", unit="1", capacity=20),
        ]
        await running.calls.SetBudgets(service_pb2.SetBudgetsRequest(budgets=budgets, request_id="b"))
        yield running


def solving(request_id: str, start: int = NOW) -> list[service_pb2.SolvePricesRequest]:
    all_candidates = [each for rows in offers(60) for each in rows]
    return [week(request_id, start), service_pb2.SolvePricesRequest(candidates=all_candidates)]


async def test_a_market_sent_along_and_one_read_from_files_have_the_same_prices(
    served: Allocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    along = await served.calls.SolvePrices(stream(*solving("along")))
    monkeypatch.setattr(pricing, "SENT_ALONG", 0)
    read = await served.calls.SolvePrices(stream(*solving("read")))
    assert list(read.prices) == list(along.prices)
    assert (along.customers, along.candidates) == (60, 120)
    assert all(price.micros_per_unit > 0 for price in along.prices)


async def test_why_prices_were_solved_is_kept_with_them_and_asked_for_is_the_default(
    served: Allocation,
) -> None:
    frame = week("for the plan", NOW + WEEK)
    frame.period.reason = price_pb2.PRICE_REASON_PLAN_CHANGED
    await served.calls.SolvePrices(stream(week()))
    await served.calls.SolvePrices(stream(frame))
    listed = await served.prices.ListPriceSets(prices_pb2.ListPriceSetsRequest())
    assert [(each.name, each.reason) for each in listed.price_sets] == [
        ("priceSets/2", price_pb2.PRICE_REASON_PLAN_CHANGED),
        ("priceSets/1", price_pb2.PRICE_REASON_ASKED),
    ]
    second = await served.prices.GetPriceSet(prices_pb2.GetPriceSetRequest(name="priceSets/2"))
    assert second == listed.price_sets[0]


async def test_a_decision_is_linked_to_the_solve_of_its_prices(served: Allocation) -> None:
    kept = InMemorySpanExporter()
    recording = tracing.configure("fieldwise-allocation", "", spans_to=SimpleSpanProcessor(kept))
    try:
        solved = await served.calls.SolvePrices(stream(week()))
        request = service_pb2.LookUpTermsRequest(customers=["customers/1"], decision_time=moment())
        assert (await served.calls.LookUpTerms(request)).price_set == solved
    finally:
        recording.shutdown()
        tracing.configure("fieldwise-test", "")
    spans = {span.name.rpartition("/")[2]: span for span in kept.get_finished_spans()}
    solve = spans["SolvePrices"].context
    assert solved.traceparent == tracing.traceparent(solve)
    (link,) = spans["LookUpTerms"].links
    assert (link.context.trace_id, link.context.span_id) == (solve.trace_id, solve.span_id)


async def test_a_version_that_never_was_is_not_found(served: Allocation) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as fault:
        await served.prices.GetPriceSet(prices_pb2.GetPriceSetRequest(name="priceSets/7"))
    assert fault.value.code() is grpc.StatusCode.NOT_FOUND


# ---- history, on both databases -----------------------------------------------------------------------------------


@pytest.fixture
async def kept(database_url: str) -> AsyncIterator[Database]:
    """Ten price sets of a week each, and one more in the last week."""
    migrations.migrate(database_url, PACKAGE)
    database = Database.open(database_url)
    for version in range(1, 12):
        start = min(version, 10) * WEEK + (1000 if version == 11 else 0)
        window = Window(version, start, (min(version, 10) + 1) * WEEK, str(version).encode())
        await database.write(partial(store_prices.add_price_set, window=window))
    yield database
    await database.close()


async def versions(database: Database, times: Times, size: int = 0) -> list[int]:
    """Page by page to the end."""
    found, token = await price_history.page(database, times, size, "")
    pages = list(found)
    while token:
        found, token = await price_history.page(database, times, size, token)
        assert found
        pages += found
    return [int(each) for each in pages]


async def test_the_history_is_whole_newest_first_whatever_the_page(kept: Database) -> None:
    for size in (0, 1, 3, 11):
        assert await versions(kept, Times(None, None), size) == list(range(11, 0, -1))


async def test_the_history_can_be_cut_by_the_time_that_prices_held(kept: Database) -> None:
    assert await versions(kept, Times(9 * WEEK, None)) == [11, 10, 9]
    assert await versions(kept, Times(None, 3 * WEEK), 1) == [2, 1]
    assert await versions(kept, Times(4 * WEEK + 5, 6 * WEEK)) == [5, 4]


async def test_bad_questions_about_the_history_are_refused(kept: Database) -> None:
    with pytest.raises(InvalidRequest, match="until"):
        await versions(kept, Times(WEEK, WEEK))
    _, token = await price_history.page(kept, Times(None, None), 2, "")
    with pytest.raises(InvalidRequest, match="page_token"):
        await price_history.page(kept, Times(WEEK, None), 2, token)
    with pytest.raises(NotFound) as fault:
        await price_history.price_set(kept, "priceSets/12")
    assert fault.value.reason == "PRICE_SET_NOT_FOUND"
    assert await price_history.price_set(kept, "priceSets/11") == b"11"
