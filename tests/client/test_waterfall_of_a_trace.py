"""The waterfall: one line per span, bars on one axis, faults and gaps named; and how long the command waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from google.rpc import code_pb2

import fieldwise_client as fw
from fieldwise.gateway.v1.traces_service_pb2 import Trace
from fieldwise_client.commands.trace import complete_trace
from fieldwise_client.waterfall import is_complete, render_waterfall
from tests.client.fake_gateway import FakeGatewayServicer, serving, status

T0 = 1_700_000_000_000_000_000


def trace(*, missing: tuple[str, ...] = (), orphans: int = 0) -> Trace:
    """A decision of 4 ms that asked profile for 2 ms, in which something failed."""
    made = Trace(name=f"traces/{'ab' * 16}", missing_services=missing, orphans=orphans)
    for number, (name, service, kind, begin, length, depth) in enumerate(
        [
            ("fieldwise.gateway.v1.GatewayService/Decide", "fieldwise-gateway", "SERVER", 0, 4_000_000, 0),
            (
                "fieldwise.profile.v1.ProfileService/BatchGetProfiles",
                "fieldwise-gateway",
                "CLIENT",
                1_000_000,
                2_000_000,
                1,
            ),
            (
                "fieldwise.profile.v1.ProfileService/BatchGetProfiles",
                "fieldwise-profile",
                "SERVER",
                1_500_000,
                1_000_000,
                2,
            ),
            ("a very short step", "fieldwise-profile", "INTERNAL", 2_000_000, 10, 3),
        ]
    ):
        span = made.spans.add(span_id=str(number), name=name, service=service, kind=kind, depth=depth)
        span.parent_span_id = str(number - 1) if number else ""
        span.start_time.FromNanoseconds(T0 + begin)
        span.duration.FromNanoseconds(length)
    return made


def test_each_span_has_a_line_with_its_bar_on_the_common_axis() -> None:
    lines = render_waterfall(trace(), 100).splitlines()
    assert lines[0] == f"traces/{'ab' * 16} · 4 spans of 2 services · 4.00 ms"
    decide, call, _served, short = (line for line in lines[2:6])
    begin = decide.index("━")
    whole = decide.count("━")
    assert decide.startswith("Decide ")
    assert call.startswith("  → BatchGetProfiles")
    assert call.index("━") - begin == pytest.approx(whole / 4, abs=1)
    assert call.count("━") == pytest.approx(whole / 2, abs=1)
    assert short.count("━") == 1
    assert decide.endswith("4.00")


@pytest.mark.parametrize("width", [80, 100, 140])
def test_no_line_is_wider_than_asked(width: int) -> None:
    assert max(map(len, render_waterfall(trace(), width).splitlines())) <= width


def test_faults_gaps_and_links_are_named() -> None:
    broken = trace(missing=("fieldwise-recommend",), orphans=1)
    broken.spans[1].status, broken.spans[1].status_message = "ERROR", "DEADLINE_EXCEEDED"
    broken.spans[3].linked_traces.extend(["cd" * 16, "ab" * 16])
    text = render_waterfall(broken, 100)
    assert "! DEADLINE_EXCEEDED" in text
    assert "missing: fieldwise-recommend" in text
    assert "orphans: 1" in text
    assert text.endswith(f"linked: traces/{'cd' * 16}")


def test_an_empty_trace_says_so() -> None:
    assert "no spans" in render_waterfall(Trace(name="traces/x"))


def test_a_trace_is_complete_without_gaps_and_orphans() -> None:
    assert is_complete(trace())
    assert not is_complete(trace(missing=("fieldwise-profile",)))
    assert not is_complete(trace(orphans=1))
    assert not is_complete(Trace())


@pytest.fixture
def gateway() -> FakeGatewayServicer:
    return FakeGatewayServicer()


@pytest.fixture
def client(gateway: FakeGatewayServicer, monkeypatch: pytest.MonkeyPatch) -> Iterator[fw.Client]:
    with serving(gateway) as address:
        monkeypatch.setenv("FIELDWISE_TRACES_ADDRESS", address)
        with fw.Client(address) as made:
            yield made


def test_the_command_waits_until_the_trace_is_complete(
    client: fw.Client, gateway: FakeGatewayServicer
) -> None:
    gateway.traces = [trace(missing=("fieldwise-profile",)), trace(missing=("fieldwise-profile",)), trace()]
    assert is_complete(complete_trace(client, "ab" * 16))
    assert gateway.calls["GetTrace"] == 3
    assert gateway.requests[0].name == f"traces/{'ab' * 16}"


def test_the_command_shows_an_incomplete_trace_after_a_second(
    client: fw.Client, gateway: FakeGatewayServicer
) -> None:
    gateway.traces = [trace(missing=("fieldwise-profile",))]
    begun = time.monotonic()
    assert list(complete_trace(client, "ab" * 16, patience=0.3).missing_services) == ["fieldwise-profile"]
    assert 0.3 <= time.monotonic() - begun < 1


def test_a_plan_names_its_trace(client: fw.Client, gateway: FakeGatewayServicer) -> None:
    gateway.traces = [trace()]
    plan = "plans/01890000-0000-7000-8000-000000000003"
    assert is_complete(complete_trace(client, plan))
    assert gateway.requests[0].name == plan


def test_a_plan_without_a_trace_is_refused_by_its_own_name(
    client: fw.Client, gateway: FakeGatewayServicer
) -> None:
    gateway.refusal = status(code_pb2.NOT_FOUND, "plans/x does not exist", "TRACE_NOT_FOUND")
    with pytest.raises(fw.NotFound, match="plans/x"):
        complete_trace(client, "plans/x", patience=0.1)
    assert set(gateway.calls) == {"GetTrace"}


def test_a_trace_that_never_comes_is_refused(client: fw.Client, gateway: FakeGatewayServicer) -> None:
    gateway.refusal = status(code_pb2.NOT_FOUND, "decisions/x does not exist", "TRACE_NOT_FOUND")
    with pytest.raises(fw.NotFound):
        complete_trace(client, "decisions/x", patience=0.2)
