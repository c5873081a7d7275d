"""kill -9 of each process in turn: decisions go on and name the gap, full answers come back, nothing is lost or doubled."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import timedelta

import grpc
import pytest

from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.type.v1 import provenance_pb2 as provenance
from tests.system.installation import Running
from tests.system.small_world import END, batches, consents, customer, purchase

STANDS_IN = {
    "profile": {provenance.PART_STATE_SNAPSHOT, provenance.PART_STATE_COLD_START},
    "forecast": {provenance.PART_STATE_PRIOR},
    "allocation": {provenance.PART_STATE_LAST_VALID},
    "recommend": {provenance.PART_STATE_MISSING},
}


def degraded(decision: decision_pb2.Decision) -> dict[str, int]:
    return {part.name: part.state for part in decision.parts if part.state != provenance.PART_STATE_FRESH}


def until_full(company: Running, seconds: float) -> list[decision_pb2.Decision]:
    """Decide without a pause until ten full answers came in a row.

    For half a second at least: who was killed takes a while to be gone, and what the gateway holds is used until then.
    """
    decisions: list[decision_pb2.Decision] = []
    begun, in_a_row = time.monotonic(), 0
    ends = begun + seconds
    while in_a_row < 10 or time.monotonic() < begun + 0.5:
        assert time.monotonic() < ends, f"no full answers within {seconds} s: {degraded(decisions[-1])}"
        decisions.append(company.decide(customer(len(decisions) % 50), timeout=2.0))
        in_a_row = 0 if degraded(decisions[-1]) else in_a_row + 1
    return decisions


def persistently(company: Running, request: pb.DecideRequest) -> decision_pb2.Decision:
    """Ask with the same request_id until the gateway is back, as our client does."""
    ends = time.monotonic() + 10
    while True:
        try:
            return company.gateway.Decide(request, timeout=2, wait_for_ready=True).decision
        except grpc.RpcError:
            assert time.monotonic() < ends, "the gateway did not come back"


@pytest.mark.parametrize("victim", ["profile", "forecast", "allocation", "recommend"])
def test_every_decision_is_answered_while_a_service_is_killed(company: Running, victim: str) -> None:
    until_full(company, 10.0)
    company.kill(victim)
    decisions = until_full(company, 10.0)
    gaps = [degraded(decision) for decision in decisions if degraded(decision)]
    assert gaps, f"{victim} was killed, but no decision says that it was away"
    for gap in gaps:
        # Nothing can be forecast of a customer of whom nothing is known.
        follows = {"forecast"} if gap.get("profile") == provenance.PART_STATE_COLD_START else set()
        assert set(gap) <= {victim} | follows
        assert gap[victim] in STANDS_IN[victim]


def test_full_answers_are_back_within_five_seconds(company: Running) -> None:
    until_full(company, 10.0)
    company.kill("forecast")
    begun = time.monotonic()
    until_full(company, 5.0)
    assert time.monotonic() - begun < 5.0


def test_a_killed_gateway_comes_back_and_keeps_request_ids(company: Running) -> None:
    request = pb.DecideRequest(request_id=str(uuid.uuid4()), customer=customer(3))
    first = company.gateway.Decide(request, timeout=5).decision
    company.kill("gateway")
    assert persistently(company, request).name == first.name


def test_a_killed_profile_loses_nothing_acknowledged_and_counts_nothing_twice(company: Running) -> None:
    who = [f"customers/killed-{number}" for number in range(40)]
    events = [
        purchase(name, END - timedelta(days=day), day, source="killed")
        for day in range(1, 200)
        for name in who
    ] + [consent for name in who for consent in consents(name)]
    acknowledged = 0
    timer = threading.Timer(0.15, company.kill, ("profile",))
    timer.start()
    ends = time.monotonic() + 30
    while acknowledged < len(events):
        assert time.monotonic() < ends
        try:
            for answer in company.gateway.IngestEvents(batches(events[acknowledged:], 200), timeout=10):
                acknowledged += answer.accepted + answer.duplicates
        except grpc.RpcError:
            time.sleep(0.1)
    # Everything once more, as a careful sender would: nothing may count twice.
    again = company.ingest(batches(events, 200))
    assert sum(answer.accepted for answer in again) == 0
    assert sum(answer.duplicates for answer in again) == len(events)
    until_full(company, 10.0)
    decision = company.decide(who[0])
    assert next(part.version for part in decision.parts if part.name == "profile") == "201"
