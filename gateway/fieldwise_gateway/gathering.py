"""What is known of customers for a decision: held, asked for, or standing in for a service that does not answer; decides nothing.

Whatever stands in was said by the same services earlier, or is missing, and every part says which.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.allocation.v1 import price_pb2
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise.forecast.v1 import score_pb2
from fieldwise.profile.v1 import consent_pb2, profile_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.type.v1 import provenance_pb2 as provenance
from fieldwise_gateway import parts
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.core.questions import QUESTIONS
from fieldwise_gateway.core.time_budget import TimeBudget
from fieldwise_gateway.holding import HeldCustomer, Holding
from fieldwise_gateway.snapshots import Snapshots
from fieldwise_runtime import deadlines
from fieldwise_runtime.errors import from_rpc_error
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.tracing import TRACEPARENT, carry, link_to, memory_span

log = get_logger(__name__)

# A batch may stand on hundreds of snapshots; a few links lead an operator there.
_MOST_LINKS: Final = 16
LATE: Final = "did not answer in time"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one customer.

    Attributes:
        profile: None when nothing is known of him.
        wire: Profile and scores as the bytes of DecisionInputs.
        is_stranger: Profile says that it does not know him.
        rep: `reps/{id}`; empty for none.
    """

    profile: profile_pb2.Profile | None
    wire: bytes
    is_stranger: bool
    has_scores: bool
    rep: str
    prices: price_pb2.PriceSet | None
    parts: tuple[provenance.Part, provenance.Part, provenance.Part]


@dataclass(frozen=True, slots=True)
class _Profiles:
    found: dict[str, profile_pb2.Profile]
    parts: dict[str, provenance.Part]
    strangers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Scores:
    found: dict[str, score_pb2.CustomerScores]
    part: provenance.Part


@dataclass(frozen=True, slots=True)
class _Terms:
    reps: dict[str, str]
    prices: price_pb2.PriceSet | None
    part: provenance.Part


