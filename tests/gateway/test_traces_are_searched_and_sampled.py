"""The trace receiver: searches by every filter, a share of ordinary traces and all that matter, and OTLP over HTTP."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from fieldwise.gateway.v1 import traces_service_pb2 as pb
from fieldwise_gateway.traces import keeping
from fieldwise_gateway.traces.core.sampling import Durations, Policy, verdict
from tests.gateway.test_traces_are_received_and_found import DECISION, Store, export, free_port, running

SECOND = 1_000_000_000


def request(
    number: int, *, root: str = "a.B/Decide", service: str = "fieldwise-gateway", ms: int = 10, error: bool = False,
    **attributes: Any,
) -> Any:  # fmt: skip
    """An export of one trace with two spans, that began ``number`` seconds after a fixed time."""
    made = export(trace=number.to_bytes(16, "big"), ids=range(1, 3), service=service)
    for span in made.resource_spans[0].scope_spans[0].spans:
        span.start_time_unix_nano = 10**18 + number * SECOND
        span.end_time_unix_nano = span.start_time_unix_nano + ms * 1_000_000
        span.name = root
        if error:
            span.status.code = 2
        for key, value in attributes.items():
            written = span.attributes.add(key=f"fieldwise.{key}").value
            for each in value if isinstance(value, list) else [value]:
                target = written.array_value.values.add() if isinstance(value, list) else written
                setattr(target, "int_value" if isinstance(each, int) else "string_value", each)
    return made


async def found(store: Store, **filters: Any) -> list[int]:
    """Numbers of the traces found, newest first."""
    answer = await store.traces.SearchTraces(pb.SearchTracesRequest(**filters), timeout=5)
    return [int(each.name.removeprefix("traces/"), 16) for each in answer.traces]


def seconds(number: float) -> Any:
    made = pb.SearchTracesRequest()
    made.start_time.FromNanoseconds(10**18 + int(number * SECOND))
    return made.start_time


async def test_traces_are_found_by_each_filter(database_url: str) -> None:
    async with running(database_url) as store:
        await store.otlp.Export(request(1, verdict="VERDICT_ACT", decision=DECISION))
        await store.otlp.Export(request(2, error=True, service="fieldwise-profile", ms=500))
        await store.otlp.Export(request(3, root="a.B/Plan", degraded=["profile"], pages=7))
        await store.otlp.Export(request(4, customer="pseudonyms/" + "ab" * 12))
        assert await found(store) == [4, 3, 2, 1]
        assert await found(store, made=DECISION) == [1]
        assert await found(store, customer="pseudonyms/" + "ab" * 12) == [4]
        assert await found(store, service="profile") == await found(store, errors_only=True) == [2]
        assert await found(store, root_method="Plan") == await found(store, degraded_only=True) == [3]
        assert await found(store, min_duration={"nanos": 400_000_000}) == [2]
        assert await found(store, max_duration={"nanos": 400_000_000}) == [4, 3, 1]
        assert await found(store, start_time=seconds(2), end_time=seconds(4)) == [3, 2]
        assert await found(store, attributes={"fieldwise.verdict": "VERDICT_ACT"}) == [1]
        assert await found(store, attributes={"fieldwise.degraded": "profile", "fieldwise.pages": "7"}) == [3]
        assert await found(store, attributes={"rpc.grpc.status_code": "0"}, service="profile") == [2]
        assert await found(store, attributes={"rpc.grpc.status_code": "5"}) == []
        assert await found(store, root_method="%") == await found(store, service="recommend") == []


async def test_pages_follow_each_other_and_belong_to_their_filters(database_url: str) -> None:
    async with running(database_url) as store:
        for number in range(1, 6):
            await store.otlp.Export(request(number))
        first = await store.traces.SearchTraces(pb.SearchTracesRequest(page_size=2))
        assert len(first.traces) == 2
        assert await found(store, page_size=9, page_token=first.next_page_token) == [3, 2, 1]
        with pytest.raises(grpc.aio.AioRpcError):
            await found(store, page_token=first.next_page_token, errors_only=True)


async def test_a_customers_own_name_is_refused_and_not_repeated(sqlite_database_url: str) -> None:
    async with running(sqlite_database_url) as store:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await found(store, customer="customers/li-na")
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "li-na" not in (refused.value.details() or "")


async def test_a_trace_that_comes_in_pieces_is_one_line(database_url: str, monkeypatch: Any) -> None:
    async with running(database_url) as store:
        await store.otlp.Export(request(1, service="fieldwise-profile", root="a.B/Read"))
        assert await found(store) == [1]
        late = request(1, error=True, ms=900)
        for place, span in enumerate(late.resource_spans[0].scope_spans[0].spans):
            span.span_id = (50 + place).to_bytes(8, "big")
        await store.otlp.Export(late)
        assert await found(
            store, service="profile", errors_only=True, min_duration={"nanos": 800_000_000}
        ) == [1]
        assert len((await store.get(f"traces/{1:032x}")).spans) == 4


async def test_of_ordinary_traces_a_share_is_kept_and_of_others_all(url: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(keeping, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(keeping, "_LOOK_SECONDS", 0.02)
    async with running(url, FIELDWISE_TRACES_SHARE="0", FIELDWISE_TRACES_SLOW_MILLISECONDS="400") as store:
        await store.otlp.Export(request(1))
        await store.otlp.Export(request(2, error=True))
        await store.otlp.Export(request(3, degraded=["forecast"]))
        await store.otlp.Export(request(4, ms=500))
        for _ in range(100):
            if (await store.state()).undecided == 0:
                break
            await asyncio.sleep(0.02)
        state = await store.state()
        assert (state.sampled_out_traces, state.sampled_out_spans, state.spans) == (1, 2, 6)
        answer = await store.traces.SearchTraces(pb.SearchTracesRequest())
        assert [each.kept_because for each in answer.traces] == ["slow", "degraded", "error"]
        with pytest.raises(grpc.aio.AioRpcError, match="sampling gave it up"):
            await store.get(f"traces/{1:032x}")


async def test_a_trace_that_somebody_asked_for_is_kept(url: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(keeping, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(keeping, "_LOOK_SECONDS", 0.02)
    async with running(url, FIELDWISE_TRACES_SHARE="0") as store:
        await store.otlp.Export(request(1))
        await store.get(f"traces/{1:032x}")
        await asyncio.sleep(0.3)
        assert (await store.state()).undecided == 0
        assert len((await store.get(f"traces/{1:032x}")).spans) == 2


def test_the_share_is_what_was_asked_and_the_same_for_all_who_draw() -> None:
    ids = [zlib.crc32(bytes([n % 256, n // 256])).to_bytes(4, "big") * 4 for n in range(4_000)]
    kept = [
        bool(verdict(Policy(0.25), each, error=False, slow=False, degraded=False, asked=False))
        for each in ids
    ]
    # Four standard deviations of 4,000 draws are 2.7 %.
    assert 0.22 < sum(kept) / len(kept) < 0.28


def test_slow_is_what_passes_the_quantile_of_its_own_method() -> None:
    durations = Durations(0.99)
    assert not any(durations.is_slow("Decide", 100 + n % 10) for n in range(200))
    assert durations.is_slow("Decide", 200)
    assert not durations.is_slow("Plan", 10**9)
    assert Durations(1.0, 50).is_slow("Decide", 50)


async def test_a_trace_is_exported_as_it_came(url: str) -> None:
    async with running(url) as store:
        sent = request(1, verdict="VERDICT_ACT")
        await store.otlp.Export(sent)
        name = f"traces/{1:032x}"
        raw = await store.traces.ExportTrace(
            pb.ExportTraceRequest(name=name, form=pb.TRACE_FORM_OTLP_PROTOBUF)
        )
        (got,) = TracesData.FromString(raw.content).resource_spans
        assert got.resource == sent.resource_spans[0].resource
        assert got.scope_spans[0].spans == sent.resource_spans[0].scope_spans[0].spans
        shown = json.loads((await store.traces.ExportTrace(pb.ExportTraceRequest(name=name))).content)
        span = shown["resourceSpans"][0]["scopeSpans"][0]["spans"][1]
        assert (span["traceId"], span["parentSpanId"], span["kind"]) == (f"{1:032x}", f"{1:016x}", 2)


async def test_otlp_is_taken_over_http_in_both_forms_and_bounded(url: str, monkeypatch: Any) -> None:
    from fieldwise_gateway.traces import http as face

    monkeypatch.setattr(face, "MOST_BYTES", 100_000)
    port = free_port()
    async with (
        running(url, FIELDWISE_TRACES_HTTP_LISTEN=f"127.0.0.1:{port}") as store,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):

        async def post(body: bytes, kind: str = "application/x-protobuf", **headers: str) -> httpx.Response:
            return await http.post("/v1/traces", content=body, headers={"content-type": kind, **headers})

        raw = request(1).SerializeToString()
        assert (await post(raw)).status_code == 200
        packed = await post(gzip.compress(request(2).SerializeToString()), **{"content-encoding": "gzip"})
        assert otlp.ExportTraceServiceResponse.FromString(packed.content) == otlp.ExportTraceServiceResponse()
        as_json = (await store.traces.ExportTrace(pb.ExportTraceRequest(name=f"traces/{1:032x}"))).content
        moved = as_json.replace(f"{1:032x}".encode(), f"{3:032x}".encode())
        assert (await post(moved, "application/json; charset=utf-8")).json() == {}
        assert await found(store) == [2, 3, 1]
        assert len((await store.get(f"traces/{3:032x}")).spans) == 2
        bomb = gzip.compress(b"\0" * 5_000_000)
        refused = [
            await post(raw, "text/plain"),
            await post(b"\xff\xff"),
            await post(b"[" * 50_000, "application/json"),
            await post(bomb, **{"content-encoding": "gzip"}),
            await post(raw[:9], **{"content-encoding": "gzip"}),
            await post(b"\0" * 200_000),
            await post(raw, **{"content-encoding": "br"}),
            await http.get("/v1/traces"),
        ]
        assert [each.status_code for each in refused] == [415, 400, 400, 413, 400, 413, 415, 405]
        assert (await http.get("/metrics")).status_code == 200


@pytest.fixture
def url(sqlite_database_url: str) -> str:
    return sqlite_database_url
