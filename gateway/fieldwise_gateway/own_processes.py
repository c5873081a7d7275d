"""Jobs and traces behind the gateway: processes of its own contract, asked for at its door; knows neither's work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import grpc.aio
from google.longrunning import operations_pb2_grpc

import fieldwise.gateway.v1
from fieldwise_gateway.finding_traces import SEARCH_TRACES, FindingTraces
from fieldwise_gateway.pseudonyms import Pseudonyms
from fieldwise_gateway.relay import Relay, relayed_services
from fieldwise_runtime.channels import connect

# Where traces are asked for when this process records none itself.
TRACES: Final = "127.0.0.1:50055"


class OwnProcesses:
    """Passes calls of JobsService and TracesService on.

    Args:
        traces: Address of the trace store; empty for the usual one.
    """

    def __init__(self, jobs: str, traces: str, now: Callable[[], datetime], pseudonyms: Pseudonyms) -> None:
        self._to_jobs = connect(jobs, "jobs")
        self._to_traces = connect(traces or TRACES, "traces")
        self._now = now
        self._finding = FindingTraces(self._to_traces, pseudonyms)
        own = {service.name: service for service in relayed_services(fieldwise.gateway.v1)}
        self._jobs, self._traces = own["JobsService"], own["TracesService"]
        self.service_names = (self._jobs.full_name, self._traces.full_name)
        self.job_operations = operations_pb2_grpc.OperationsStub(self._to_jobs)

    def register(self, server: grpc.aio.Server) -> None:
        """Add both services to the server."""
        Relay(self._to_jobs, self._now).register(server, [self._jobs])
        instead = {SEARCH_TRACES: self._finding.search}
        Relay(self._to_traces, self._now, instead=instead).register(server, [self._traces])

    async def close(self) -> None:
        """Close both channels."""
        await asyncio.gather(self._to_jobs.close(), self._to_traces.close())
