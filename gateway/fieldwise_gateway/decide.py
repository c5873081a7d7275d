"""Decide: profile, then scores, with terms beside them, then the choice; every gap is filled and named, nothing hangs.

The gateway composes and decides nothing itself: whatever stands in was said by the same services earlier, or is missing.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise.forecast.v1 import score_pb2
from fieldwise.profile.v1 import consent_pb2, profile_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb
from fieldwise.type.v1 import provenance_pb2 as provenance
from fieldwise_gateway import parts
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.core.names import decision_name
from fieldwise_gateway.core.questions import QUESTIONS
from fieldwise_gateway.core.time_budget import ANSWER_RESERVE, TimeBudget, longest
from fieldwise_gateway.snapshots import Snapshots
from fieldwise_runtime import deadlines
from fieldwise_runtime.errors import AlreadyExists, NotFound, Unavailable, from_rpc_error
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.tracing import carry, link_to, tracer

log = get_logger(__name__)

# A batch may stand on hundreds of snapshots; a few links lead an operator there.
_MOST_LINKS = 16


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
class Profiles:
    """The customers as they are, where each came from, and whom profile says it does not know."""

    found: dict[str, profile_pb2.Profile]
    parts: dict[str, provenance.Part]
    strangers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scores:
    """What the models say of each customer."""

    found: dict[str, score_pb2.CustomerScores]
    part: provenance.Part


@dataclass(frozen=True, slots=True)
class Terms:
    """Who may act for each customer, and the prices."""

    reps: dict[str, str]
    response: allocation_pb.LookUpTermsResponse | None
    part: provenance.Part


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the customers of one call."""

    profiles: Profiles
    scores: Scores
    terms: Terms


