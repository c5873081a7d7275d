"""solve-prices, and when it is due: candidates of all customers, valued by recommend, priced by allocation, for the rest of the week."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.allocation.v1 import price_pb2
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.census import Chunk, census
from fieldwise_gateway.core.names import decision_name

# Candidates are valued as decisions would be, without being any: the name is well formed and belongs to none.
_NO_DECISION = decision_name(0, 0)
# Every customer is read and valued while the call is open: 1,000,000 at 2,300 a second take eight minutes on two cores, and
# solving may take ten (allocation's own limit). Each call to a service on the way has a limit of its own.
_LONGEST = 3_600.0


async def why_due(backends: Backends, now: datetime) -> price_pb2.PriceReason.ValueType | None:
    """Why prices have to be solved: there are none for ``now``, or they rest on another plan or on other budgets; else None.

    Raises:
        RpcError: Allocation did not answer.
    """
    request = allocation_pb.GetPricesRequest()
    request.decision_time.FromDatetime(now)
    try:
        prices = await backends.allocation.GetPrices(request)
    except grpc.aio.AioRpcError as error:
        if error.code() == grpc.StatusCode.NOT_FOUND:
            return price_pb2.PRICE_REASON_NEW_PERIOD
        raise
    stated = await backends.allocation.ListBudgets(allocation_pb.ListBudgetsRequest())
    if prices.plan != stated.plan:
        return price_pb2.PRICE_REASON_PLAN_CHANGED
    priced = {price.resource: price.capacity for price in prices.prices}
    if priced != {budget.resource: budget.capacity for budget in stated.budgets}:
        return price_pb2.PRICE_REASON_BUDGETS_CHANGED
    return None


async def solve_prices(
    backends: Backends,
    now: datetime,
    request_id: str,
    reason: price_pb2.PriceReason.ValueType = price_pb2.PRICE_REASON_ASKED,
) -> price_pb2.PriceSet:
    """The price set from ``now`` to the end of the week, for what decisions have left of the week's budgets.

    Raises:
        RpcError: A service did not answer; no prices were published then.
    """
    return await backends.allocation.SolvePrices(
        _messages(backends, now, request_id, reason), timeout=_LONGEST
    )


def week_end(now: datetime) -> datetime:
    """The next Monday, 00:00 UTC, after ``now``: budgets are per week, whenever prices are solved in it."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=7 - now.weekday())


async def _messages(
    backends: Backends, now: datetime, request_id: str, reason: price_pb2.PriceReason.ValueType
) -> AsyncIterator[allocation_pb.SolvePricesRequest]:
    period = allocation_pb.PricePeriod(request_id=request_id, reason=reason)
    period.valid_from.FromDatetime(now)
    period.valid_until.FromDatetime(week_end(now))
    asked = recommend_pb.GetCommitmentsRequest(valid_until=period.valid_until)
    period.committed.extend((await backends.recommend.GetCommitments(asked)).uses)
    yield allocation_pb.SolvePricesRequest(period=period)
    async for chunk in census(backends, now):
        inputs = list(_inputs(chunk, period.valid_from))
        if inputs:
            valued = await backends.recommend.ValueActions(recommend_pb.ValueActionsRequest(inputs=inputs))
            yield allocation_pb.SolvePricesRequest(candidates=valued.candidates)


def _inputs(chunk: Chunk, moment: Timestamp) -> list[decision_pb2.DecisionInputs]:
    return [
        decision_pb2.DecisionInputs(
            decision=_NO_DECISION,
            request_id=str(uuid.UUID(int=0)),
            fingerprint="none",
            customer=profile.name,
            decision_time=moment,
            profile=profile,
            scores=scores,
            rep=rep,
        )
        for profile, scores, rep in zip(chunk.profiles, chunk.scores.scores, chunk.reps, strict=True)
    ]
