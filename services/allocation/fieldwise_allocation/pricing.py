"""Prices of a period: candidates in, duals out, published as the next version; knows nothing of decisions."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import price_pb2
from fieldwise_allocation import budgeting, store, wire
from fieldwise_allocation.core.budgets import Budget
from fieldwise_allocation.core.market import Candidate, Market, clear, unknown_resources
from fieldwise_allocation.core.terms import Window
from fieldwise_allocation.repeating import earlier_answer, remember
from fieldwise_executor.executor import Executor
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import InvalidRequest, ResourceExhausted, Violation
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# The simplex takes 3 s for 100,000 candidates and far more than in proportion beyond this many.
MOST_CANDIDATES = 400_000
# Violations kept: the first few hundred say what is wrong.
MOST_VIOLATIONS = 200
SOLVE_SECONDS = 600.0


@dataclass
class _Intake:
    """Candidates as they stream in, and everything wrong with them."""

    known: frozenset[str]
    currency: str
    candidates: list[Candidate] = field(default_factory=list)
    wrong: list[Violation] = field(default_factory=list)
    customers: set[str] = field(default_factory=set)

    def take(self, messages: list[price_pb2.Candidate]) -> None:
        """All candidates of some customers.

        Raises:
            InvalidRequest: Reason FOREIGN_CURRENCY.
            ResourceExhausted: Reason TOO_MANY_CANDIDATES.
        """
        wire.demand_currency(
            ((f"candidates[{k}].value", message.value) for k, message in enumerate(messages)), self.currency
        )
        taken = [wire.candidate_from(message) for message in messages]
        self._check(taken)
        self.candidates += taken
        self.customers |= {candidate.customer for candidate in taken}
        if len(self.candidates) > MOST_CANDIDATES:
            message = (
                f"more than {MOST_CANDIDATES} candidates; send only those worth something, or fewer customers"
            )
            raise ResourceExhausted("TOO_MANY_CANDIDATES", message)

    def _check(self, taken: list[Candidate]) -> None:
        for k, u, resource in unknown_resources(taken, self.known):
            remedy = "no budget has this resource; set one with SetBudgets, 0 if there is none of it"
            self._refuse(f"candidates[{k}].uses[{u}].resource", resource, remedy)
        for k, candidate in enumerate(taken):
            if candidate.customer in self.customers:
                remedy = "an earlier message has candidates of this customer; send them all in one"
                self._refuse(f"candidates[{k}].customer", candidate.customer, remedy)

    def _refuse(self, path: str, value: str, remedy: str) -> None:
        if len(self.wrong) < MOST_VIOLATIONS:
            self.wrong.append(Violation.of(path, value, remedy))


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
    candidates = await _candidates(first, stream, stated, currency)
    committed = _committed(period)
    market = Market.of(candidates, ((each.resource, _left(each, committed)) for each in stated))
    clearing = await executor.run(clear, market, timeout=SOLVE_SECONDS)
    prices = wire.price_set_message(market, clearing, stated, currency)
    whole = {each.resource: each.capacity for each in stated}
    for price in prices.prices:
        price.capacity = whole[price.resource]
        price.used += committed.get(price.resource, 0.0)
    prices.valid_from.CopyFrom(period.valid_from)
    prices.valid_until.CopyFrom(period.valid_until)
    prices.plan = plan
    published = await db.write(lambda c: _publish(c, prices, period.request_id, frame))
    log.info("prices published", prices=published.name, candidates=published.candidates, gap=published.gap)
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


async def _candidates(
    first: service_pb2.SolvePricesRequest,
    rest: AsyncIterator[service_pb2.SolvePricesRequest],
    stated: tuple[Budget, ...],
    currency: str,
) -> list[Candidate]:
    intake = _Intake(frozenset(budget.resource for budget in stated), currency)
    intake.take(list(first.candidates))
    async for message in rest:
        if message.HasField("period"):
            raise InvalidRequest([Violation.of("period", "set again", "send it in the first message only")])
        intake.take(list(message.candidates))
    if intake.wrong:
        raise InvalidRequest(intake.wrong)
    return intake.candidates


def _publish(
    connection: sa.Connection, prices: price_pb2.PriceSet, request_id: str, frame: str
) -> price_pb2.PriceSet:
    """Name the set with the next version and keep it; another solve of the same request may have been first."""
    done = earlier_answer(connection, "SolvePrices", request_id, frame)
    if done is not None:
        return price_pb2.PriceSet.FromString(done)
    version = store.newest_version(connection) + 1
    prices.name = f"priceSets/{version}"
    body = prices.SerializeToString()
    window = Window(version, prices.valid_from.ToNanoseconds(), prices.valid_until.ToNanoseconds(), body)
    store.add_price_set(connection, window)
    remember(connection, "SolvePrices", request_id, frame, body)
    return prices
