"""What a process counts of itself, and how Prometheus gets it; over real sockets."""

from __future__ import annotations

import asyncio
import http.client
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import Histogram
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from fieldwise_runtime import loop_lag, measuring, metrics
from fieldwise_runtime.calls import Call
from fieldwise_runtime.errors import ResourceExhausted, Unavailable
from fieldwise_runtime.metrics_door import MetricsDoor
from fieldwise_runtime.rpc_metrics import RpcMetrics
from tests.runtime import echo
from tests.runtime.echo import SERVICE, echoing, request

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def value(name: str, **labels: str) -> float:
    """A series as it stands; 0 before it is first counted."""
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def calls(method: str, code: str) -> float:
    return value("fieldwise_rpc_seconds_count", service=SERVICE, method=method, code=code)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110  # a counter has nothing to wait on
            await asyncio.sleep(0.005)


@pytest.fixture
def door() -> Iterator[MetricsDoor]:
    opened = MetricsDoor("127.0.0.1:0")
    yield opened
    opened.close()


def get(port: int, path: str = "/metrics", method: str = "GET", **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers.get("Content-Type", ""), body


async def test_every_call_is_counted_on_both_sides_by_what_it_came_to() -> None:
    before = calls("Unary", "OK"), calls("Both", "OK")
    peers = value("fieldwise_client_seconds_count", peer="echo", code="OK")
    async with echoing() as calling:
        await calling.unary(request())
        assert [each.total_size async for each in calling.both(iter([request(2), request(3)]))] == [2, 3]
        await asyncio.sleep(0.02)
    assert (calls("Unary", "OK"), calls("Both", "OK")) == (before[0] + 1, before[1] + 1)
    assert value("fieldwise_client_seconds_count", peer="echo", code="OK") == peers + 2
    assert value("fieldwise_rpc_under_way") == 0


async def test_a_refusal_is_counted_by_its_reason_and_not_by_its_text() -> None:
    async def refuse(_asked: Any, _context: Any) -> Any:
        raise ResourceExhausted("TOO_MANY_OF_THESE", "customer brackwater of Bay Street asked too often")

    before = value("fieldwise_refusals_total", reason="TOO_MANY_OF_THESE")
    async with echoing(Unary=refuse) as calling:
        with pytest.raises(grpc.aio.AioRpcError):
            await calling.unary(request())
    assert value("fieldwise_refusals_total", reason="TOO_MANY_OF_THESE") == before + 1
    assert calls("Unary", "RESOURCE_EXHAUSTED") >= 1
    assert value("fieldwise_client_seconds_count", peer="echo", code="RESOURCE_EXHAUSTED") >= 1
    assert "brackwater" not in metrics.page()[0].decode()


async def test_a_call_in_work_is_under_way_and_one_that_is_cancelled_no_longer() -> None:
    async with echoing(Unary=echo.sleep_long) as calling:
        asking = asyncio.create_task(calling.unary(request()))
        await until(lambda: value("fieldwise_rpc_under_way") == 1)
        asking.cancel()
        await until(lambda: value("fieldwise_rpc_under_way") == 0)
    assert calls("Unary", "CANCELLED") >= 1


async def test_methods_that_do_not_exist_have_one_series_together() -> None:
    before = value("fieldwise_rpc_unknown_methods_total")
    async with echoing() as calling:
        for number in range(3):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await calling.channel.unary_unary(f"/no.such.Service/Method{number}")(b"")
            assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert value("fieldwise_rpc_unknown_methods_total") == before + 3
    assert "no.such.Service" not in metrics.page()[0].decode()


async def test_a_bucket_leads_to_a_trace_in_openmetrics_only(
    recorded: InMemorySpanExporter, door: MetricsDoor
) -> None:
    async with echoing() as calling:
        await calling.unary(request())
    traces = {f"{span.context.trace_id:032x}" for span in recorded.get_finished_spans() if span.context}
    status, kind, body = await asyncio.to_thread(get, door.port, Accept=OPENMETRICS)
    assert status == 200
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in openmetrics(body)}  # type: ignore[no-untyped-call]  # published so
    exemplars = [
        sample.exemplar.labels["trace_id"]
        for sample in families["fieldwise_rpc_seconds"].samples
        if sample.exemplar and sample.labels["method"] == "Unary" and sample.labels["code"] == "OK"
    ]
    assert traces & set(exemplars)
    status, kind, body = await asyncio.to_thread(get, door.port, Accept="text/plain")
    assert (status, kind.partition(";")[0]) == (200, "text/plain")
    assert "# {trace_id" not in body
    names = {family.name for family in plain(body)}
    assert {"fieldwise_rpc_seconds", "process_cpu_seconds"} <= names


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/openmetrics-text; version=abc", "text/plain; version=x;;;=", "\x7f"]
)
def test_whoever_accepts_nothing_we_know_gets_plain_text(accept: str) -> None:
    body, kind = metrics.page(accept)
    assert body.startswith(b"# HELP")
    assert kind.startswith("text/plain")


