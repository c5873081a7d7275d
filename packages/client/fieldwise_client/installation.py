"""The calls that the demo and `fieldwise status` make at a running installation, with typed errors; knows no event."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import duration_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.allocation.v1 import plan_pb2, price_pb2, rep_pb2
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise.forecast.v1 import model_pb2
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise.gateway.v1 import jobs_service_pb2 as jobs_pb
from fieldwise.gateway.v1 import jobs_service_pb2_grpc as jobs_grpc
from fieldwise.gateway.v1 import traces_service_pb2 as traces_pb
from fieldwise.gateway.v1 import traces_service_pb2_grpc as traces_grpc
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise_client.api_keys import ApiKey
from fieldwise_client.credentials import opened
from fieldwise_client.errors import FieldwiseError, NotFound, from_rpc_error, from_status
from fieldwise_client.supervisor.places import Places

_OPTIONS: Final = (("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20))
_ANSWER_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 1


class Installation:
    """A running installation, through its gateway. A context manager; closes its channel."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._channel = opened(places.gateway, places.trust, _OPTIONS)
        self._key = ApiKey(address=places.gateway, data=places.data)
        self._gateway = gateway_grpc.GatewayServiceStub(self._channel)
        self._jobs = jobs_grpc.JobsServiceStub(self._channel)
        self._traces = traces_grpc.TracesServiceStub(self._channel)
        self._operations = operations_pb2_grpc.OperationsStub(self._channel)

    def __enter__(self) -> Installation:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def clock(self) -> gateway_pb.Clock:
        """The business clock."""
        clock: gateway_pb.Clock = self._ask(self._gateway.GetClock, gateway_pb.GetClockRequest())
        return clock

    def customers_known(self) -> int:
        """Customers with an event."""
        page: profile_pb.ListCustomersResponse = self._ask(
            self._gateway.ListCustomers, gateway_pb.ListCustomersRequest(page_size=1)
        )
        return int(page.total_size)

    def ingest(
        self, requests: Iterator[gateway_pb.IngestEventsRequest]
    ) -> Iterator[profile_pb.IngestEventsResponse]:
        """One answer per batch, in order, after its events are durable."""
        try:
            yield from self._gateway.IngestEvents(requests, metadata=self._key.metadata())
        except grpc.RpcError as error:
            raise from_rpc_error(error, "gateway", self.places.gateway) from error

    def champions(self) -> list[model_pb2.ModelVersion]:
        """The versions that serve."""
        listed: forecast_pb.ListModelVersionsResponse = self._ask(
            self._gateway.ListModelVersions, forecast_pb.ListModelVersionsRequest()
        )
        return [each for each in listed.versions if each.role == model_pb2.MODEL_ROLE_CHAMPION]

    def prices(self) -> price_pb2.PriceSet | None:
        """The prices in force; None when there are none."""
        try:
            found: price_pb2.PriceSet = self._ask(self._gateway.GetPrices, gateway_pb.GetPricesRequest())
        except NotFound:
            return None
        return found

    def create_reps(self, reps: Sequence[rep_pb2.Rep]) -> None:
        """Adds those that are not there; a rep that somebody changed since stays as he is."""
        listed: allocation_pb.ListRepsResponse = self._ask(
            self._gateway.ListReps, allocation_pb.ListRepsRequest()
        )
        known = {rep.name for rep in listed.reps}
        for rep in reps:
            if rep.name not in known:
                request = allocation_pb.CreateRepRequest(rep=rep, request_id=str(uuid.uuid4()))
                self._ask(self._gateway.CreateRep, request)

    def set_budgets(self, budgets: Sequence[price_pb2.Budget]) -> None:
        request = allocation_pb.SetBudgetsRequest(budgets=budgets, request_id=str(uuid.uuid4()))
        self._ask(self._gateway.SetBudgets, request)

    def has_plan(self, name: str) -> bool:
        """The plan is kept, in force or not."""
        try:
            self._ask(self._gateway.GetPlan, gateway_pb.GetPlanRequest(name=name))
        except NotFound:
            return False
        return True

    def plan(self, told: Callable[[str], None]) -> plan_pb2.TerritoryPlan:
        """A territory plan of all customers, in force when this returns.

        Raises:
            FieldwiseError: It could not be made.
        """
        request = gateway_pb.PlanTerritoriesRequest(
            request_id=str(uuid.uuid4()), rules=plan_pb2.TerritoryRules(time_limit_seconds=5)
        )
        started = self._ask(self._gateway.PlanTerritories, request, timeout=60.0)
        plan = plan_pb2.TerritoryPlan()
        self._finished(started, told).response.Unpack(plan)
        applying = gateway_pb.ApplyPlanRequest(name=plan.name, request_id=str(uuid.uuid4()))
        self._ask(self._gateway.ApplyPlan, applying)
        return plan

    def run_job(self, job: str, told: Callable[[str], None]) -> jobs_pb.JobRun:
        """The run, when it is over.

        Raises:
            FieldwiseError: It failed.
        """
        request = jobs_pb.RunJobRequest(job=job, request_id=str(uuid.uuid4()))
        run = jobs_pb.JobRun()
        self._finished(self._ask(self._jobs.RunJob, request), told).response.Unpack(run)
        if run.fault:
            raise FieldwiseError(f"job {job} failed: {run.fault}")
        return run

    def decide(self, customer: str) -> decision_pb2.Decision:
        """A new decision."""
        request = gateway_pb.DecideRequest(request_id=str(uuid.uuid4()), customer=customer)
        answer: gateway_pb.DecideResponse = self._ask(self._gateway.Decide, request)
        return answer.decision

    def trace(self, decision: decision_pb2.Decision, patience: float = 2.0) -> traces_pb.Trace:
        """The decision's trace, as soon as no service is missing in it; what is there when patience runs out."""
        request = traces_pb.GetTraceRequest(name=f"traces/{decision.trace_id}")
        until = time.monotonic() + patience
        trace = traces_pb.Trace()
        while time.monotonic() < until:
            # Not found: the first spans are on their way.
            with contextlib.suppress(NotFound):
                trace = self._ask(self._traces.GetTrace, request)
            if trace.spans and not trace.missing_services and not trace.orphans:
                break
            time.sleep(0.05)
        return trace

    def trace_store(self) -> traces_pb.TraceStore:
        """What the trace store holds."""
        store: traces_pb.TraceStore = self._ask(self._traces.GetTraceStore, traces_pb.GetTraceStoreRequest())
        return store

    def _ask(self, method: Any, request: Any, *, timeout: float = _ANSWER_SECONDS) -> Any:
        try:
            return method(request, timeout=timeout, metadata=self._key.metadata())
        except grpc.RpcError as error:
            raise from_rpc_error(error, "gateway", self.places.gateway) from error

    def _finished(
        self, operation: operations_pb2.Operation, told: Callable[[str], None]
    ) -> operations_pb2.Operation:
        waited = operations_pb2.WaitOperationRequest(
            name=operation.name, timeout=duration_pb2.Duration(seconds=_POLL_SECONDS)
        )
        while not operation.done:
            told(operation.name)
            operation = self._ask(self._operations.WaitOperation, waited)
        if operation.HasField("error"):
            raise from_status(operation.error)
        return operation
