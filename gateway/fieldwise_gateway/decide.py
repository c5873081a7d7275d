"""Decide: what is known of the customer, held or asked for, then the choice; every gap is filled and named, nothing hangs.

The gateway composes and decides nothing itself. Decisions that are asked for one by one while others are under way go to the
services together (`coalescing.py`).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.recommend.v1 import decision_pb2
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb
from fieldwise_gateway import measures, parts
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.coalescing import Coalescer
from fieldwise_gateway.core.names import decision_name
from fieldwise_gateway.core.time_budget import ANSWER_RESERVE, TimeBudget, longest
from fieldwise_gateway.core.wire_fields import delimited
from fieldwise_gateway.gathering import LATE, Facts, Gatherer, noted
from fieldwise_gateway.holding import Holding
from fieldwise_gateway.snapshots import Snapshots
from fieldwise_runtime import deadlines
from fieldwise_runtime.errors import AlreadyExists, NotFound, Unavailable

# Questions that go to the services together; a chunk of a batch is as large.
_MOST_TOGETHER: Final = 128
_RECOMMEND: Final = "/fieldwise.recommend.v1.RecommendService/BatchRecommendActions"
_INPUTS: Final = recommend_pb.BatchRecommendActionsRequest.INPUTS_FIELD_NUMBER
_PRICE_SET: Final = recommend_pb.BatchRecommendActionsRequest.PRICE_SET_FIELD_NUMBER
_DECISION_TIME: Final = decision_pb2.DecisionInputs.DECISION_TIME_FIELD_NUMBER


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for one customer."""

    request_id: str
    fingerprint: str
    customer: str
    channels: tuple[str, ...] = ()
    max_actions: int = 0
    require_known: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision; ``repeated`` when it was made for the same request before."""

    decision: decision_pb2.Decision
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class _Choice:
    """One question to recommend; ``wire`` is all of its DecisionInputs but the decision time, which a batch has in common."""

    ask: Ask
    decision: str
    trace_id: str
    facts: Facts
    wire: bytes


# What recommend said of one question, or why it said nothing, and the moment for which it was asked.
_Chosen = tuple[recommend_pb.Decided | str, Timestamp]


class Decider:
    """Composes decisions from the four services."""

    def __init__(
        self,
        backends: Backends,
        snapshots: Snapshots,
        now: Callable[[], datetime],
        seconds: float,
        holding: Holding | None = None,
    ) -> None:
        self._gatherer = Gatherer(backends, snapshots, now, holding)
        self._seconds = seconds
        self._now = now
        self._recommend: Any = backends.recommend_channel.unary_unary(
            _RECOMMEND, None, recommend_pb.BatchRecommendActionsResponse.FromString
        )
        self._facts = Coalescer[str, Facts](
            "of facts", self._ask_facts, _MOST_TOGETHER, partial(measures.coalesced, "profile")
        )
        self._choices = Coalescer[_Choice, _Chosen](
            "of choices", self._choose, _MOST_TOGETHER, partial(measures.coalesced, "recommend")
        )

    @property
    def waiting(self) -> int:
        """Questions that wait for a batch now."""
        return self._facts.waiting + self._choices.waiting

    async def decide(self, asks: Sequence[Ask], trace_id: str) -> list[Answer]:
        """One decision per ask, in order.

        Raises:
            NotFound: A customer who must be known is not.
            Unavailable: CUSTOMER_STATE_UNKNOWN; nobody can say whether a customer who must be known is.
            AlreadyExists: A request_id was used with another body.
        """
        if deadlines.remaining() is None:
            # One limit for all steps together: each on its own would let them add up to more.
            deadlines.begin(longest(self._seconds, len(asks)))
        if len(asks) == 1:
            return [await self._one(asks[0], trace_id)]
        known = await self._known([ask.customer for ask in asks])
        _refuse_strangers(asks, known)
        choices = [_choice(ask, facts, trace_id) for ask, facts in zip(asks, known, strict=True)]
        return _answers(choices, await self._choose(choices))

    async def warm(self, customers: Sequence[str]) -> None:
        """Ask for what is known of these customers, so that it is held when the next decision needs it."""
        await self._gatherer.ask(customers, self._seconds)

    async def _one(self, ask: Ask, trace_id: str) -> Answer:
        (held,) = self._gatherer.held([ask.customer])
        facts = held or await self._fresh(ask.customer)
        _refuse_strangers([ask], [facts])
        choice = _choice(ask, facts, trace_id)
        try:
            async with asyncio.timeout(deadlines.budget(self._seconds) - ANSWER_RESERVE):
                chosen = await self._choices.ask(choice)
        except TimeoutError:
            # Waiting for the others took too long; the work itself has a limit of its own.
            chosen = LATE, self._moment()
        (answer,) = _answers([choice], [chosen])
        return answer

    async def _fresh(self, customer: str) -> Facts:
        budget = TimeBudget.of(deadlines.budget(self._seconds))
        try:
            async with asyncio.timeout(budget.profile + budget.facts + ANSWER_RESERVE):
                return await self._facts.ask(customer)
        except TimeoutError:
            return self._gatherer.late(customer)

    async def _known(self, customers: list[str]) -> list[Facts]:
        """What is held, and in one go the rest."""
        held = self._gatherer.held(customers)
        missing = [customer for customer, facts in zip(customers, held, strict=True) if facts is None]
        asked = iter(await self._ask_facts(missing) if missing else ())
        return [facts or next(asked) for facts in held]

    async def _ask_facts(self, customers: Sequence[str]) -> list[Facts]:
        return await self._gatherer.ask(customers, longest(self._seconds, len(customers)))

    async def _choose(self, choices: Sequence[_Choice]) -> list[_Chosen]:
        """What recommend chose, in order; never raises for a service that does not answer."""
        moment = self._moment()
        at = delimited(_DECISION_TIME, moment.SerializeToString())
        chosen: list[_Chosen] = [("", moment)] * len(choices)
        for some in _by_prices(choices):
            prices = choices[some[0]].facts.prices
            request = [delimited(_INPUTS, choices[i].wire + at) for i in some]
            if prices is not None:
                request.append(delimited(_PRICE_SET, prices.SerializeToString()))
            try:
                timeout = deadlines.budget(longest(self._seconds, len(choices))) - ANSWER_RESERVE
                answer = await self._recommend(b"".join(request), timeout=timeout)
            except grpc.aio.AioRpcError as error:
                detail = noted("recommend", error)
                for i in some:
                    chosen[i] = detail, moment
            else:
                for i, decided in zip(some, answer.decided, strict=True):
                    chosen[i] = decided, moment
        return chosen

    def _moment(self) -> Timestamp:
        moment = Timestamp()
        moment.FromDatetime(self._now())
        return moment


def _by_prices(choices: Sequence[_Choice]) -> list[list[int]]:
    """Places of the questions that are asked under the same prices: all of them, but for the moment when prices change."""
    groups: dict[str, list[int]] = {}
    for place, choice in enumerate(choices):
        prices = choice.facts.prices
        groups.setdefault(prices.name if prices else "", []).append(place)
    return list(groups.values())


def _choice(ask: Ask, facts: Facts, trace_id: str) -> _Choice:
    decision = decision_name(time.time_ns() // 1_000_000, secrets.randbits(80))
    inputs = decision_pb2.DecisionInputs(
        decision=decision,
        request_id=ask.request_id,
        fingerprint=ask.fingerprint,
        customer=ask.customer,
        max_actions=ask.max_actions,
        channels=ask.channels,
        rep=facts.rep,
        parts=facts.parts,
        trace_id=trace_id,
    )
    return _Choice(ask, decision, trace_id, facts, inputs.SerializeToString() + facts.wire)


def _answers(choices: Sequence[_Choice], chosen: Sequence[_Chosen]) -> list[Answer]:
    _refuse_reused(choices, chosen)
    return [
        Answer(_no_decision(choice, one, moment))
        if isinstance(one, str)
        else Answer(one.decision, one.repeated_request)
        for choice, (one, moment) in zip(choices, chosen, strict=True)
    ]


def _no_decision(choice: _Choice, detail: str, moment: Timestamp) -> decision_pb2.Decision:
    decision = decision_pb2.Decision(
        name=choice.decision,
        request_id=choice.ask.request_id,
        customer=choice.ask.customer,
        decision_time=moment,
        verdict=decision_pb2.VERDICT_NO_DECISION,
        parts=[*choice.facts.parts, parts.missing_recommend(detail)],
        trace_id=choice.trace_id,
        no_decision_reason=f"recommend {detail}; ask again with the same request_id",
    )
    if choice.facts.profile is not None:
        decision.data_quality.CopyFrom(choice.facts.profile.data_quality)
    return decision


def _refuse_strangers(asks: Sequence[Ask], known: Sequence[Facts]) -> None:
    for ask, facts in zip(asks, known, strict=True):
        if ask.require_known and facts.is_stranger:
            remedy = "send his events first, or leave require_known unset for a cold start"
            raise NotFound(ask.customer, remedy, reason="CUSTOMER_NOT_FOUND")
        if ask.require_known and facts.profile is None:
            message = (
                f"profile cannot be asked whether {ask.customer} is known; "
                "ask again later, or leave require_known unset for a cold start"
            )
            raise Unavailable("CUSTOMER_STATE_UNKNOWN", message)


def _refuse_reused(choices: Sequence[_Choice], chosen: Sequence[_Chosen]) -> None:
    reused = [
        choice.ask.request_id
        for choice, (one, _) in zip(choices, chosen, strict=True)
        if not isinstance(one, str) and one.refusal
    ]
    if reused:
        listed = ", ".join(repr(name) for name in reused[:5])
        remedy = "it was used with another body; send a new request_id with a new body"
        raise AlreadyExists(f"request_id {listed}", remedy, reason="REQUEST_ID_REUSED")
