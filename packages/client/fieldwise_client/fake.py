"""A gateway in memory, for the tests of apps: the same client, the same messages, no servers. Knows no channel."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.gateway.v1 import access_service_pb2 as access
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway
from fieldwise.profile.v1 import profile_pb2, profile_service_pb2
from fieldwise.profile.v1.profile_service_pb2 import IngestEventsResponse, ListCustomersResponse
from fieldwise.recommend.v1 import decision_pb2
from fieldwise_client import access_requests, profile_requests, requests
from fieldwise_client.decision import Decision, Reason, decision_of
from fieldwise_client.errors import FieldwiseError, NotFound, Overloaded, RequestIdReused
from fieldwise_client.names import resource
from fieldwise_client.talks import M, Method, Send

# The fake's clock stands, so that a test reads the same answer every day.
NOW = datetime(2024, 1, 1, tzinfo=UTC)


def decision(
    customer: str = "1",
    *,
    action: str = "leave-alone",
    value: float = 0.0,
    rep: str = "",
    reasons: tuple[Reason, ...] = (),
    currency: str = "USD",
) -> Decision:
    """A decision as the gateway would send it, for `Client.fake`; what is not given is as plain as can be."""
    name = resource("actions", action)
    message = decision_pb2.Decision(
        name=f"decisions/{uuid.uuid5(uuid.NAMESPACE_OID, f'{customer} {action}')}",
        customer=resource("customers", customer),
        decision_time=_stamp(NOW),
        verdict=decision_pb2.VERDICT_ACT if action != "leave-alone" else decision_pb2.VERDICT_LEAVE_ALONE,
        chosen_action=name,
        rep=resource("reps", rep) if rep else "",
        choice_probability=1.0,
        deterministic=True,
        trace_id=uuid.uuid5(uuid.NAMESPACE_OID, customer).hex,
    )
    ranked = message.actions.add(action=name, chosen=True, probability=1.0)
    # All of the value is effect: the account adds up, and nothing is claimed about cost or margin.
    ranked.money.margin = 1.0
    account = ranked.money
    for money in (account.baseline, account.effect, account.effect_times_margin, account.cost, ranked.value):
        money.currency_code = currency
    for money in (account.effect, account.effect_times_margin, ranked.value):
        money.micros = round(value * 1_000_000)
    for reason in reasons:
        ranked.reasons.add(code=reason.code, numbers=reason.numbers, words=reason.words)
    return decision_of(message)


class FakeGateway:
    """Answers from the decisions it was given; a customer without one is left alone. Keeps what it was told.

    ``refusals`` is how many calls are still refused as overloaded, each to be sent again ``retry_after`` seconds later.
    ``outcomes`` and ``events`` hold what the app recorded; ``profiles`` is what is known of customers. It knows the calls that apps make at run time; planning and
    operating a company need a real installation.
    """

    def __init__(
        self, decisions: Mapping[str, Decision], profiles: Mapping[str, profile_pb2.Profile] | None = None
    ) -> None:
        self._by_customer = {resource("customers", name): each for name, each in decisions.items()}
        self._stored = {each.name: each for each in decisions.values()}
        self._answered: dict[str, tuple[bytes, Message]] = {}
        self.outcomes: list[gateway.RecordOutcomeRequest] = []
        self.events: dict[tuple[str, str], Any] = {}
        self.refusals = 0
        self.retry_after = 0.01
        self.profiles = {
            resource("customers", name): _named(name, each) for name, each in (profiles or {}).items()
        }
        self._answers: dict[str, Callable[[Any], Message]] = {
            requests.DECIDE.path: self._decide,
            requests.BATCH_DECIDE.path: self._decide_many,
            requests.GET_DECISION.path: self._get_decision,
            requests.RECORD_OUTCOME.path: self._record_outcome,
            requests.LIST_CUSTOMERS.path: self._customers,
            profile_requests.GET_PROFILE.path: self._profile,
            profile_requests.BATCH_GET_PROFILES.path: self._profiles,
            profile_requests.LIST_EVENTS.path: self._events,
            # Whoever he is in the test's environment: the fake asks nobody for a key.
            access_requests.GET_CALLER.path: lambda _: access.Caller(name="anybody", roles=["operator"]),
            requests.GET_CLOCK.path: lambda _: gateway.Clock(now=_stamp(NOW), recorded=True),
        }

    def answer(self, method: Method[M], request: Any) -> Message:
        """Answer a call; a request_id that was answered before gets the same answer.

        Raises:
            Overloaded: The test has said that calls are refused.
            RequestIdReused: It came with another body.
            FieldwiseError: The fake does not know the call.
        """
        if self.refusals > 0:
            self.refusals -= 1
            raise Overloaded(
                f"refused as told; send the same request again in {self.retry_after:g} s",
                reason="OVERLOADED",
                retry_after=self.retry_after,
            )
        if method.path not in self._answers:
            raise _unknown(method)
        request_id = getattr(request, "request_id", "")
        if not request_id:
            return self._answers[method.path](request)
        body = request.SerializeToString(deterministic=True)
        if request_id not in self._answered:
            self._answered[request_id] = (body, self._answers[method.path](request))
        before, answer = self._answered[request_id]
        if before != body:
            raise RequestIdReused(
                f"request_id {request_id!r} was used with another body; use a new one",
                reason="REQUEST_ID_REUSED",
            )
        return answer

    def answers(self, method: Method[M], request: Any) -> Iterator[Message]:
        """Answer a call that is answered by a stream: a watch tells each profile once, and ends.

        Raises:
            FieldwiseError: The fake does not know the call.
        """
        if method.path != profile_requests.WATCH_PROFILES.path:
            raise _unknown(method)
        return iter([self.profiles[name] for name in request.names if name in self.profiles])

    def take(self, batch: gateway.IngestEventsRequest) -> IngestEventsResponse:
        """Take one batch of events; one sent twice counts once."""
        before = len(self.events)
        for event in batch.events:
            self.events.setdefault((event.source, event.event_id), event)
        accepted = len(self.events) - before
        return IngestEventsResponse(
            batch_number=batch.batch_number, accepted=accepted, duplicates=len(batch.events) - accepted
        )

    def _for(self, customer: str) -> Decision:
        known = self._by_customer.setdefault(customer, decision(customer.partition("/")[2]))
        return self._stored.setdefault(known.name, known)

    def _decide(self, request: gateway.DecideRequest) -> Message:
        if request.require_known and request.customer not in self._by_customer:
            raise NotFound(f"{request.customer} is not known", reason="CUSTOMER_NOT_FOUND")
        return gateway.DecideResponse(decision=self._for(request.customer).proto)

    def _decide_many(self, request: gateway.BatchDecideRequest) -> Message:
        return gateway.BatchDecideResponse(
            decisions=[self._for(customer).proto for customer in request.customers]
        )

    def _get_decision(self, request: gateway.GetDecisionRequest) -> Message:
        if request.name not in self._stored:
            raise NotFound(f"{request.name} is not known", reason="DECISION_NOT_FOUND")
        proto = self._stored[request.name].proto
        replay = gateway.Replay(decision=proto, identical=True) if request.replay else None
        return gateway.GetDecisionResponse(decision=proto, replay=replay)

    def _record_outcome(self, request: gateway.RecordOutcomeRequest) -> Message:
        self.outcomes.append(request)
        answer = gateway.RecordOutcomeResponse()
        answer.event.event_id = request.request_id
        return answer

    def _profile(self, request: profile_service_pb2.GetProfileRequest) -> Message:
        if request.name not in self.profiles:
            raise NotFound(f"{request.name} is not known", reason="CUSTOMER_NOT_FOUND")
        return self.profiles[request.name]

    def _profiles(self, request: profile_service_pb2.BatchGetProfilesRequest) -> Message:
        known = [name for name in request.names if name in self.profiles]
        return profile_service_pb2.BatchGetProfilesResponse(
            profiles=[self.profiles[name] for name in known],
            not_found=[name for name in request.names if name not in self.profiles],
        )

    def _events(self, request: profile_service_pb2.ListEventsRequest) -> Message:
        answer = profile_service_pb2.ListEventsResponse()
        for event in reversed(self.events.values()):
            if event.customer == request.name:
                answer.events.add(event=event, weight=1.0)
        return answer

    def _customers(self, _request: Any) -> Message:
        names = sorted(self._by_customer)
        return ListCustomersResponse(names=names, total_size=len(names))


class FakeTransport:
    """Carries the synchronous client's calls to the fake."""

    def __init__(self, gateway_: FakeGateway) -> None:
        self.gateway = gateway_

    def send(self, step: Send) -> Message:
        """Answer one call."""
        return self.gateway.answer(step.method, step.request)

    def stream(self, method: Method[M], messages: Iterator[Any], timeout: float) -> Iterator[Any]:
        """Answer batches of events, one by one."""
        return (self.gateway.take(batch) for batch in messages)

    def receive(self, method: Method[M], request: Any, timeout: float | None) -> Iterator[Any]:
        """Answer a call that is answered by a stream."""
        yield from self.gateway.answers(method, request)

    def close(self) -> None:
        """Nothing to close."""


class FakeAsyncTransport:
    """Carries the asyncio client's calls to the fake."""

    def __init__(self, gateway_: FakeGateway) -> None:
        self.gateway = gateway_

    async def send(self, step: Send) -> Message:
        """Answer one call."""
        return self.gateway.answer(step.method, step.request)

    async def stream(self, method: Method[M], messages: Iterator[Any], timeout: float) -> AsyncIterator[Any]:
        """Answer batches of events, one by one."""
        for batch in messages:
            yield self.gateway.take(batch)

    async def receive(
        self, method: Method[M], request: Any, timeout: float | None
    ) -> AsyncGenerator[Any, None]:
        """Answer a call that is answered by a stream."""
        for each in self.gateway.answers(method, request):
            yield each

    async def close(self) -> None:
        """Nothing to close."""


def _named(name: str, given: profile_pb2.Profile) -> profile_pb2.Profile:
    made = profile_pb2.Profile(name=resource("customers", name), as_of=_stamp(NOW))
    made.MergeFrom(given)
    return made


def _unknown(method: Method[M]) -> FieldwiseError:
    return FieldwiseError(f"the fake knows no {method.path}; test this call against a real installation")


def _stamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made
