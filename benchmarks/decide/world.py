"""The demo world brought into an empty installation: events (timed), staff, models, territories, prices; measures no decision."""

from __future__ import annotations

import time
from dataclasses import dataclass

import grpc

from benchmarks.decide.company import Company
from benchmarks.processes import PeakOfTree, peak_memory_mib
from benchmarks.report import Report, Row
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise_client.demo import complete_journey, events, loading
from fieldwise_client.demo.people import staff
from fieldwise_client.installation import Installation


@dataclass(frozen=True)
class Load:
    """What was loaded, how fast, and the memory it took."""

    events: int
    households: int
    seconds: float
    memory_mib: float

    @property
    def per_second(self) -> float:
        return self.events / self.seconds


def prepared(company: Company, report: Report, *, full: bool) -> None:
    """Load, staff, train, plan and price; reports the load and the memory."""
    with PeakOfTree(company.supervisor.pid) as peak, company.doors() as doors:
        load = loaded(doors, company, full=full)
        opened(doors, load.households, full=full)
    report.add(Row(f"events of {load.households:,} households loaded end to end", load.events, "events"))
    report.add(Row("load of events on SQLite, end to end", load.per_second, "events/s", "must", ">= 10000"))
    report.add(Row("peak memory of all processes, load (sum of VmHWM)", load.memory_mib, "MiB"))
    report.add(
        Row("peak memory of all processes, load to prices, with workers (sum of RSS)", peak.mib, "MiB")
    )


def loaded(doors: Installation, company: Company, *, full: bool) -> Load:
    """Every event through the gateway, durable when this returns; reading the source's files is not timed."""
    history = complete_journey.read(full=full)
    begun = time.monotonic()
    total = loading.load(doors.ingest, events.batches(history), lambda _: None)
    seconds = time.monotonic() - begun
    memory = peak_memory_mib([company.supervisor.pid, *company.pids().values()])
    return Load(total.accepted, history.households, seconds, memory)


def opened(doors: Installation, households: int, *, full: bool) -> None:
    """Reps, budgets, models, territories and prices, as the demo makes them."""
    made = staff(households, full=full)
    doors.create_reps(made.reps)
    doors.set_budgets(made.budgets)
    doors.run_job("train-models", lambda _: None)
    doors.plan(lambda _: None)
    doors.run_job("solve-prices", lambda _: None)


def customers(company: Company) -> list[str]:
    """Names of all customers, ascending."""
    found: list[str] = []
    with grpc.insecure_channel(company.gateway) as channel:
        gateway = gateway_grpc.GatewayServiceStub(channel)
        page = gateway_pb.ListCustomersRequest(page_size=5000)
        while True:
            answer = gateway.ListCustomers(page, timeout=30, metadata=company.metadata())
            found += answer.names
            if not answer.next_page_token:
                return found
            page.page_token = answer.next_page_token
