"""Prices of a period: candidates in, duals out, published as the next version; knows nothing of decisions."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from opentelemetry import trace

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import price_pb2
from fieldwise_allocation import budgeting, store, store_prices, wire
from fieldwise_allocation.core.budgets import Budget
from fieldwise_allocation.core.prices.market import Floats
from fieldwise_allocation.core.prices.outcome import Clearing
from fieldwise_allocation.core.terms import Window
from fieldwise_allocation.price_intake import Intake
from fieldwise_allocation.price_worker import columns_in, priced, priced_from
from fieldwise_allocation.repeating import earlier_answer, remember
from fieldwise_executor.executor import Executor
from fieldwise_runtime import tracing
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import InvalidRequest, Violation
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.workers import run_in_process

log = get_logger(__name__)

# Larger markets go to a process on this machine, which reads the files: sending them would take longer than solving.
SENT_ALONG = 500_000
SOLVE_SECONDS = 600.0


async def solve(
    db: Database,
    executor: Executor,
    requests: AsyncIterable[service_pb2.SolvePricesRequest],
    currency: str,
) -> price_pb2.PriceSet:
    """Solve and publish the prices of a period.

    Raises:
        InvalidRequest: Every fault found in the stream: no frame, a second frame, a resource without a budget ...
        AlreadyExists: Reason REQUEST_ID_REUSED: this id priced another period.
    """
    stream = aiter(requests)
    period, first = await _frame(stream)
    frame = fingerprint(period)
    done = await db.read(lambda c: earlier_answer(c, "SolvePrices", period.request_id, frame))
    if done is not None:
        return price_pb2.PriceSet.FromString(done)
    stated = await budgeting.in_force(db)
    # Read before the candidates come: a plan put in force meanwhile then shows as another one.
    plan = await db.read(store.applied_plan)
    committed = _committed(period)
    capacity = np.array([_left(each, committed) for each in stated])
    with tempfile.TemporaryDirectory(prefix="fieldwise-prices-") as folder:
        intake = Intake({each.resource: i for i, each in enumerate(stated)}, currency, Path(folder))
        await _take_in(intake, first, stream)
        clearing = await _cleared(executor, intake, capacity)
    prices = wire.price_set_message(clearing, stated, currency)
    prices.customers, prices.candidates = intake.customers, intake.candidates
    for price in prices.prices:
        price.used += committed.get(price.resource, 0.0)
    prices.reason = period.reason or price_pb2.PRICE_REASON_ASKED
    prices.traceparent = tracing.carry().get(tracing.TRACEPARENT, "")
    prices.valid_from.CopyFrom(period.valid_from)
    prices.valid_until.CopyFrom(period.valid_until)
    prices.plan = plan
    published = await db.write(lambda c: _publish(c, prices, period.request_id, frame))
    trace.get_current_span().set_attribute("fieldwise.price_set", published.name)
    log.info(
        "prices published",
        prices=published.name,
        reason=price_pb2.PriceReason.Name(published.reason),
        candidates=published.candidates,
        gap=published.gap,
    )
    return published


def _committed(period: service_pb2.PricePeriod) -> dict[str, float]:
    """What decisions have taken already, by resource."""
    return {use.resource: use.amount for use in period.committed}


def _left(budget: Budget, committed: Mapping[str, float]) -> float:
    return max(0.0, budget.capacity - committed.get(budget.resource, 0.0))


async def _frame(
    stream: AsyncIterator[service_pb2.SolvePricesRequest],
) -> tuple[service_pb2.PricePeriod, service_pb2.SolvePricesRequest]:
    first = await anext(stream, None)
    if first is None or not first.HasField("period"):
        raise InvalidRequest([Violation.of("period", "", "the first message carries the period; send it")])
    period = first.period
    if period.valid_until.ToNanoseconds() <= period.valid_from.ToNanoseconds():
        remedy = f"give a moment after valid_from, {period.valid_from.ToJsonString()}"
        raise InvalidRequest([Violation.of("period.valid_until", period.valid_until.ToJsonString(), remedy)])
    return period, first


async def _take_in(
    intake: Intake,
    first: service_pb2.SolvePricesRequest,
    rest: AsyncIterator[service_pb2.SolvePricesRequest],
) -> None:
    """Every message, in a thread: one of 100,000 candidates takes a third of a second, and others wait for their terms."""
    await asyncio.to_thread(intake.take, first)
    async for message in rest:
        if message.HasField("period"):
            raise InvalidRequest([Violation.of("period", "set again", "send it in the first message only")])
        await asyncio.to_thread(intake.take, message)
    if intake.wrong:
        raise InvalidRequest(intake.wrong)


async def _cleared(executor: Executor, intake: Intake, capacity: Floats) -> Clearing:
    if intake.candidates <= SENT_ALONG:
        columns = await asyncio.to_thread(columns_in, intake.folder)
        return await executor.run(priced, columns, capacity, timeout=SOLVE_SECONDS)
    return await run_in_process(priced_from, intake.folder, capacity, timeout=SOLVE_SECONDS)


def _publish(
    connection: sa.Connection, prices: price_pb2.PriceSet, request_id: str, frame: str
) -> price_pb2.PriceSet:
    """Name the set with the next version and keep it; another solve of the same request may have been first."""
    done = earlier_answer(connection, "SolvePrices", request_id, frame)
    if done is not None:
        return price_pb2.PriceSet.FromString(done)
    version = store_prices.newest_version(connection) + 1
    prices.name = f"priceSets/{version}"
    body = prices.SerializeToString()
    window = Window(version, prices.valid_from.ToNanoseconds(), prices.valid_until.ToNanoseconds(), body)
    store_prices.add_price_set(connection, window)
    remember(connection, "SolvePrices", request_id, frame, body)
    return prices
