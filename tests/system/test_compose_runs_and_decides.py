"""Every service of docker-compose.yml with its own command, environment and health check, on a real PostgreSQL."""

import re
import socket
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from fieldwise.allocation.v1 import rep_pb2
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.type.v1 import provenance_pb2
from fieldwise_client.demo import events
from fieldwise_client.demo.complete_journey import CLOCK, Dropped, History, Purchases
from fieldwise_client.demo.people import staff
from fieldwise_client.installation import Installation
from fieldwise_client.supervisor.places import Places as Addresses
from tests.system.composed import ROOT, Composed, Places, services

HOUSEHOLDS = 30
PORTS = (*(str(port) for port in range(50050, 50066)), "4317")


class Jaeger(trace_service_pb2_grpc.TraceServiceServicer):
    """Stands where compose has Jaeger: counts the spans that are passed on."""

    def __init__(self) -> None:
        self.spans: Counter[str] = Counter()

    def Export(self, request: Any, context: Any) -> trace_service_pb2.ExportTraceServiceResponse:
        for resource in request.resource_spans:
            name = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
            self.spans[name] += sum(len(scope.spans) for scope in resource.scope_spans)
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    """A free port for each of the file's; all are held until all are chosen."""
    held = [socket.socket() for _ in PORTS]
    for each in held:
        each.bind(("127.0.0.1", 0))
    chosen = dict(zip(PORTS, (int(each.getsockname()[1]) for each in held), strict=True))
    for each in held:
        each.close()
    return chosen


@pytest.fixture(scope="module")
def jaeger(ports: dict[str, int]) -> Iterator[Jaeger]:
    servicer = Jaeger()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(servicer, server)
    server.add_insecure_port(f"127.0.0.1:{ports['4317']}")
    server.start()
    yield servicer
    server.stop(None).wait()


@pytest.fixture(scope="module")
def databases(postgres_url: str) -> Iterator[dict[str, str]]:
    """The databases that docker/databases.sql makes, under names of this run."""
    mark = uuid.uuid4().hex[:8]
    script = (ROOT / "docker" / "databases.sql").read_text(encoding="utf-8")
    names = {name: f"compose_{mark}_{name}" for name in re.findall(r"CREATE DATABASE (\w+);", script)}
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for name in names.values():
            connection.execute(f"CREATE DATABASE {name}".encode())
    yield {name: _in_database(postgres_url, made) for name, made in names.items()}
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for name in names.values():
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _in_database(url: str, name: str) -> str:
    """The same server's URL for another database; the server may be reached by a socket named in the query."""
    before, mark, query = url.partition("?")
    return f"{before.rpartition('/')[0]}/{name}{mark}{query}"


@pytest.fixture(scope="module")
def installation(
    ports: dict[str, int], jaeger: Jaeger, databases: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    data: Path = tmp_path_factory.mktemp("compose")
    file = services({"FIELDWISE_CLOCK": f"recorded:{CLOCK:%Y-%m-%dT%H:%M:%SZ}"})
    composed = Composed(file, Places(data, ports, databases))
    try:
        composed.up()
        # The gateway's volume holds the first operator's key.
        with Installation(Addresses(f"127.0.0.1:{ports['50050']}", data=data)) as found:
            yield found
    finally:
        composed.down()


def households() -> History:
    """Thirty made-up households: each shops every so many days, the last ten fall silent in November."""
    lines = []
    for household in range(1, HOUSEHOLDS + 1):
        away = 30 if household > 20 else 1
        lines += [(away + day, household) for day in range(0, 300, 3 + household % 8)]
    days = np.array([day for day, _ in lines], np.int64)
    who = np.array([household for _, household in lines], np.int64)
    order = np.argsort(-days, kind="stable")
    number = np.arange(len(lines), dtype=np.int64)
    cents = (who * 37 + number * 11) % 4000 + 500
    purchases = Purchases(
        household=who[order],
        seconds=int(CLOCK.timestamp()) - days[order] * 86_400 + 36_000,
        basket=number,
        product=number % 50,
        category=number % 3,
        quantity=np.ones(len(lines), np.int64),
        amount_micros=cents * 10_000,
        discount_micros=np.zeros(len(lines), np.int64),
        categories=("CHEESE", "BEEF", "unknown"),
    )
    return History(HOUSEHOLDS, purchases, (), (), Dropped(0, 0, 0, 0))


def test_all_services_start_healthy_take_events_plan_price_and_decide(
    installation: Installation, jaeger: Jaeger
) -> None:
    history = households()
    answers = list(installation.ingest(events.batches(history)))
    consents = len(events.CONSENTED) * HOUSEHOLDS
    assert sum(answer.accepted for answer in answers) == len(history) + consents
    assert installation.customers_known() == HOUSEHOLDS

    made = staff(HOUSEHOLDS, full=False)
    installation.create_reps([rep_pb2.Rep(name="reps/ana", hours_per_week=1.0)])
    installation.set_budgets(made.budgets)
    plan = installation.plan(lambda _: None)
    assert {each.rep for each in plan.assignments} == {"reps/ana"}
    installation.run_job("solve-prices", lambda _: None)
    prices = installation.prices()
    assert prices is not None
    assert {price.resource for price in prices.prices} == {"reps/ana/minutes", "coupon-money", "email-slots"}

    decision = installation.decide("customers/25")
    assert decision.verdict in (decision_pb2.VERDICT_ACT, decision_pb2.VERDICT_LEAVE_ALONE)
    states = {part.name: part.state for part in decision.parts}
    assert states["profile"] == states["allocation"] == states["recommend"] == provenance_pb2.PART_STATE_FRESH
    assert states["forecast"] == provenance_pb2.PART_STATE_PRIOR, (
        "nothing was trained, and the decision says so"
    )

    trace = installation.trace(decision, patience=5.0)
    assert not trace.missing_services
    ours = {f"fieldwise-{name}" for name in ("gateway", "profile", "forecast", "allocation", "recommend")}
    assert {span.service for span in trace.spans} == ours
    assert ours <= set(jaeger.spans), "the same spans went to where compose has Jaeger"
