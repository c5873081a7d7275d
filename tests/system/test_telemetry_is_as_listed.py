"""What a whole installation sends while it is used: spans, metrics and log lines, every name of them listed, no person in any."""

from __future__ import annotations

import json
import re
import sqlite3
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import fieldwise_client as fw
from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.allocation.v1 import rep_pb2
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.profile.v1 import event_pb2
from tests.contract import telemetry_registry
from tests.system.installation import Running
from tests.system.small_world import END, consents, customer, purchase

# What nobody may read anywhere: a name, a phone, an address, an e-mail, a rep's name, keys that are none.
CANARIES: Final = (
    "Quillon Vexworth",
    "5550199477",
    "17 Wrenfold Crescent",
    "q.vexworth@wrenfold.example",
    "Ottoline Brackwater",
    "fwk_canary_3f9a1c77",
)
# Offset of each process's page from the gateway's port.
PAGES: Final = {
    "gateway": 9,
    "jobs": 10,
    "profile": 11,
    "forecast": 12,
    "allocation": 13,
    "recommend": 14,
    "traces": 15,
}
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0"
_LINE: Final = {"time": str, "level": str, "service": str, "logger": str, "event": str}


@dataclass
class Sent:
    """Names of all spans that reached the store, of their attributes and events, and every byte of them."""

    spans: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    resource: set[str] = field(default_factory=set)
    raw: bytes = b""


def sent(company: Running) -> Sent:
    """The store's file as it is now; what is not settled yet with what is."""
    found = Sent()
    with closing(sqlite3.connect(f"file:{company.data / 'traces.sqlite'}?mode=ro", uri=True)) as store:
        store.execute("BEGIN")
        bodies = [
            bytes(row[0])
            for table in ("exports", "parts")
            for row in store.execute(f"SELECT body FROM {table}")
        ]
    for body in bodies:
        _look(TracesData.FromString(body), found)
    found.raw = b"".join(bodies)
    return found


def _look(told: TracesData, found: Sent) -> None:
    for resource in told.resource_spans:
        found.resource |= {each.key for each in resource.resource.attributes}
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            found.spans.add(span.name)
            found.attributes |= {each.key for each in span.attributes}
            found.events |= {event.name for event in span.events}


@pytest.fixture(scope="module")
def used(company: Running) -> Running:
    """An installation of which everything was asked once (trained it was before), some of it wrongly."""
    # Others may have killed who did it before: what a process counts begins with it.
    company.plan()
    company.run_job("solve-prices")
    with fw.Client(f"127.0.0.1:{company.base}", timeout=10.0, api_key=company.key) as client:
        decision = client.decide(customer(31))
        client.decide_many([customer(number) for number in range(32, 40)])
        client.record_outcome(decision.name, "responded")
        _person(client)
        rep = rep_pb2.Rep(name="reps/brackwater", display_name=CANARIES[4], hours_per_week=2.0)
        company.gateway.CreateRep(
            allocation_pb.CreateRepRequest(rep=rep, request_id="brackwater"), timeout=10
        )
        with pytest.raises(fw.FieldwiseError):
            client.decide("customers/" + "x" * 200)
    with grpc.insecure_channel(f"127.0.0.1:{company.base}") as bare:
        ask: Any = bare.unary_unary("/fieldwise.gateway.v1.GatewayService/Decide")
        unknown_key = (("authorization", f"Bearer {CANARIES[5]}"),)
        with pytest.raises(grpc.RpcError):
            ask(pb.DecideRequest(customer=customer(1)).SerializeToString(), metadata=unknown_key)
    return company


def _person(client: fw.Client) -> None:
    """Somebody who is told of with all that is personal, who sends an event that is refused, and is erased."""
    name = f"customers/canary-{uuid.uuid4().hex[:8]}"
    known = event_pb2.Event(event_id=f"{name}/1", source="crm", customer=name)
    known.event_time.FromDatetime(END)
    person = known.identification
    person.full_name, person.phone, person.address, person.email = CANARIES[:4]
    refused = event_pb2.Event(event_id=f"{name}/2", source="crm", customer=f"customers/{CANARIES[0]}")
    answers = list(client.ingest([*consents(name), known, purchase(name, END, 1, source="crm"), refused]))
    assert sum(len(answer.rejected) for answer in answers) == 1
    client.decide(name)
    client.erase(name, request_id=f"erase-{name}")


