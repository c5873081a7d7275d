"""A whole installation in processes of its own, as `fieldwise up` starts it; knows nothing of what is asked of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.duration_pb2 import Duration

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.allocation.v1 import plan_pb2, price_pb2
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise.gateway.v1 import jobs_service_pb2 as jobs_pb
from fieldwise.gateway.v1 import jobs_service_pb2_grpc as jobs_grpc
from fieldwise.gateway.v1 import traces_service_pb2 as traces_pb
from fieldwise.gateway.v1 import traces_service_pb2_grpc as traces_grpc
from fieldwise.recommend.v1 import decision_pb2

_OPTIONS = [("grpc.max_receive_message_length", 64 * 2**20), ("grpc.max_reconnect_backoff_ms", 500)]


def free_port_base() -> int:
    """The first of sixteen free ports in a row."""
    # Each process of a test run looks in a row of its own: a port found free is not yet taken. All below those that
    # the system hands out itself.
    for base in range(21000 + 16 * (os.getpid() % 600), 32000, 16):
        try:
            for port in range(base, base + 16):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise RuntimeError("no sixteen free ports in a row")


def operator_key(data: Path) -> str:
    """The key that the installation's first start left for its owner."""
    return (data / "access" / "operator.key").read_text().strip()


class _Keyed(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Shows the installation's own key, as its commands do."""

    def __init__(self, data: Path) -> None:
        self._shown = ("authorization", f"Bearer {operator_key(data)}")

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(self._with_key(details), request)

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(self._with_key(details), request)

    def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
        return continuation(self._with_key(details), requests)

    def _with_key(self, details: Any) -> Any:
        return details._replace(metadata=(*(details.metadata or ()), self._shown))


@dataclass
class Running:
    """A started installation and stubs for its doors."""

    process: subprocess.Popen[str]
    data: Path
    base: int

    def __post_init__(self) -> None:
        bare = grpc.insecure_channel(f"127.0.0.1:{self.base}", options=_OPTIONS)
        self.channel: grpc.Channel = grpc.intercept_channel(bare, _Keyed(self.data))
        self.gateway = gateway_grpc.GatewayServiceStub(self.channel)
        self.operations: Any = operations_pb2_grpc.OperationsStub(self.channel)
        traces = grpc.insecure_channel(f"127.0.0.1:{self.base + 5}", options=_OPTIONS)
        self.traces = traces_grpc.TracesServiceStub(traces)
        jobs = grpc.insecure_channel(f"127.0.0.1:{self.base + 6}", options=_OPTIONS)
        self.jobs = jobs_grpc.JobsServiceStub(jobs)
        self.job_operations: Any = operations_pb2_grpc.OperationsStub(jobs)
        self.channels = (bare, traces, jobs)

    @property
    def key(self) -> str:
        """The operator's key, for clients that know the address only."""
        return operator_key(self.data)

    def processes(self) -> dict[str, dict[str, Any]]:
        """What the supervisor has on record of each process, by name."""
        listed = json.loads((self.data / "processes.json").read_text())["processes"]
        return {each["name"]: each for each in listed}

    def kill(self, name: str) -> None:
        """kill -9 of one process; the supervisor starts it again."""
        os.kill(int(self.processes()[name]["pid"]), signal.SIGKILL)

    def ingest(self, batches: Any) -> list[Any]:
        """Send batches of events; the acknowledgements."""
        return list(self.gateway.IngestEvents(batches, timeout=120))

    def decide(
        self, customer: str, *, request_id: str = "", timeout: float = 5.0, **fields: Any
    ) -> decision_pb2.Decision:
        """One decision."""
        request = pb.DecideRequest(request_id=request_id or str(uuid.uuid4()), customer=customer, **fields)
        return self.gateway.Decide(request, timeout=timeout).decision

    def trace(
        self, name: str, complete: Callable[[traces_pb.Trace], bool], seconds: float = 3.0
    ) -> traces_pb.Trace:
        """The trace as soon as ``complete`` says so, at the latest after ``seconds``."""
        ends = time.monotonic() + seconds
        while True:
            found = self._trace(name)
            if found is not None and (complete(found) or time.monotonic() > ends):
                return found
            if time.monotonic() > ends:
                raise AssertionError(f"{name} has no trace after {seconds} s")
            time.sleep(0.05)

    def _trace(self, name: str) -> traces_pb.Trace | None:
        try:
            return self.traces.GetTrace(traces_pb.GetTraceRequest(name=name), timeout=2)
        except grpc.RpcError as error:
            if getattr(error, "code", lambda: None)() == grpc.StatusCode.NOT_FOUND:
                return None
            raise

    def run_job(self, job: str) -> jobs_pb.JobRun:
        """Run a job to its end."""
        request = jobs_pb.RunJobRequest(job=job, request_id=str(uuid.uuid4()))
        done = _ended(self.job_operations, self.jobs.RunJob(request, timeout=10))
        run = jobs_pb.JobRun()
        assert done.response.Unpack(run), done
        return run

    def plan(self, trace_id: str = "", **fields: Any) -> plan_pb2.TerritoryPlan:
        """Plan territories to the end, in the trace of that id if one is given."""
        request = pb.PlanTerritoriesRequest(request_id=str(uuid.uuid4()), **fields)
        header = (("traceparent", f"00-{trace_id}-{trace_id[:16]}-01"),) if trace_id else ()
        done = _ended(self.operations, self.gateway.PlanTerritories(request, timeout=60, metadata=header))
        plan = plan_pb2.TerritoryPlan()
        assert done.response.Unpack(plan), done
        return plan

    def set_budgets(self, **capacities: float) -> None:
        """Set coupon money and e-mail slots per week."""
        units = {"coupon_money": "{currency}", "email_slots": "1"}
        budgets = [
            price_pb2.Budget(resource=name.replace("_", "-"), unit=units[name], capacity=capacity)
            for name, capacity in capacities.items()
        ]
        request = allocation_pb.SetBudgetsRequest(budgets=budgets, request_id=str(uuid.uuid4()))
        self.gateway.SetBudgets(request, timeout=10)

    def next_week(self, **budgets: float) -> price_pb2.PriceSet:
        """The prices of a fresh week with these budgets."""
        clock = self.gateway.GetClock(pb.GetClockRequest(), timeout=5)
        move = pb.MoveClockRequest()
        move.to.FromDatetime(clock.now.ToDatetime() + timedelta(weeks=1))
        self.gateway.MoveClock(move, timeout=5)
        self.set_budgets(**budgets)
        self.run_job("solve-prices")
        return self.prices()

    def prices(self) -> price_pb2.PriceSet:
        """The prices in force."""
        return self.gateway.GetPrices(pb.GetPricesRequest(), timeout=10)

    def stop(self) -> float:
        """Ctrl-C; seconds until everything was gone."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=10)
        took = time.monotonic() - begun
        for channel in self.channels:
            channel.close()
        return took


def _ended(operations: Any, operation: operations_pb2.Operation) -> operations_pb2.Operation:
    while not operation.done:
        wait = operations_pb2.WaitOperationRequest(name=operation.name, timeout=Duration(seconds=20))
        operation = operations.WaitOperation(wait, timeout=30)
    assert not operation.HasField("error"), operation.error.message
    return operation


def started(data: Path, environ: Mapping[str, str] | None = None) -> Running:
    """Start everything and wait until it serves."""
    base = free_port_base()
    told = data / "supervisor.log"
    with told.open("w") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "fieldwise_client.cli",
                "up",
                "--data",
                str(data),
                "--port-base",
                str(base),
            ],
            env={**os.environ, "FIELDWISE_CLOCK": "recorded:2017-12-25T00:00:00Z", **(environ or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    ends = time.monotonic() + 60
    while "all SERVING" not in told.read_text():
        if process.poll() is not None or time.monotonic() > ends:
            raise AssertionError("did not start:\n" + told.read_text())
        time.sleep(0.05)
    return Running(process, data, base)
