"""What is counted of decisions for operators: verdicts, what stood in, batches; knows no customer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fieldwise.recommend.v1 import decision_pb2
from fieldwise.type.v1 import provenance_pb2 as provenance
from fieldwise_gateway import parts
from fieldwise_runtime.metrics import counter, histogram

DECISIONS: Final = counter("fieldwise_decisions", "Decisions answered, repeated ones too.", "verdict")
DEGRADED: Final = counter(
    "fieldwise_degraded_decisions", "Decisions of which at least one part was not fresh."
)
PARTS: Final = counter(
    "fieldwise_degraded_parts", "Parts of decisions that were not fresh, by what they were.", "part", "state"
)
BATCHES: Final = histogram(
    "fieldwise_coalesced_customers",
    "Customers in one question to a service, of however many calls.",
    "peer",
    bounds=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
_verdicts: Final = {number: DECISIONS.labels(name) for name, number in decision_pb2.Verdict.items() if number}


def decided(decisions: Iterable[decision_pb2.Decision]) -> None:
    """Counts decisions that are answered now."""
    for decision in decisions:
        child = _verdicts.get(decision.verdict)
        if child is not None:
            child.inc()
        stood_in = [part for part in decision.parts if parts.is_degraded(part)]
        for part in stood_in:
            PARTS.labels(part.name, provenance.PartState.Name(part.state)).inc()
        if stood_in:
            DEGRADED.inc()


def coalesced(peer: str, customers: int) -> None:
    """Counts one question to a service (its short name) about so many customers."""
    BATCHES.labels(peer).observe(customers)