def test_everything_that_is_recorded_is_listed(used: Running) -> None:
    wanted = {
        "fieldwise.gateway.v1.GatewayService/Decide",
        "fieldwise.gateway.v1.GatewayService/BatchDecide",
        "fieldwise.profile.v1.PrivacyService/EraseCustomer",
        "operation allocation",
        "operation jobs",
        "keep plan",
        "verify",
    }
    told = {"fieldwise.decision", "fieldwise.error.reason", "fieldwise.operation"}
    ends = time.monotonic() + 4
    while not (wanted <= (found := sent(used)).spans and told <= found.attributes):
        assert time.monotonic() < ends, (wanted - found.spans, told - found.attributes)
        time.sleep(0.1)
    allowed = [telemetry_registry.span_pattern(name) for name in telemetry_registry.spans()]
    assert sorted(name for name in found.spans if not any(each.fullmatch(name) for each in allowed)) == []
    assert found.attributes - telemetry_registry.attributes() == set()
    assert found.events - telemetry_registry.events() == set()
    assert found.resource == {"service.name"}
    assert [canary for canary in CANARIES if canary.encode() in found.raw] == []


def page_of(company: Running, process: str) -> str:
    address = f"http://127.0.0.1:{company.base + PAGES[process]}/metrics"
    asked = urllib.request.Request(address, headers={"accept": OPENMETRICS})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def families(text: str) -> Iterator[Any]:
    yield from text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # published so


def test_every_process_tells_what_is_listed_of_it_and_nothing_else(used: Running) -> None:
    listed = telemetry_registry.metrics()
    faults = []
    for process in PAGES:
        text = page_of(used, process)
        told = {each.name + ("_total" if each.type == "counter" else ""): each for each in families(text)}
        ours = {name for name in told if name.startswith("fieldwise_")}
        wanted = {name for name, metric in listed.items() if metric.is_of(process)}
        faults += [f"{process} tells {name}, which is not listed for it" for name in sorted(ours - wanted)]
        faults += [f"{process} does not tell {name}" for name in sorted(wanted - ours)]
        faults += [
            f"{process} labels {name} with {sample.labels}"
            for name in ours & set(listed)
            for sample in told[name].samples
            if not set(sample.labels) <= listed[name].labels | {"le"}
        ]
        faults += [f"{process} tells of a person" for canary in CANARIES if canary in text]
        faults += [f"{process} tells of a customer" for _ in re.findall(r"customers/|reps/|h0031", text)[:1]]
    assert faults == []


def test_what_was_done_is_counted_where_it_was_done(used: Running) -> None:
    def total(process: str, series: str, /, **labels: str) -> float:
        values: list[float] = [
            sample.value
            for family in families(page_of(used, process))
            for sample in family.samples
            if sample.name == series and labels.items() <= sample.labels.items()
        ]
        return sum(values)

    decide = {"service": "fieldwise.gateway.v1.GatewayService", "method": "Decide"}
    assert total("gateway", "fieldwise_rpc_seconds_count", **decide, code="OK") >= 2
    assert total("gateway", "fieldwise_rpc_seconds_count", **decide, code="INVALID_ARGUMENT") >= 1
    assert total("gateway", "fieldwise_rpc_seconds_count", **decide, code="UNAUTHENTICATED") >= 1
    assert total("gateway", "fieldwise_decisions_total") >= 10
    assert total("gateway", "fieldwise_client_seconds_count", peer="recommend", code="OK") >= 1
    assert total("profile", "fieldwise_events_total", result="refused") >= 1
    assert total("allocation", "fieldwise_plans_total") >= 1
    assert total("allocation", "fieldwise_worker_seconds_count") >= 1
    assert total("jobs", "fieldwise_job_runs_total", name="solve-prices", result="done") >= 1
    assert total("recommend", "fieldwise_serving", name="server") == 1
    for process in PAGES:
        assert total(process, "process_resident_memory_bytes") > 1e7
        assert total(process, "fieldwise_loop_lag_seconds_count") > 0


def test_every_log_line_is_an_event_with_its_fields_and_tells_of_no_person(used: Running) -> None:
    logs = sorted((used.data / "logs").glob("*.log"))
    assert {path.stem for path in logs} == set(PAGES)
    traced = set()
    for path in logs:
        for line in path.read_text("utf-8").splitlines():
            told = json.loads(line)
            assert {key: type(told.get(key)) for key in _LINE} == _LINE, line
            assert told["service"] == f"fieldwise-{path.stem}"
            assert told["level"] in ("INFO", "WARNING", "ERROR"), line
            assert re.fullmatch(r"[0-9a-f]{32}", told.get("trace_id", "0" * 32)), line
            assert [canary for canary in CANARIES if canary in line] == []
            if "trace_id" in told:
                traced.add((path.stem, told["event"]))
    # Lines that are written inside calls lead to them.
    assert {("allocation", "plan made"), ("allocation", "prices published")} <= traced
