"""A gateway that tests talk to over real gRPC: answers plainly, can be made to fail. Knows nothing of the real one."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import any_pb2, empty_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation
from fieldwise.allocation.v1 import plan_pb2, price_pb2, rep_pb2
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.gateway.v1 import jobs_service_pb2 as jobs
from fieldwise.gateway.v1 import traces_service_pb2 as traces
from fieldwise.gateway.v1.gateway_service_pb2_grpc import (
    GatewayServiceServicer,
    add_GatewayServiceServicer_to_server,
)
from fieldwise.gateway.v1.jobs_service_pb2_grpc import JobsServiceServicer, add_JobsServiceServicer_to_server
from fieldwise.gateway.v1.traces_service_pb2_grpc import (
    TracesServiceServicer,
    add_TracesServiceServicer_to_server,
)
from fieldwise.profile.v1.profile_service_pb2 import IngestEventsResponse, ListCustomersResponse
from fieldwise.recommend.v1 import decision_pb2

UUID = "01890000-0000-7000-8000-000000000001"


def status(code: int, message: str, reason: str, *violations: tuple[str, str]) -> status_pb2.Status:
    """A google.rpc.Status as the servers send it."""
    made = status_pb2.Status(code=code, message=message)
    info = error_details_pb2.ErrorInfo(reason=reason, domain="fieldwise")
    made.details.add().Pack(info)
    if violations:
        fault = error_details_pb2.BadRequest()
        for field, description in violations:
            fault.field_violations.add(field=field, description=description)
        made.details.add().Pack(fault)
    return made


class FakeGatewayServicer(
    GatewayServiceServicer, operations_pb2_grpc.OperationsServicer, JobsServiceServicer, TracesServiceServicer
):
    """Counts and keeps what it is asked. ``unavailable`` is how many calls are still refused with UNAVAILABLE."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.requests: list[Any] = []
        self.unavailable = 0
        self.refusal: status_pb2.Status | None = None
        self.delay = 0.0
        self.events: set[tuple[str, str]] = set()
        self.break_after_batches = 0
        self.polls_until_done = 2
        self.plan: Callable[[pb.PlanTerritoriesRequest], plan_pb2.TerritoryPlan | status_pb2.Status] = (
            _empty_plan
        )
        self.cancelled = threading.Event()
        self.traces: list[traces.Trace] = []
        self.found: list[traces.TraceSummary] = []
        self.remaining: list[float] = []
        self._operation: operations_pb2.Operation | None = None
        self._result: Any = None

    def _met(self, name: str, request: Any, context: Any) -> None:
        self.calls[name] += 1
        self.requests.append(request)
        self.remaining.append(context.time_remaining())
        time.sleep(self.delay)
        if self.unavailable > 0:
            self.unavailable -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        if self.refusal is not None:
            context.abort_with_status(rpc_status.to_status(self.refusal))

    def Decide(self, request: Any, context: Any) -> Any:
        self._met("Decide", request, context)
        return pb.DecideResponse(decision=_decision(request.customer))

    def BatchDecide(self, request: Any, context: Any) -> Any:
        self._met("BatchDecide", request, context)
        return pb.BatchDecideResponse(decisions=[_decision(customer) for customer in request.customers])

    def GetDecision(self, request: Any, context: Any) -> Any:
        self._met("GetDecision", request, context)
        decision = _decision("customers/1")
        replay = (
            pb.Replay(decision=decision, identical=True, score_difference=0.0) if request.replay else None
        )
        return pb.GetDecisionResponse(decision=decision, replay=replay)

    def RecordOutcome(self, request: Any, context: Any) -> Any:
        self._met("RecordOutcome", request, context)
        return pb.RecordOutcomeResponse()

    def ListCustomers(self, request: Any, context: Any) -> Any:
        self._met("ListCustomers", request, context)
        first = int(request.page_token or 0)
        names = [f"customers/{number}" for number in range(first, min(first + request.page_size, 25))]
        token = str(first + request.page_size) if first + request.page_size < 25 else ""
        return ListCustomersResponse(names=names, next_page_token=token, total_size=25)

    def ListReps(self, request: Any, context: Any) -> Any:
        self._met("ListReps", request, context)
        return allocation.ListRepsResponse(reps=[rep_pb2.Rep(name="reps/wang", hours_per_week=30)])

    def GetClock(self, request: Any, context: Any) -> Any:
        self._met("GetClock", request, context)
        return pb.Clock(recorded=True)

    def IngestEvents(self, request_iterator: Any, context: Any) -> Iterator[Any]:
        self.calls["IngestEvents"] += 1
        for count, batch in enumerate(request_iterator):
            if self.break_after_batches and count == self.break_after_batches:
                self.break_after_batches = 0
                context.abort(grpc.StatusCode.UNAVAILABLE, "killed")
            new = {(event.source, event.event_id) for event in batch.events} - self.events
            self.events |= new
            yield IngestEventsResponse(
                batch_number=batch.batch_number, accepted=len(new), duplicates=len(batch.events) - len(new)
            )

    def PlanTerritories(self, request: Any, context: Any) -> Any:
        self._met("PlanTerritories", request, context)
        return self._begin(self.plan(request))

    def RunJob(self, request: Any, context: Any) -> Any:
        self._met("RunJob", request, context)
        return self._begin(jobs.JobRun(job=request.job, summary="done"))

    def GetTrace(self, request: Any, context: Any) -> Any:
        self._met("GetTrace", request, context)
        return self.traces.pop(0) if len(self.traces) > 1 else self.traces[0]

    def ApplyPlan(self, request: Any, context: Any) -> Any:
        self._met("ApplyPlan", request, context)
        return plan_pb2.TerritoryPlan(name=request.name, applied=True)

    def GetPlan(self, request: Any, context: Any) -> Any:
        self._met("GetPlan", request, context)
        return plan_pb2.TerritoryPlan(name=request.name)

    def CreateRep(self, request: Any, context: Any) -> Any:
        self._met("CreateRep", request, context)
        return request.rep

    def SetBudgets(self, request: Any, context: Any) -> Any:
        self._met("SetBudgets", request, context)
        return allocation.SetBudgetsResponse(budgets=request.budgets)

    def GetPrices(self, request: Any, context: Any) -> Any:
        self._met("GetPrices", request, context)
        return price_pb2.PriceSet(name="priceSets/1")

    def ForecastSeries(self, request: Any, context: Any) -> Any:
        self._met("ForecastSeries", request, context)
        return forecast.ForecastSeriesResponse()

    def ListModelVersions(self, request: Any, context: Any) -> Any:
        self._met("ListModelVersions", request, context)
        return forecast.ListModelVersionsResponse()

    def MoveClock(self, request: Any, context: Any) -> Any:
        self._met("MoveClock", request, context)
        return pb.Clock(now=request.to, recorded=True)

    def ListJobRuns(self, request: Any, context: Any) -> Any:
        self._met("ListJobRuns", request, context)
        return jobs.ListJobRunsResponse()

    def SearchTraces(self, request: Any, context: Any) -> Any:
        self._met("SearchTraces", request, context)
        return traces.SearchTracesResponse(traces=self.found)

    def ExportTrace(self, request: Any, context: Any) -> Any:
        self._met("ExportTrace", request, context)
        return traces.ExportedTrace(name="traces/x", content=b'{"resourceSpans":[]}')

    def GetTraceStore(self, request: Any, context: Any) -> Any:
        self._met("GetTraceStore", request, context)
        return traces.TraceStore()

    def _begin(self, result: Any) -> Any:
        self._result = result
        self._operation = operations_pb2.Operation(name=f"operations/allocation/{UUID}")
        self._operation.metadata.Pack(plan_pb2.PlanTerritoriesMetadata(step="queued"))
        return self._operation

    def GetOperation(self, request: Any, context: Any) -> Any:
        self._met("GetOperation", request, context)
        assert self._operation is not None
        polls = self.calls["GetOperation"]
        progress = plan_pb2.PlanTerritoriesMetadata(step="improving", objective=100.0 / polls, bound=10.0)
        self._operation.metadata.Pack(progress)
        if polls >= self.polls_until_done:
            self._operation.done = True
            if isinstance(self._result, status_pb2.Status):
                self._operation.error.CopyFrom(self._result)
            else:
                self._operation.response.CopyFrom(_packed(self._result))
        return self._operation

    def CancelOperation(self, request: Any, context: Any) -> Any:
        self.cancelled.set()
        return empty_pb2.Empty()


