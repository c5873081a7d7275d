"""PlanTerritories: accounts as given, or derived from what profile and forecast say of the customers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime

from google.longrunning import operations_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.allocation.v1 import plan_pb2
from fieldwise.forecast.v1 import score_pb2
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.profile.v1 import profile_pb2
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.census import Chunk, census
from fieldwise_gateway.core.questions import BUYS, SILENT
from fieldwise_gateway.core.workload import Outlook, account_value, workload_hours
from fieldwise_runtime.errors import FailedPrecondition
from fieldwise_runtime.fingerprints import fingerprint

_RECENT_ORDERS = "purchase_days_28d"
# Accounts copied in one go: no thread gets a turn meanwhile.
_AT_A_TIME = 2_000


async def plan_territories(
    backends: Backends, request: gateway_pb.PlanTerritoriesRequest, now: datetime, currency: str
) -> operations_pb2.Operation:
    """Start the plan at allocation; its operation is the answer.

    Raises:
        FailedPrecondition: NO_CUSTOMERS; there is nobody to plan for.
    """
    accounts = list(request.accounts) or await _derived(backends, now, currency)
    # In a thread: while fifty thousand accounts are copied, decisions go on.
    asked = await asyncio.to_thread(_asked, request, accounts, now)
    return await backends.allocation.PlanTerritories(asked)


def _asked(
    request: gateway_pb.PlanTerritoriesRequest, accounts: Sequence[plan_pb2.Account], now: datetime
) -> allocation_pb.PlanTerritoriesRequest:
    asked = allocation_pb.PlanTerritoriesRequest(
        request_id=request.request_id, reps=request.reps, rules=request.rules
    )
    for first in range(0, len(accounts), _AT_A_TIME):
        asked.accounts.extend(accounts[first : first + _AT_A_TIME])
    asked.decision_time.FromDatetime(now)
    if not request.accounts:
        # What is derived differs after new events; the caller's request does not.
        asked.fingerprint = fingerprint(request)
    return asked


async def _derived(backends: Backends, now: datetime, currency: str) -> list[plan_pb2.Account]:
    catalogue = await backends.recommend.ListActions(recommend_pb.ListActionsRequest())
    margin = catalogue.margins[""]
    accounts: list[plan_pb2.Account] = []
    async for chunk in census(backends, now):
        accounts += _accounts(chunk, margin, currency)
    if not accounts:
        raise FailedPrecondition(
            "NO_CUSTOMERS", "no customer is known; send events first, or send accounts to plan for"
        )
    return accounts


def _accounts(chunk: Chunk, margin: float, currency: str) -> Iterator[plan_pb2.Account]:
    column = [each.name for each in chunk.feature_set.columns].index(_RECENT_ORDERS)
    for profile, scores, rep in zip(chunk.profiles, chunk.scores.scores, chunk.reps, strict=True):
        outlook = _outlook(profile, scores, profile.features.values[column])
        account = plan_pb2.Account(name=profile.name, workload_hours=workload_hours(outlook), incumbent=rep)
        account.value.currency_code = currency
        account.value.micros = account_value(outlook, margin)
        yield account


def _outlook(profile: profile_pb2.Profile, scores: score_pb2.CustomerScores, recent_orders: float) -> Outlook:
    # Without a version it is a base rate: of a customer without a rhythm, or who is silent already and beyond a rescue.
    probability = {each.model: each.probability for each in scores.predictions if each.model_version}
    return Outlook(
        p_buys=probability.get(BUYS, 0.0),
        p_silent=probability.get(SILENT, 0.0),
        spend_if_buys=scores.spend_if_buys.micros,
        usual_gap_days=profile.usual_gap_days if profile.HasField("usual_gap_days") else None,
        orders_last_28_days=recent_orders,
    )