class Decider:
    """Composes decisions from the four services."""

    def __init__(
        self, backends: Backends, snapshots: Snapshots, now: Callable[[], datetime], seconds: float
    ) -> None:
        self._backends = backends
        self._snapshots = snapshots
        self._now = now
        self._seconds = seconds

    async def decide(self, asks: Sequence[Ask], trace_id: str) -> list[Answer]:
        """One decision per ask, in order.

        Raises:
            NotFound: A customer who must be known is not.
            Unavailable: CUSTOMER_STATE_UNKNOWN; nobody can say whether a customer who must be known is.
            AlreadyExists: A request_id was used with another body.
        """
        now = self._now()
        moment = Timestamp()
        moment.FromDatetime(now)
        seconds = longest(self._seconds, len(asks))
        if deadlines.remaining() is None:
            # One limit for all steps together: each on its own would let them add up to more.
            deadlines.begin(seconds)
        known = await self._gather([ask.customer for ask in asks], moment, now, seconds)
        _refuse_strangers(asks, known.profiles)
        inputs = [self._input(ask, known, moment, trace_id) for ask in asks]
        return await self._choose(asks, inputs, known, seconds)

    async def _gather(self, customers: list[str], moment: Timestamp, now: datetime, seconds: float) -> Known:
        budget = TimeBudget.of(deadlines.budget(seconds))
        # Terms do not hang on the profile: they are asked at once, and are there when the scores are.
        (profiles, scores), terms = await asyncio.gather(
            self._profiles_then_scores(customers, moment, now, budget),
            self._terms(customers, moment, now, budget.facts),
        )
        return Known(profiles, scores, terms)

    async def _profiles_then_scores(
        self, customers: list[str], moment: Timestamp, now: datetime, budget: TimeBudget
    ) -> tuple[Profiles, Scores]:
        profiles = await self._profiles(customers, moment, now, budget.profile)
        return profiles, await self._scores(customers, profiles, moment, budget.facts)

    async def _profiles(
        self, customers: list[str], moment: Timestamp, now: datetime, timeout: float
    ) -> Profiles:
        request = profile_pb.BatchGetProfilesRequest(
            names=customers, as_of=moment, purpose=consent_pb2.PURPOSE_DECISION
        )
        before = self._snapshots.moment
        try:
            answer = await self._backends.profile.BatchGetProfiles(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return self._profiles_from_memory(customers, now, _noted("profile", error))
        self._snapshots.keep_profiles(answer.profiles, carry(), before)
        found = {profile.name: profile for profile in answer.profiles}
        described = {name: parts.of_profile(profile, now) for name, profile in found.items()}
        for name in answer.not_found:
            described[name] = parts.cold_start("the customer is not known; rules and priors stood in")
        return Profiles(found, described, frozenset(answer.not_found))

    def _profiles_from_memory(self, customers: list[str], now: datetime, detail: str) -> Profiles:
        remembered = {name: self._snapshots.profile(name) for name in customers}
        _trace_memory("profile", (each.carrier for each in remembered.values() if each))
        found: dict[str, profile_pb2.Profile] = {}
        described: dict[str, provenance.Part] = {}
        for name, snapshot in remembered.items():
            if snapshot is None:
                described[name] = parts.cold_start(
                    f"profile {detail} and no snapshot is held; priors stood in"
                )
            else:
                found[name] = snapshot.value
                described[name] = parts.of_snapshot(snapshot.value, now, detail)
        return Profiles(found, described)

    async def _scores(
        self, customers: list[str], profiles: Profiles, moment: Timestamp, timeout: float
    ) -> Scores:
        request = forecast_pb.ScoreCustomersRequest(
            decision_time=moment,
            with_contributions=True,
            questions=QUESTIONS,
            customers=[_features(name, profiles.found.get(name)) for name in customers],
        )
        try:
            answer = await self._backends.forecast.ScoreCustomers(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return Scores({}, parts.priors(_noted("forecast", error)))
        return Scores({scores.customer: scores for scores in answer.scores}, answer.part)

    async def _terms(self, customers: list[str], moment: Timestamp, now: datetime, timeout: float) -> Terms:
        request = allocation_pb.LookUpTermsRequest(customers=customers, decision_time=moment)
        try:
            answer = await self._backends.allocation.LookUpTerms(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            remembered = self._snapshots.terms
            _trace_memory("allocation", [remembered.carrier] if remembered else [])
            last = remembered.value if remembered else None
            part = parts.last_terms(last, now, _noted("allocation", error))
            return Terms({name: self._snapshots.rep(name) for name in customers}, last, part)
        self._snapshots.keep_terms(customers, answer, carry())
        return Terms(dict(zip(customers, answer.reps, strict=True)), answer, answer.part)

    def _input(self, ask: Ask, known: Known, moment: Timestamp, trace_id: str) -> decision_pb2.DecisionInputs:
        scores = known.scores.found.get(ask.customer)
        return decision_pb2.DecisionInputs(
            decision=decision_name(time.time_ns() // 1_000_000, secrets.randbits(80)),
            request_id=ask.request_id,
            fingerprint=ask.fingerprint,
            customer=ask.customer,
            decision_time=moment,
            max_actions=ask.max_actions,
            channels=ask.channels,
            profile=known.profiles.found.get(ask.customer),
            scores=scores,
            rep=known.terms.reps.get(ask.customer, ""),
            parts=(
                known.profiles.parts[ask.customer],
                parts.of_scores(scores, known.scores.part),
                known.terms.part,
            ),
            trace_id=trace_id,
        )

    async def _choose(
        self, asks: Sequence[Ask], inputs: list[decision_pb2.DecisionInputs], known: Known, seconds: float
    ) -> list[Answer]:
        response = known.terms.response
        prices = response.price_set if response is not None and response.HasField("price_set") else None
        request = recommend_pb.BatchRecommendActionsRequest(inputs=inputs, price_set=prices)
        try:
            timeout = deadlines.budget(seconds) - ANSWER_RESERVE
            answer = await self._backends.recommend.BatchRecommendActions(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            detail = _noted("recommend", error)
            return [Answer(_no_decision(one, detail)) for one in inputs]
        _refuse_reused(asks, answer.decided)
        return [Answer(one.decision, one.repeated_request) for one in answer.decided]


def _features(name: str, profile: profile_pb2.Profile | None) -> forecast_pb.CustomerFeatures:
    usable = None if profile is None or profile.withheld else profile.features
    return forecast_pb.CustomerFeatures(customer=name, features=usable)


def _trace_memory(part: str, carriers: Iterable[Mapping[str, str]]) -> None:
    """A span for a part answered from memory, linked to the traces that its snapshots came from."""
    links = [link for carrier in islice(carriers, _MOST_LINKS) for link in link_to(carrier)]
    tracer().start_span(f"{part} from memory", links=links).end()


def _noted(service: str, error: grpc.aio.AioRpcError) -> str:
    """Say in the log what failed, as an error where it is a fault of ours and not an outage; gives the words for it."""
    say = log.warning if error.code() in parts.OUTAGES else log.error
    # Details may quote what was sent; code and reason never do.
    say("call failed", peer=service, code=error.code().name, reason=from_rpc_error(error).reason)
    return parts.why(error)


def _no_decision(inputs: decision_pb2.DecisionInputs, detail: str) -> decision_pb2.Decision:
    decision = decision_pb2.Decision(
        name=inputs.decision,
        request_id=inputs.request_id,
        customer=inputs.customer,
        decision_time=inputs.decision_time,
        verdict=decision_pb2.VERDICT_NO_DECISION,
        parts=[*inputs.parts, parts.missing_recommend(detail)],
        trace_id=inputs.trace_id,
        no_decision_reason=f"recommend {detail}; ask again with the same request_id",
    )
    if inputs.HasField("profile"):
        decision.data_quality.CopyFrom(inputs.profile.data_quality)
    return decision


def _refuse_strangers(asks: Sequence[Ask], profiles: Profiles) -> None:
    for ask in asks:
        if ask.require_known and ask.customer in profiles.strangers:
            remedy = "send his events first, or leave require_known unset for a cold start"
            raise NotFound(ask.customer, remedy, reason="CUSTOMER_NOT_FOUND")
        if ask.require_known and ask.customer not in profiles.found:
            message = (
                f"profile cannot be asked whether {ask.customer} is known; "
                "ask again later, or leave require_known unset for a cold start"
            )
            raise Unavailable("CUSTOMER_STATE_UNKNOWN", message)


def _refuse_reused(asks: Sequence[Ask], decided: Sequence[recommend_pb.Decided]) -> None:
    reused = [ask.request_id for ask, one in zip(asks, decided, strict=True) if one.refusal]
    if reused:
        listed = ", ".join(repr(name) for name in reused[:5])
        remedy = "it was used with another body; send a new request_id with a new body"
        raise AlreadyExists(f"request_id {listed}", remedy, reason="REQUEST_ID_REUSED")