@contextlib.contextmanager
def serving(servicer: FakeGatewayServicer, *others: grpc.GenericRpcHandler) -> Iterator[str]:
    """The servicer, and others beside it, on a port of its own; gives its address, good for gateway, jobs and traces."""
    server = grpc.server(futures.ThreadPoolExecutor(8))
    add_GatewayServiceServicer_to_server(servicer, server)
    add_JobsServiceServicer_to_server(servicer, server)
    add_TracesServiceServicer_to_server(servicer, server)
    operations_pb2_grpc.add_OperationsServicer_to_server(servicer, server)
    server.add_generic_rpc_handlers(others)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


def _decision(customer: str) -> decision_pb2.Decision:
    made = decision_pb2.Decision(
        name=f"decisions/{UUID}",
        customer=customer,
        verdict=decision_pb2.VERDICT_ACT,
        chosen_action="actions/call-check-in",
        rep="reps/wang",
        trace_id="0af7651916cd43dd8448eb211c80319c",
        choice_probability=1.0,
        deterministic=True,
    )
    ranked = made.actions.add(action=made.chosen_action, chosen=True)
    ranked.value.currency_code, ranked.value.micros = "USD", 2_345_678
    ranked.reasons.add(code="LIKELY_TO_BUY", numbers={"p": 0.5})
    return made


def _empty_plan(_request: Any) -> plan_pb2.TerritoryPlan:
    return plan_pb2.TerritoryPlan(name=f"plans/{UUID}")


def _packed(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


INFEASIBLE = status(
    code_pb2.FAILED_PRECONDITION,
    "skill 'cold-chain' is needed by 3 accounts; no rep has it",
    "INFEASIBLE_PLAN",
)
