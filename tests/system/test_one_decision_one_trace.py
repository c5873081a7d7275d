"""The main job: an app asks for a customer, and all four services answer in one trace."""

from __future__ import annotations

import time

from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.gateway.v1 import traces_service_pb2 as traces_pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.type.v1 import provenance_pb2 as provenance
from fieldwise_client.waterfall import accounted_services
from tests.system.installation import Running
from tests.system.small_world import customer

SERVICES = {
    "fieldwise-gateway",
    "fieldwise-profile",
    "fieldwise-forecast",
    "fieldwise-allocation",
    "fieldwise-recommend",
}


def whole(trace: traces_pb.Trace) -> bool:
    arrived = accounted_services(trace) >= SERVICES
    return arrived and not trace.missing_services and not trace.orphans


def test_a_decision_has_value_reasons_and_a_part_from_every_service(company: Running) -> None:
    decision = company.decide(customer(11))
    assert decision.verdict in (decision_pb2.VERDICT_ACT, decision_pb2.VERDICT_LEAVE_ALONE)
    states = {part.name: part.state for part in decision.parts}
    assert states == dict.fromkeys(
        ("profile", "forecast", "allocation", "recommend"), provenance.PART_STATE_FRESH
    )
    for ranked in decision.actions:
        money = ranked.money
        paid = sum(price.paid.micros for price in money.prices)
        assert ranked.value.micros == money.effect_times_margin.micros - money.cost.micros - paid
        assert ranked.reasons
    values = [ranked.value.micros for ranked in decision.actions]
    assert values == sorted(values, reverse=True)


def test_the_trace_is_whole_within_a_second_of_the_decision(company: Running) -> None:
    decision = company.decide(customer(12))
    begun = time.monotonic()
    trace = company.trace(decision.name, whole)
    assert time.monotonic() - begun < 1.0
    assert whole(trace)
    assert trace.name == f"traces/{decision.trace_id}"
    assert [span.name for span in trace.spans if not span.parent_span_id] == [
        "fieldwise.gateway.v1.GatewayService/Decide"
    ]


def test_a_hundred_decisions_leave_a_hundred_whole_traces(company: Running) -> None:
    decisions = [company.decide(customer(number)) for number in range(100)]
    for decision in decisions:
        trace = company.trace(decision.name, whole)
        assert whole(trace), decision.name


def test_a_batch_is_one_trace_and_each_of_its_decisions_names_it(company: Running) -> None:
    request = pb.BatchDecideRequest(
        request_id="batch-1", customers=[customer(number) for number in range(64)]
    )
    decisions = company.gateway.BatchDecide(request, timeout=10).decisions
    assert len({decision.trace_id for decision in decisions}) == 1
    trace = company.trace(f"traces/{decisions[0].trace_id}", whole)
    assert whole(trace)


def test_the_same_request_gives_the_same_decision_and_a_replay_equals_it(company: Running) -> None:
    first = company.decide(customer(13), request_id="replay-me")
    assert company.decide(customer(13), request_id="replay-me").name == first.name
    answer = company.gateway.GetDecision(pb.GetDecisionRequest(name=first.name, replay=True), timeout=10)
    assert answer.replay.identical
    assert answer.replay.decision == first
    assert answer.replay.score_difference <= 1e-6


def test_an_unknown_customer_gets_a_cold_start_and_is_not_made_known_by_it(company: Running) -> None:
    decision = company.decide("customers/nobody")
    states = {part.name: part.state for part in decision.parts}
    assert states["profile"] == provenance.PART_STATE_COLD_START
    assert decision.verdict != decision_pb2.VERDICT_NO_DECISION
    assert (
        "customers/nobody" not in company.gateway.ListCustomers(pb.ListCustomersRequest(), timeout=10).names
    )
