"""From question to outcome: what came of a decision reaches it by way of profile, once."""

from __future__ import annotations

import time

from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.profile.v1 import event_pb2
from tests.system.installation import Running
from tests.system.small_world import customer


def test_an_outcome_reported_twice_joins_its_decision_once(company: Running) -> None:
    decision = company.decide(customer(20))
    outcome = pb.RecordOutcomeRequest(
        request_id="outcome-20",
        decision=decision.name,
        kind=event_pb2.OUTCOME_KIND_PURCHASED,
        reporter="reps/wang",
    )
    outcome.amount.currency_code, outcome.amount.micros = "USD", 12_000_000
    assert not company.gateway.RecordOutcome(outcome, timeout=5).duplicate
    assert company.gateway.RecordOutcome(outcome, timeout=5).duplicate
    ends = time.monotonic() + 10
    joined = decision
    while not joined.outcomes and time.monotonic() < ends:
        time.sleep(0.1)
        joined = company.gateway.GetDecision(pb.GetDecisionRequest(name=decision.name), timeout=5).decision
    assert [(each.kind, each.amount.micros) for each in joined.outcomes] == [
        ("OUTCOME_KIND_PURCHASED", 12_000_000)
    ]
