"""What each verb of the client asks for and how its answer is read: one talk per verb, for both clients alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from google.longrunning import operations_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation
from fieldwise.allocation.v1 import plan_pb2, price_pb2, rep_pb2
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway
from fieldwise.gateway.v1 import jobs_service_pb2 as jobs
from fieldwise.gateway.v1 import traces_service_pb2 as traces
from fieldwise.profile.v1 import profile_service_pb2 as profile
from fieldwise.profile.v1.event_pb2 import OutcomeKind
from fieldwise.type.v1 import money_pb2
from fieldwise_client.decision import Decision, Money, decision_of
from fieldwise_client.errors import InvalidRequest
from fieldwise_client.names import new_request_id, resource
from fieldwise_client.talks import M, Method, Patience, Talk, ask, follow, response


def _at_gateway(method: str, answer: type[M]) -> Method[M]:
    return Method("gateway", f"/fieldwise.gateway.v1.GatewayService/{method}", answer)


DECIDE = _at_gateway("Decide", gateway.DecideResponse)
BATCH_DECIDE = _at_gateway("BatchDecide", gateway.BatchDecideResponse)
GET_DECISION = _at_gateway("GetDecision", gateway.GetDecisionResponse)
RECORD_OUTCOME = _at_gateway("RecordOutcome", gateway.RecordOutcomeResponse)
INGEST_EVENTS = _at_gateway("IngestEvents", profile.IngestEventsResponse)
PLAN_TERRITORIES = _at_gateway("PlanTerritories", operations_pb2.Operation)
GET_PLAN = _at_gateway("GetPlan", plan_pb2.TerritoryPlan)
APPLY_PLAN = _at_gateway("ApplyPlan", plan_pb2.TerritoryPlan)
FORECAST_SERIES = _at_gateway("ForecastSeries", forecast.ForecastSeriesResponse)
LIST_CUSTOMERS = _at_gateway("ListCustomers", profile.ListCustomersResponse)
CREATE_REP = _at_gateway("CreateRep", rep_pb2.Rep)
LIST_REPS = _at_gateway("ListReps", allocation.ListRepsResponse)
SET_BUDGETS = _at_gateway("SetBudgets", allocation.SetBudgetsResponse)
GET_PRICES = _at_gateway("GetPrices", price_pb2.PriceSet)
LIST_MODEL_VERSIONS = _at_gateway("ListModelVersions", forecast.ListModelVersionsResponse)
GET_CLOCK = _at_gateway("GetClock", gateway.Clock)
MOVE_CLOCK = _at_gateway("MoveClock", gateway.Clock)
RUN_JOB = Method("gateway", "/fieldwise.gateway.v1.JobsService/RunJob", operations_pb2.Operation)
LIST_JOB_RUNS = Method("gateway", "/fieldwise.gateway.v1.JobsService/ListJobRuns", jobs.ListJobRunsResponse)
GET_TRACE = Method("gateway", "/fieldwise.gateway.v1.TracesService/GetTrace", traces.Trace)

# A plan may run for its time limit and must then be fetched; a training takes minutes.
PLAN_SECONDS = 900.0
JOB_SECONDS = 3_600.0
INGEST_SECONDS = 3_600.0


@dataclass(frozen=True)
class Replay:
    """A decision recomputed from what was recorded.

    ``score_difference`` is the largest difference of a rescored probability; None when no kept model was used.
    """

    stored: Decision
    replayed: Decision
    identical: bool
    score_difference: float | None


@dataclass(frozen=True)
class PlanProgress:
    """How far a plan is. Objective and bound are in plan units; None before the first."""

    step: str
    objective: float | None
    bound: float | None

    @property
    def gap(self) -> float | None:
        """(objective - bound) / objective; 0 is proven optimal."""
        if self.objective is None or self.bound is None:
            return None
        return (self.objective - self.bound) / self.objective if self.objective else 0.0


def decide(
    customer: str,
    patience: Patience,
    *,
    request_id: str | None,
    max_actions: int,
    channels: Sequence[str],
    require_known: bool,
) -> Talk[Decision]:
    """What to do for one customer."""
    request = gateway.DecideRequest(
        request_id=request_id or new_request_id(),
        customer=resource("customers", customer),
        max_actions=max_actions,
        require_known=require_known,
    )
    if channels:
        request.context.channels.extend(channels)
    answer = yield from ask(DECIDE, request, patience)
    return decision_of(answer.decision)


def decide_many(
    customers: Iterable[str],
    patience: Patience,
    *,
    request_id: str | None,
    max_actions: int,
    channels: Sequence[str],
) -> Talk[list[Decision]]:
    """What to do for each of several customers, in their order."""
    request = gateway.BatchDecideRequest(
        request_id=request_id or new_request_id(),
        customers=[resource("customers", customer) for customer in customers],
        max_actions=max_actions,
    )
    if channels:
        request.context.channels.extend(channels)
    answer = yield from ask(BATCH_DECIDE, request, patience)
    return [decision_of(each) for each in answer.decisions]


def get_decision(name: str, patience: Patience, *, explain: bool = False) -> Talk[Decision]:
    """One stored decision, with its outcomes; on request with what would have changed it."""
    request = gateway.GetDecisionRequest(name=resource("decisions", name), explain=explain)
    answer = yield from ask(GET_DECISION, request, patience)
    return decision_of(answer.decision)


def replay_decision(name: str, patience: Patience) -> Talk[Replay]:
    """One stored decision beside its replay."""
    request = gateway.GetDecisionRequest(name=resource("decisions", name), replay=True)
    answer = yield from ask(GET_DECISION, request, patience)
    again = answer.replay
    difference = again.score_difference if again.HasField("score_difference") else None
    return Replay(decision_of(answer.decision), decision_of(again.decision), again.identical, difference)


def record_outcome(
    decision: str,
    kind: str,
    patience: Patience,
    *,
    amount: Money | None,
    event_time: datetime | None,
    score: int | None,
    reporter: str,
    request_id: str | None,
) -> Talk[gateway.RecordOutcomeResponse]:
    """Say what came of a decision."""
    request = gateway.RecordOutcomeRequest(
        request_id=request_id or new_request_id(),
        decision=resource("decisions", decision),
        kind=outcome_kind(kind),
        reporter=reporter,
    )
    if amount is not None:
        request.amount.CopyFrom(money_pb2.Money(currency_code=amount.currency, micros=amount.micros))
    if event_time is not None:
        request.event_time.CopyFrom(timestamp("event_time", event_time))
    if score is not None:
        request.score = score
    return (yield from ask(RECORD_OUTCOME, request, patience))


def outcome_kind(word: str) -> OutcomeKind.ValueType:
    """``purchased`` -> the contract's number.

    Raises:
        InvalidRequest: No outcome has this name.
    """
    known = [name.removeprefix("OUTCOME_KIND_").lower() for name in OutcomeKind.keys()[1:]]
    if word.lower() not in known:
        raise InvalidRequest.of("kind", word, f"give one of {', '.join(known)}")
    return OutcomeKind.Value(f"OUTCOME_KIND_{word.upper()}")


def plan_territories(
    accounts: Iterable[plan_pb2.Account],
    reps: Iterable[rep_pb2.Rep],
    rules: plan_pb2.TerritoryRules | None,
    patience: Patience,
    *,
    progress: Callable[[PlanProgress], None] | None,
    request_id: str | None,
) -> Talk[plan_pb2.TerritoryPlan]:
    """Plan, and wait for the plan."""
    request = gateway.PlanTerritoriesRequest(
        request_id=request_id or new_request_id(), accounts=accounts, reps=reps, rules=rules
    )

    def told(operation: operations_pb2.Operation) -> None:
        if progress is not None and (known := plan_progress(operation)) is not None:
            progress(known)

    operation = yield from follow(ask(PLAN_TERRITORIES, request, patience), "gateway", patience, told)
    plan: plan_pb2.TerritoryPlan = response(operation, plan_pb2.TerritoryPlan)
    return plan


def plan_progress(operation: operations_pb2.Operation) -> PlanProgress | None:
    """How far the operation is; None when it does not say."""
    metadata = plan_pb2.PlanTerritoriesMetadata()
    if not operation.metadata.Unpack(metadata):
        return None
    objective = metadata.objective if metadata.HasField("objective") else None
    return PlanProgress(metadata.step, objective, metadata.bound if metadata.HasField("bound") else None)


def apply_plan(
    name: str, patience: Patience, request_id: str | None, actor: str, note: str
) -> Talk[plan_pb2.TerritoryPlan]:
    """Put a plan in force."""
    request = gateway.ApplyPlanRequest(
        name=resource("plans", name), request_id=request_id or new_request_id(), actor=actor, note=note
    )
    return (yield from ask(APPLY_PLAN, request, patience))


def run_job(job: str, patience: Patience, request_id: str | None) -> Talk[jobs.JobRun]:
    """Run a job now, and wait for its end."""
    request = jobs.RunJobRequest(job=job, request_id=request_id or new_request_id())
    operation = yield from follow(ask(RUN_JOB, request, patience), "gateway", patience, _nothing)
    run: jobs.JobRun = response(operation, jobs.JobRun)
    return run


def timestamp(field: str, moment: datetime) -> Timestamp:
    """A moment for the wire.

    Raises:
        InvalidRequest: It has no time zone, so nobody knows when it is.
    """
    if moment.tzinfo is None:
        raise InvalidRequest.of(field, moment.isoformat(), "give a time zone, such as datetime.now(UTC)")
    made = Timestamp()
    made.FromDatetime(moment)
    return made


def _nothing(_operation: operations_pb2.Operation) -> None: ...


def trace_request(name: str) -> traces.GetTraceRequest:
    """A name such as ``plans/{uuid}``, the bare hex digits of a trace or a decision's bare uuid -> the request."""
    if "/" not in name:
        name = f"traces/{name}" if len(name) == 32 else f"decisions/{name}"
    return traces.GetTraceRequest(name=name)