class Gatherer:
    """Finds out what is known."""

    def __init__(
        self, backends: Backends, snapshots: Snapshots, now: Callable[[], datetime], holding: Holding | None
    ) -> None:
        self._backends = backends
        self._snapshots = snapshots
        self._now = now
        self._holding = holding

    def held(self, customers: Sequence[str]) -> list[Facts | None]:
        """What is held and may be used: no service is asked. None for a customer of whom something has to be asked for."""
        if self._holding is None:
            return [None] * len(customers)
        micros = round(self._now().timestamp() * 1e6)
        period = self._holding.terms.period(micros)
        if period is None:
            return [None] * len(customers)
        of_terms = parts.aged(period.part, micros)
        prices = period.price_set if period.HasField("price_set") else None
        found: list[Facts | None] = []
        carriers: list[Mapping[str, str]] = []
        for customer in customers:
            known = self._holding.customer(customer, micros)
            rep = self._holding.terms.rep_of(customer)
            if known is None or rep is None:
                found.append(None)
                continue
            aged = (parts.aged(known.profile_part, micros), parts.aged(known.scores_part, micros), of_terms)
            found.append(Facts(known.profile, known.wire, False, True, rep, prices, aged))
            carriers.append(known.carrier)
        if carriers:
            _trace_memory("profile", carriers)
            _trace_memory("forecast", carriers)
            _trace_memory("allocation", [{TRACEPARENT: prices.traceparent}] if prices else [])
        return found

    async def ask(self, customers: Sequence[str], seconds: float) -> list[Facts]:
        """What the services say, in the order of the customers; what does not answer in its share of the time is stood in for.

        Args:
            seconds: For all of it, when the call being served has no deadline.
        """
        now = self._now()
        moment = Timestamp()
        moment.FromDatetime(now)
        budget = TimeBudget.of(deadlines.budget(seconds))
        before = self._holding.moment if self._holding else 0
        versions = self._holding.versions if self._holding else ()
        names = list(dict.fromkeys(customers))
        # Terms do not hang on the profile: they are asked at once, and are there when the scores are.
        (profiles, scores), terms = await asyncio.gather(
            self._profiles_then_scores(names, moment, now, budget),
            self._terms(names, moment, now, budget.facts),
        )
        known = {name: _facts(name, profiles, scores, terms) for name in names}
        self._hold(known.values(), before, versions, now)
        return [known[name] for name in customers]

    def late(self, customer: str) -> Facts:
        """What is remembered of a customer, when the services that were asked do not answer in time."""
        now = self._now()
        profiles = self._profiles_from_memory([customer], now, LATE)
        terms = self._terms_from_memory([customer], now, LATE)
        return _facts(customer, profiles, _Scores({}, parts.priors(LATE)), terms)

    def _hold(self, known: Iterable[Facts], before: int, versions: tuple[str, ...], now: datetime) -> None:
        if self._holding is None:
            return
        carrier = carry()
        micros = round(now.timestamp() * 1e6)
        for facts in known:
            of_profile, of_scores, _ = facts.parts
            if facts.profile is None or not facts.has_scores or _stood_in(of_profile) or _stood_in(of_scores):
                continue
            held = HeldCustomer(facts.profile, of_profile, facts.wire, of_scores, micros, versions, carrier)
            self._holding.keep(held, before)

    async def _profiles_then_scores(
        self, customers: list[str], moment: Timestamp, now: datetime, budget: TimeBudget
    ) -> tuple[_Profiles, _Scores]:
        profiles = await self._profiles(customers, moment, now, budget.profile)
        return profiles, await self._scores(customers, profiles, moment, budget.facts)

    async def _profiles(
        self, customers: list[str], moment: Timestamp, now: datetime, timeout: float
    ) -> _Profiles:
        request = profile_pb.BatchGetProfilesRequest(
            names=customers, as_of=moment, purpose=consent_pb2.PURPOSE_DECISION
        )
        before = self._snapshots.moment
        try:
            answer = await self._backends.profile.BatchGetProfiles(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return self._profiles_from_memory(customers, now, noted("profile", error))
        self._snapshots.keep_profiles(answer.profiles, carry(), before)
        found = {profile.name: profile for profile in answer.profiles}
        described = {name: parts.of_profile(profile, now) for name, profile in found.items()}
        for name in answer.not_found:
            described[name] = parts.cold_start("the customer is not known; rules and priors stood in")
        return _Profiles(found, described, frozenset(answer.not_found))

    def _profiles_from_memory(self, customers: list[str], now: datetime, detail: str) -> _Profiles:
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
        return _Profiles(found, described)

    async def _scores(
        self, customers: list[str], profiles: _Profiles, moment: Timestamp, timeout: float
    ) -> _Scores:
        request = forecast_pb.ScoreCustomersRequest(
            decision_time=moment,
            with_contributions=True,
            questions=QUESTIONS,
            customers=[_features(name, profiles.found.get(name)) for name in customers],
        )
        try:
            answer = await self._backends.forecast.ScoreCustomers(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return _Scores({}, parts.priors(noted("forecast", error)))
        return _Scores({scores.customer: scores for scores in answer.scores}, answer.part)

    async def _terms(self, customers: list[str], moment: Timestamp, now: datetime, timeout: float) -> _Terms:
        request = allocation_pb.LookUpTermsRequest(customers=customers, decision_time=moment)
        try:
            answer = await self._backends.allocation.LookUpTerms(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return self._terms_from_memory(customers, now, noted("allocation", error))
        self._snapshots.keep_terms(customers, answer, carry())
        prices = answer.price_set if answer.HasField("price_set") else None
        return _Terms(dict(zip(customers, answer.reps, strict=True)), prices, answer.part)

    def _terms_from_memory(self, customers: list[str], now: datetime, detail: str) -> _Terms:
        remembered = self._snapshots.terms
        _trace_memory("allocation", [remembered.carrier] if remembered else [])
        last = remembered.value if remembered else None
        prices = last.price_set if last is not None and last.HasField("price_set") else None
        reps = {name: self._snapshots.rep(name) for name in customers}
        return _Terms(reps, prices, parts.last_terms(last, now, detail))


def _stood_in(part: provenance.Part) -> bool:
    return part.state != provenance.PART_STATE_FRESH


def _facts(name: str, profiles: _Profiles, scores: _Scores, terms: _Terms) -> Facts:
    found, profile = scores.found.get(name), profiles.found.get(name)
    described = (profiles.parts[name], parts.of_scores(found, scores.part), terms.part)
    return Facts(
        profile=profile,
        wire=decision_pb2.DecisionInputs(profile=profile, scores=found).SerializeToString(),
        is_stranger=name in profiles.strangers,
        has_scores=found is not None,
        rep=terms.reps.get(name, ""),
        prices=terms.prices,
        parts=described,
    )


def _features(name: str, profile: profile_pb2.Profile | None) -> forecast_pb.CustomerFeatures:
    usable = None if profile is None or profile.withheld else profile.features
    return forecast_pb.CustomerFeatures(customer=name, features=usable)


def _trace_memory(part: str, carriers: Iterable[Mapping[str, str]]) -> None:
    """A span for a part that stood in, linked to the traces that its snapshots came from."""
    links = [link for carrier in islice(carriers, _MOST_LINKS) for link in link_to(carrier)]
    memory_span(f"{part} from memory", links)


def noted(service: str, error: grpc.aio.AioRpcError) -> str:
    """Say in the log what failed, as an error where it is a fault of ours and not an outage; gives the words for it."""
    say = log.warning if error.code() in parts.OUTAGES else log.error
    # Details may quote what was sent; code and reason never do.
    say("call failed", peer=service, code=error.code().name, reason=from_rpc_error(error).reason)
    return parts.why(error)
