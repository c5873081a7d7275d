"""Traces through the gateway: found by the customer until he is erased, relayed without leaving a trace, and pages for browsers."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.requests import Request

from fieldwise.gateway.v1 import traces_service_pb2 as pb
from fieldwise.gateway.v1 import traces_service_pb2_grpc as traces_grpc
from fieldwise_gateway.__main__ import PACKAGE
from fieldwise_gateway.http import traces as pages
from fieldwise_gateway.own_processes import OwnProcesses
from fieldwise_gateway.pseudonyms import Pseudonyms
from fieldwise_gateway.traces.__main__ import PACKAGE as TRACES
from fieldwise_gateway.traces.__main__ import receiver
from fieldwise_gateway.traces.settings import Settings
from fieldwise_runtime import migrations, server, tracing
from fieldwise_runtime.calls import GuardedServer
from fieldwise_runtime.database import Database
from fieldwise_runtime.server import Service
from fieldwise_runtime.settings import load
from tests.gateway.test_traces_are_received_and_found import DECISION, TRACE, Store, export

NAME = f"traces/{TRACE.hex()}"


@dataclass
class Door:
    """A trace store, and a gateway that does nothing but pass calls on to it."""

    store: Store
    traces: Any
    http: httpx.AsyncClient
    pseudonyms: Pseudonyms


@asynccontextmanager
async def door(folder: Path) -> AsyncIterator[Door]:
    behind, own = f"sqlite:///{folder / 'traces.sqlite'}", f"sqlite:///{folder / 'gateway.sqlite'}"
    migrations.migrate(behind, TRACES)
    migrations.migrate(own, PACKAGE)
    environ = {"FIELDWISE_TRACES_LISTEN": "127.0.0.1:0", "FIELDWISE_TRACES_DATABASE_URL": behind}
    kept: list[GuardedServer] = []

    @asynccontextmanager
    async def beside(guarded: GuardedServer) -> AsyncIterator[None]:
        kept.append(guarded)
        yield

    async with AsyncExitStack() as stack:
        store = await server.start(await receiver(load(Settings, environ)))
        stack.push_async_callback(store.stop)
        database = Database.open(own)
        stack.push_async_callback(database.close)
        pseudonyms = Pseudonyms(database)
        await pseudonyms.load()
        processes = OwnProcesses(
            "127.0.0.1:1", f"127.0.0.1:{store.port}", lambda: datetime(2018, 1, 1, tzinfo=UTC), pseudonyms
        )
        stack.push_async_callback(processes.close)
        gateway = Service(
            "fieldwise-door", "127.0.0.1:0", processes.register, processes.service_names, beside=beside
        )
        running = await server.start(gateway)
        stack.push_async_callback(running.stop)
        direct = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{store.port}"))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{running.port}"))
        transport = httpx.ASGITransport(Starlette(routes=pages.routes(kept[0])))
        http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://door"))
        yield Door(Store(direct), traces_grpc.TracesServiceStub(channel), http, pseudonyms)


def about(customer: str, decision: str = "") -> Any:
    request = export(decision=decision)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.attributes.add(key="fieldwise.customer").value.string_value = customer
    return request


async def test_a_customers_traces_are_found_by_his_name_until_he_is_erased(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        await at.store.otlp.Export(about(at.pseudonyms.of("customers/li-na")))
        await at.pseudonyms.write()

        async def found(customer: str) -> list[str]:
            answer = await at.traces.SearchTraces(pb.SearchTracesRequest(customer=customer), timeout=5)
            return [each.name for each in answer.traces]

        assert await found("customers/li-na") == [NAME]
        assert await found("customers/wang-wei") == []
        assert b"li-na" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert await at.pseudonyms.forget(["customers/li-na"]) == 1
        assert await found("customers/li-na") == []
        assert at.pseudonyms.of("customers/li-na") != at.pseudonyms.of("customers/wang-wei")


async def test_a_pseudonym_outlives_the_process_and_not_an_erasure_under_way(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'gateway.sqlite'}"
    migrations.migrate(url, PACKAGE)
    database = Database.open(url)
    first, second = Pseudonyms(database), Pseudonyms(database)
    given = first.of("customers/1")
    await first.write()
    await second.load()
    assert second.of("customers/1") == given == await second.find("customers/1")
    second.of("customers/2")
    await second.forget(["customers/2"])
    await second.write()
    assert await first.find("customers/2") == ""
    await database.close()


async def test_asking_for_traces_leaves_none(tmp_path: Path) -> None:
    spans = InMemorySpanExporter()
    recording = tracing.configure("fieldwise-test", "", spans_to=SimpleSpanProcessor(spans))
    async with door(tmp_path) as at:
        await at.store.otlp.Export(export(decision=DECISION))
        spans.clear()
        header = (("traceparent", f"00-{'ab' * 16}-{'cd' * 8}-01"),)
        for name in (NAME, DECISION):
            trace = await at.traces.GetTrace(pb.GetTraceRequest(name=name), metadata=header, timeout=5)
            assert trace.name == NAME
        assert spans.get_finished_spans() == ()
    recording.shutdown()
    tracing.configure("fieldwise-test", "")


async def test_a_trace_has_a_page_that_shows_what_was_sent_as_text_and_asks_nobody(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        request = about("<script>alert(1)</script>", DECISION)
        request.resource_spans[0].scope_spans[0].spans[0].links.add(trace_id=b"\x07" * 16, span_id=b"\1" * 8)
        await at.store.otlp.Export(request)
        page = await at.http.get(f"/{NAME}", headers={"accept": "text/html,*/*"})
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert "<script" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text
        assert "http://" not in page.text
        assert "https://" not in page.text
        assert f'href="/traces/{"07" * 16}"' in page.text
        bare = DECISION.removeprefix("decisions/")
        for path in (f"/traces/{DECISION}", f"/traces/{bare}", f"/{NAME}"):
            shown = await at.http.get(path, headers={"accept": "application/json"})
            assert shown.json()["name"] == NAME
        otlp = await at.http.get(f"/{NAME}?form=otlp")
        assert otlp.headers["content-disposition"].startswith("attachment")
        assert json.loads(otlp.content)["resourceSpans"]


async def test_what_is_no_trace_is_refused_in_words(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        missing = await at.http.get(f"/traces/{'0' * 31}1")
        wrong = await at.http.get("/traces/customers/1")
        assert (missing.status_code, wrong.status_code) == (404, 400)
        assert missing.json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("sent", "carried"), [("ops:fw_key", "Bearer fw_key"), ("fw_key", "Bearer "), ("ops:a:b", "Bearer a:b")]
)
def test_a_browser_may_give_the_key_as_a_password(sent: str, carried: str) -> None:
    given = base64.b64encode(sent.encode())
    scope = {"type": "http", "headers": [(b"authorization", b"Basic " + given), (b"x-other", b"1")]}
    assert ("authorization", carried) in pages._metadata(Request(scope))
