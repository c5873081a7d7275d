"""The tree of a trace: order, depth, orphans, missing services. No server."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise_gateway.traces.core.span import Span
from fieldwise_gateway.traces.core.tree import called_service, grow


def span(
    span_id: str,
    parent: str = "",
    *,
    service: str = "fieldwise-gateway",
    kind: str = "SERVER",
    **more: object,
) -> Span:
    plain = Span(
        span_id, parent, f"step {span_id}", service, kind, start_ns=int(span_id), end_ns=int(span_id) + 10
    )
    return replace(plain, **more)  # type: ignore[arg-type]  # the builder passes fields on


def call(span_id: str, parent: str, peer: str) -> Span:
    return span(span_id, parent, kind="CLIENT", attributes={"peer.service": peer})


WHOLE = [
    span("1"),
    call("2", "1", "profile"),
    span("3", "2", service="fieldwise-profile"),
    call("4", "1", "forecast"),
    span("5", "4", service="fieldwise-forecast"),
]


@given(st.permutations(WHOLE))
@settings(max_examples=20, deadline=None)
def test_the_order_of_arrival_changes_nothing(spans: list[Span]) -> None:
    tree = grow(spans)
    assert [(branch.span.span_id, branch.depth) for branch in tree.branches] == [
        ("1", 0), ("2", 1), ("3", 2), ("4", 1), ("5", 2),
    ]  # fmt: skip
    assert tree.missing_services == ()
    assert tree.orphans == 0


def test_a_call_that_no_span_answers_names_its_service() -> None:
    tree = grow([each for each in WHOLE if each.service != "fieldwise-forecast"])
    assert tree.missing_services == ("fieldwise-forecast",)


def test_a_span_of_the_caller_itself_answers_no_call() -> None:
    inner = span("3", "2", kind="INTERNAL")
    assert grow([span("1"), call("2", "1", "recommend"), inner]).missing_services == ("fieldwise-recommend",)


def test_a_span_without_its_parent_is_shown_and_counted() -> None:
    tree = grow([span("1"), span("9", "7", service="fieldwise-profile")])
    assert tree.orphans == 1
    assert [branch.span.span_id for branch in tree.branches] == ["1", "9"]


def test_a_trace_that_a_caller_began_has_no_orphan_at_the_door() -> None:
    assert (
        grow(
            [span("1", "77"), call("2", "1", "profile"), span("3", "2", service="fieldwise-profile")]
        ).orphans
        == 0
    )
    assert grow([span("3", "77", service="fieldwise-profile")]).orphans == 1, "profile is no door"


def test_a_gateway_whose_own_span_is_late_is_no_root() -> None:
    assert grow([call("2", "1", "profile"), span("3", "2", service="fieldwise-profile")]).orphans == 1


def test_a_very_deep_trace_is_walked() -> None:
    chain = [span("1"), *(span(str(n), str(n - 1)) for n in range(2, 5_000))]
    assert grow(chain).branches[-1].depth == 4_998


def test_the_called_service_is_read_from_the_peer_or_from_the_contract() -> None:
    def named(**attributes: str) -> str:
        dotted = {key.replace("_", "."): value for key, value in attributes.items()}
        return called_service(span("1", kind="CLIENT", attributes=dotted))

    assert named(peer_service="profile") == "fieldwise-profile"
    assert named(rpc_service="fieldwise.forecast.v1.ForecastService") == "fieldwise-forecast"
    assert named(rpc_service="fieldwise.gateway.v1.JobsService") == "fieldwise-jobs"
    assert named(rpc_service="acme.Billing") == "acme.Billing"
    assert named() == ""