def test_the_door_answers_nothing_but_the_page(door: MetricsDoor) -> None:
    assert get(door.port, "/")[0] == 404
    assert get(door.port, "/metrics/../etc/passwd")[0] == 404
    assert get(door.port, method="POST")[0] == 405


def test_one_who_opens_and_says_nothing_keeps_nobody_waiting(door: MetricsDoor) -> None:
    silent = [socket.create_connection(("127.0.0.1", door.port)) for _ in range(6)]
    begun = time.monotonic()
    assert get(door.port)[0] == 200
    assert time.monotonic() - begun < 2
    for each in silent:
        each.close()


def test_a_port_in_use_is_named_with_the_remedy(door: MetricsDoor) -> None:
    with pytest.raises(Unavailable, match=rf"cannot listen on 127\.0\.0\.1:{door.port}; end what listens"):
        MetricsDoor(f"127.0.0.1:{door.port}")


async def test_an_http_face_can_answer_the_page_too() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(metrics.route()), base_url="http://x") as face:
        answer = await face.get("/metrics", headers={"accept": OPENMETRICS})
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        assert answer.text.endswith("# EOF\n")
        assert (await face.head("/metrics")).content == b""
        assert (await face.post("/metrics")).status_code == 405


def test_a_label_from_elsewhere_has_few_values() -> None:
    few = metrics.Few()
    named = {few.of(f"REASON_{number}") for number in range(metrics.MOST_VALUES + 50)}
    assert len(named) == metrics.MOST_VALUES + 1
    assert few.of("REASON_0") == "REASON_0"
    assert few.of("ONE_MORE") == metrics.OTHER


def test_buckets_hold_all_that_took_no_longer() -> None:
    text = "\n".join(
        line for line in metrics.page()[0].decode().splitlines() if "fieldwise_rpc_seconds" in line
    )
    series: dict[str, list[float]] = {}
    for labels, count in re.findall(r"_bucket\{(.*?),le=\"[^\"]+\"\} (\S+)", text.replace('le="', ',le="')):
        series.setdefault(labels, []).append(float(count))
    for counts in series.values():
        assert counts == sorted(counts)


async def test_a_busy_loop_shows_as_lag() -> None:
    before = value("fieldwise_loop_lag_seconds_bucket", le="0.05"), value("fieldwise_loop_lag_seconds_count")
    measuring_lag = asyncio.create_task(loop_lag.measure())
    await asyncio.sleep(0.2)
    time.sleep(0.15)  # noqa: ASYNC251  # what must not be done is done, to be seen
    await asyncio.sleep(0.01)
    measuring_lag.cancel()
    assert value("fieldwise_loop_lag_seconds_count") == before[1] + 1
    assert value("fieldwise_loop_lag_seconds_bucket", le="0.05") == before[0]


async def test_gauges_that_cannot_be_set_end_nothing_and_are_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(measuring, "MEASURE_SECONDS", 0.005)
    tried = 0

    async def fail() -> None:
        nonlocal tried
        tried += 1
        raise Unavailable(
            "DATABASE_UNREACHABLE", "the database does not answer; send the request again later"
        )

    async with measuring.measured("", fail):
        await until(lambda: tried >= 4)
    assert [record.getMessage() for record in caplog.records].count("measuring failed") == 1


class _Span:
    @staticmethod
    def get_span_context() -> Any:
        return _Context


class _Context:
    trace_id = 0x0AF7651916CD43DD8448EB211C80319C


async def test_counting_a_call_costs_less_than_an_exemplar_of_a_usual_histogram() -> None:
    keeper, rounds = RpcMetrics(), 4_000
    call = Call("/fieldwise.test.v1.EchoService/Timed", None, _Span(), time.perf_counter())  # type: ignore[arg-type]  # has what is asked of it
    usual = Histogram("usual", "", ["method"], registry=None).labels("Timed")

    async def ours() -> None:
        for _ in range(rounds):
            await keeper.enter(call)
            await keeper.check(call, None)
            await keeper.passes(call, None)
            keeper.leave(call, grpc.StatusCode.OK)

    async def theirs() -> None:
        for _ in range(rounds):
            usual.observe(0.004, {"trace_id": f"{_Context.trace_id:032x}"})

    best = dict.fromkeys((ours, theirs), 1e9)
    for _ in range(5):
        for work in (ours, theirs):
            begun = time.thread_time()
            await work()
            best[work] = min(best[work], time.thread_time() - begun)
    assert best[ours] < best[theirs]
