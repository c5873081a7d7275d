"""The synchronous client. Thin: what is asked and how it is led is in requests.py and talks.py, shared with aio.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation
from fieldwise.allocation.v1 import plan_pb2, price_pb2, rep_pb2
from fieldwise.forecast.v1 import forecast_service_pb2 as series
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway
from fieldwise.gateway.v1 import jobs_service_pb2 as jobs
from fieldwise.gateway.v1 import rep_days_service_pb2 as rep_days
from fieldwise.gateway.v1 import traces_service_pb2 as traces
from fieldwise.profile.v1.event_pb2 import Event
from fieldwise.profile.v1.profile_service_pb2 import IngestEventsResponse
from fieldwise_client import rep_day_requests, requests, trace_requests
from fieldwise_client.access_calls import AccessCalls
from fieldwise_client.addresses import addresses
from fieldwise_client.allocation_calls import AllocationCalls
from fieldwise_client.api_keys import ApiKey
from fieldwise_client.batches import CHUNK, Batches
from fieldwise_client.caller import Channels, Transport
from fieldwise_client.credentials import trust
from fieldwise_client.customer_calls import CustomerCalls
from fieldwise_client.decision import Decision, Money
from fieldwise_client.errors import FieldwiseError
from fieldwise_client.forecast_calls import ForecastCalls
from fieldwise_client.names import new_request_id
from fieldwise_client.recommend_calls import RecommendCalls
from fieldwise_client.requests import INGEST_SECONDS, JOB_SECONDS, PLAN_SECONDS, PlanProgress, Replay
from fieldwise_client.talks import Patience, wait_before_again

if TYPE_CHECKING:
    from fieldwise_client.fake import FakeGateway


class Client(CustomerCalls, ForecastCalls, AllocationCalls, RecommendCalls, AccessCalls):
    """Decisions, plans, events and outcomes, for synchronous programs. Safe to share between threads.

    Args:
        address: ``host:port`` of the gateway; else FIELDWISE_GATEWAY_ADDRESS, else 127.0.0.1:50050.
        timeout: Seconds a call may take in all, retries included. Each method's ``timeout`` overrides it.
        retries: How often a call is tried again when nobody answered, or the gateway was overloaded and said when to come back.
        ca: File of the authority that signed the gateway's certificate; else FIELDWISE_CA; without both, no TLS.
        api_key: API key or signed token; else FIELDWISE_API_KEY, else the file FIELDWISE_API_KEY_FILE, else, when the gateway is on this
            machine, the operator's key of the installation in FIELDWISE_DATA or `.fieldwise`.
    Raises:
        InvalidRequest: The timeout is not above 0, or retries are negative.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        timeout: float = 2.0,
        retries: int = 2,
        ca: str | Path | None = None,
        api_key: str | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._patience = Patience(timeout, retries)
        where = addresses(address)
        self._transport = transport or Channels(where, trust(ca), ApiKey(api_key, address=where["gateway"]))

    @classmethod
    def fake(cls, decisions: Mapping[str, Decision] | FakeGateway | None = None) -> Client:
        """A client without servers, for tests of apps.

        Args:
            decisions: By customer; `fieldwise_client.fake.decision` makes them. Or a FakeGateway, to look afterwards at
                what the app recorded.
        """
        # Late: programs that are not tests never load it.
        from fieldwise_client.fake import FakeGateway, FakeTransport

        known = decisions if isinstance(decisions, FakeGateway) else FakeGateway(decisions or {})
        return cls(transport=FakeTransport(known))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the channels."""
        self._transport.close()

    # Decisions

    def decide(
        self,
        customer: str,
        *,
        max_actions: int = 3,
        channels: Sequence[str] = (),
        require_known: bool = False,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Decision:
        """What to do for one customer (``C-00417`` or ``customers/C-00417``).

        The same ``request_id`` gives the same decision; without one the call gets an id of its own.
        """
        talk = requests.decide(
            customer,
            self._within(timeout),
            request_id=request_id,
            max_actions=max_actions,
            channels=channels,
            require_known=require_known,
        )
        return self._lead(talk)

    def decide_many(
        self,
        customers: Iterable[str],
        *,
        max_actions: int = 3,
        channels: Sequence[str] = (),
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> list[Decision]:
        """What to do for each of 1 to 10,000 customers, in their order; much cheaper than one by one.

        Without a timeout of its own the call may take 0.05 s longer for each customer.
        """
        names = list(customers)
        within = self._patience.for_many(len(names)) if timeout is None else self._within(timeout)
        talk = requests.decide_many(
            names, within, request_id=request_id, max_actions=max_actions, channels=channels
        )
        return self._lead(talk)

    def get_decision(self, name: str, *, explain: bool = False, timeout: float | None = None) -> Decision:
        """One stored decision; with ``explain`` also what would have changed it, and why not the others."""
        return self._lead(requests.get_decision(name, self._within(timeout), explain=explain))

    def replay_decision(self, name: str, *, timeout: float | None = None) -> Replay:
        """One stored decision beside its replay from the recorded inputs."""
        return self._lead(requests.replay_decision(name, self._within(timeout)))

    def record_outcome(
        self,
        decision: str,
        kind: str,
        *,
        amount: Money | None = None,
        event_time: datetime | None = None,
        score: int | None = None,
        reporter: str = "",
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> gateway.RecordOutcomeResponse:
        """Say what came of a decision: `acted`, `declined`, `responded`, `purchased`, `opted_out`, `opened`, `clicked`,
        `complained`, or `rated` with a score from 1 to 5.
        """
        talk = requests.record_outcome(
            decision,
            kind,
            self._within(timeout),
            amount=amount,
            event_time=event_time,
            score=score,
            reporter=reporter,
            request_id=request_id,
        )
        return self._lead(talk)

    # Events and customers

    def ingest(
        self, events: Iterable[Event], *, chunk: int = CHUNK, timeout: float = INGEST_SECONDS
    ) -> Iterator[IngestEventsResponse]:
        """Send events in batches, many under way at once; yields one answer per batch, after its events are durable.

        When the gateway goes away for a moment, what was not acknowledged is sent again; events sent twice count once.
        """
        return self._ingest(Batches(events, chunk), self._within(timeout))

    def _ingest(self, batches: Batches, within: Patience) -> Iterator[IngestEventsResponse]:
        failures = 0
        while True:
            try:
                for answer in self._transport.stream(
                    requests.INGEST_EVENTS, batches.outgoing(), within.timeout
                ):
                    batches.acknowledge(answer.batch_number)
                    failures = 0
                    yield answer
                return
            except FieldwiseError as error:
                wait = wait_before_again(error, failures, within.timeout, within)
                if wait is None:
                    raise
                time.sleep(wait)
                failures += 1

    def customers(self, *, page_size: int = 1_000, timeout: float | None = None) -> Iterator[str]:
        """Names of all known customers, fetched page by page."""
        request = gateway.ListCustomersRequest(page_size=page_size)
        pages = self._pages(requests.LIST_CUSTOMERS, request, self._within(timeout))
        return (name for page in pages for name in page.names)

    # Plans

    def plan_territories(
        self,
        accounts: Iterable[plan_pb2.Account] = (),
        reps: Iterable[rep_pb2.Rep] = (),
        *,
        rules: plan_pb2.TerritoryRules | None = None,
        progress: Callable[[PlanProgress], None] | None = None,
        request_id: str | None = None,
        timeout: float = PLAN_SECONDS,
    ) -> plan_pb2.TerritoryPlan:
        """Plan territories and wait for the plan; without accounts, for all customers; without reps, with all reps.

        Ctrl-C, or an error in ``progress``, cancels the operation.
        """
        within = self._within(timeout)
        talk = requests.plan_territories(
            accounts, reps, rules, within, progress=progress, request_id=request_id
        )
        return self._lead(talk)

    def get_plan(self, name: str, *, timeout: float | None = None) -> plan_pb2.TerritoryPlan:
        """One plan."""
        return self._send(requests.GET_PLAN, gateway.GetPlanRequest(name=name), timeout)

    def apply_plan(
        self,
        name: str,
        *,
        actor: str = "",
        note: str = "",
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> plan_pb2.TerritoryPlan:
        """Put a plan in force; ``actor`` and ``note`` go into its history."""
        return self._lead(requests.apply_plan(name, self._within(timeout), request_id, actor, note))

    def create_rep(
        self, rep: rep_pb2.Rep, *, request_id: str | None = None, timeout: float | None = None
    ) -> rep_pb2.Rep:
        """Add a rep."""
        request = allocation.CreateRepRequest(rep=rep, request_id=request_id or new_request_id())
        return self._send(requests.CREATE_REP, request, timeout)

    def reps(self, *, timeout: float | None = None) -> Iterator[rep_pb2.Rep]:
        """All reps, by name, fetched page by page."""
        pages = self._pages(requests.LIST_REPS, allocation.ListRepsRequest(), self._within(timeout))
        return (rep for page in pages for rep in page.reps)

    # Prices and budgets

    def set_budgets(
        self,
        budgets: Iterable[price_pb2.Budget],
        *,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> list[price_pb2.Budget]:
        """Set the budgets of every period from now on; replaces all. Gives those in force."""
        request = allocation.SetBudgetsRequest(budgets=budgets, request_id=request_id or new_request_id())
        answer: allocation.SetBudgetsResponse = self._send(requests.SET_BUDGETS, request, timeout)
        return list(answer.budgets)

    def prices(self, *, timeout: float | None = None) -> price_pb2.PriceSet:
        """The prices in force."""
        return self._send(requests.GET_PRICES, gateway.GetPricesRequest(), timeout)

    # Forecasts and models

    def forecast(
        self,
        categories: Sequence[str] = (),
        *,
        horizon_weeks: int = 8,
        quantiles: Sequence[float] = (),
        timeout: float | None = None,
    ) -> series.ForecastSeriesResponse:
        """Weekly sales per category, with quantiles at these levels; without categories, of the largest."""
        request = gateway.ForecastSeriesRequest(
            categories=categories, horizon_weeks=horizon_weeks, quantiles=quantiles
        )
        return self._send(requests.FORECAST_SERIES, request, timeout)

    def model_versions(self, *, timeout: float | None = None) -> series.ListModelVersionsResponse:
        """Versions of all models, newest first."""
        return self._send(requests.LIST_MODEL_VERSIONS, series.ListModelVersionsRequest(), timeout)

    # Clock, jobs, traces

    def clock(self, *, timeout: float | None = None) -> gateway.Clock:
        """The business clock."""
        return self._send(requests.GET_CLOCK, gateway.GetClockRequest(), timeout)

    def move_clock(self, to: datetime, *, timeout: float | None = None) -> gateway.Clock:
        """Move a recorded clock forward."""
        request = gateway.MoveClockRequest(to=requests.timestamp("to", to))
        return self._send(requests.MOVE_CLOCK, request, timeout)

    def run_job(
        self, job: str, *, request_id: str | None = None, timeout: float = JOB_SECONDS
    ) -> jobs.JobRun:
        """Run `solve-prices`, `train-models` or `carry-outcomes` now, and wait for its end."""
        return self._lead(requests.run_job(job, self._within(timeout), request_id))

    def next_actions(
        self,
        rep: str,
        *,
        day: date | None = None,
        minutes: float | None = None,
        timeout: float = rep_day_requests.DAY_SECONDS,
    ) -> rep_days.ListNextActionsResponse:
        """What a rep does on a day (today), within his minutes: first his list, then all his other customers."""
        request = rep_day_requests.next_actions(rep, day, minutes)
        whole = rep_days.ListNextActionsResponse()
        for page in self._pages(rep_day_requests.LIST_NEXT_ACTIONS, request, self._within(timeout)):
            whole.next_actions.extend(page.next_actions)
            whole.rep_day.CopyFrom(page.rep_day)
        return whole

    def job_runs(self, *, timeout: float | None = None) -> list[jobs.JobRun]:
        """The newest runs of all jobs, newest first."""
        answer: jobs.ListJobRunsResponse = self._send(
            requests.LIST_JOB_RUNS, jobs.ListJobRunsRequest(), timeout
        )
        return list(answer.runs)

    def trace(self, name: str, *, timeout: float | None = None) -> traces.Trace:
        """One trace, by ``traces/{hex}``, 32 hex digits, or the name of the decision, plan, price set or operation made in it."""
        return self._send(requests.GET_TRACE, requests.trace_request(name), timeout)

    def search_traces(
        self,
        wanted: trace_requests.TraceFilter | None = None,
        *,
        most: int = 50,
        timeout: float = trace_requests.SEARCH_SECONDS,
    ) -> list[traces.TraceSummary]:
        """Traces that match, newest first, at most so many. A trace is found a few seconds after its last span."""
        request = trace_requests.search_request(wanted or trace_requests.TraceFilter(), most)
        found: list[traces.TraceSummary] = []
        for page in self._pages(trace_requests.SEARCH_TRACES, request, self._within(timeout)):
            found += page.traces
            if len(found) >= most:
                break
        return found[:most]

    def export_trace(self, name: str, *, protobuf: bool = False, timeout: float | None = None) -> bytes:
        """One trace as OTLP JSON, or serialised, for other tools; ``name`` as for `trace`."""
        request = trace_requests.export_request(requests.trace_request(name).name, protobuf=protobuf)
        return self._send(trace_requests.EXPORT_TRACE, request, timeout).content
