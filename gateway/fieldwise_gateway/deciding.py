"""Deciding for many customers under the prices in force, each once: what a rep's day and decide-for-all have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import grpc
import grpc.aio

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.gateway.v1 import rep_days_service_pb2 as days_pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb
from fieldwise_gateway import measures
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.core.diversity import diversity
from fieldwise_gateway.decide import Answer, Ask, Decider
from fieldwise_runtime import deadlines
from fieldwise_runtime.errors import Unavailable
from fieldwise_runtime.tracing import current_trace_id

# Customers in one question to each service, and questions under way at once: one service works while another does.
CHUNK: Final = 250
_IN_FLIGHT: Final = 3
# Those who ask for everybody wait for the services; nothing should stand in because a machine is busy.
SECONDS: Final = 120.0
# Whoever asks for everybody wants the same of each: the body is in this word.
_FINGERPRINT: Final = "next-actions"


async def price_set_in_force(backends: Backends, now: datetime) -> str:
    """`priceSets/{n}` that holds now; empty when none does.

    Raises:
        RpcError: Allocation did not answer.
    """
    request = allocation_pb.GetPricesRequest()
    request.decision_time.FromDatetime(now)
    try:
        return (await backends.allocation.GetPrices(request)).name
    except grpc.aio.AioRpcError as error:
        if error.code() == grpc.StatusCode.NOT_FOUND:
            return ""
        raise


def key_of(price_set: str, now: datetime) -> str:
    """What decisions of one period share: the prices; without prices the day."""
    return price_set.replace("/", "-") if price_set else f"day-{now:%Y-%m-%d}"


async def decide_each(decider: Decider, key: str, customers: Sequence[str]) -> list[Answer]:
    """One decision each, in order; whoever has one under this key keeps it.

    Raises:
        Unavailable: NOT_DECIDED; recommend did not answer for some of them. The others are decided.
    """
    asks = [Ask(f"next/{key}/{name.removeprefix('customers/')}", _FINGERPRINT, name) for name in customers]
    gate = asyncio.Semaphore(_IN_FLIGHT)
    trace_id = current_trace_id()

    async def decide(some: list[Ask]) -> list[Answer]:
        # A caller who is in a hurry must not get decisions in which something stood in: they stay for the whole period.
        deadlines.begin(None)
        async with gate:
            return await decider.decide(some, trace_id)

    # Tasks of their own: a time limit belongs to a task.
    chunks = [asks[start : start + CHUNK] for start in range(0, len(asks), CHUNK)]
    decided = await asyncio.gather(*(asyncio.create_task(decide(chunk)) for chunk in chunks))
    answers = [answer for some in decided for answer in some]
    measures.decided(answer.decision for answer in answers)
    missing = sum(answer.decision.verdict == decision_pb2.VERDICT_NO_DECISION for answer in answers)
    if missing:
        raise Unavailable("NOT_DECIDED", f"recommend did not answer for {missing} customers; ask again")
    return answers


async def catalogue_of(backends: Backends) -> list[str]:
    """The actions that can be chosen."""
    listed = await backends.recommend.ListActions(recommend_pb.ListActionsRequest())
    return [action.name for action in listed.actions]


def diversity_message(customers: Mapping[str, int], catalogue: Iterable[str]) -> days_pb.ActionDiversity:
    """The diversity of chosen actions on the wire."""
    found = diversity(customers, list(catalogue))
    return days_pb.ActionDiversity(
        customers=customers,
        most_frequent_share=found.most_frequent_share,
        entropy_bits=found.entropy_bits,
        coverage=found.coverage,
    )
