"""Whose customers are whose: held while it is true, asked for while it is not, a second old at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.holding import Holding
from fieldwise_gateway.territories import AskedAssignments, HeldAssignments

NOW = datetime(2024, 1, 1, tzinfo=UTC)


class Asked:
    """Assignments that are asked for, and by whom."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def reps_of(self, customers: Sequence[str]) -> Mapping[str, str]:
        self.names += customers
        return dict.fromkeys(customers, "reps/asked")


class Allocation:
    """Answers LookUpTerms; ``reps`` says what."""

    def __init__(self) -> None:
        self.rep = "reps/a"
        self.sizes: list[int] = []

    async def LookUpTerms(self, request: Any, timeout: float) -> Any:
        self.sizes.append(len(request.customers))
        return allocation_pb.LookUpTermsResponse(reps=[self.rep] * len(request.customers))


async def test_assignments_are_held_while_the_stream_lives_and_asked_for_when_it_is_silent() -> None:
    now = [100.0]
    holding = Holding(2.0, 60.0, clock=lambda: now[0])
    asked = Asked()
    assignments = HeldAssignments(holding, asked)
    assert await assignments.reps_of(["customers/1"]) == {"customers/1": "reps/asked"}

    told = allocation_pb.WatchTermsResponse(reassigned=True, reps_by_customer={"customers/1": "reps/held"})
    holding.terms.take(told)
    for stream in ("changes", "models", "terms"):
        holding.alive(stream)
    asked.names.clear()
    assert await assignments.reps_of(["customers/1", "customers/2"]) == {
        "customers/1": "reps/held",
        "customers/2": "",
    }
    assert asked.names == []
    # Half a change is none.
    holding.terms.take(allocation_pb.WatchTermsResponse(reassigned=True, unfinished=True))
    assert await assignments.reps_of(["customers/1"]) == {"customers/1": "reps/asked"}
    holding.terms.take(told)
    now[0] += 2.1
    assert await assignments.reps_of(["customers/1"]) == {"customers/1": "reps/asked"}


async def test_what_was_asked_for_is_remembered_for_a_second_and_asked_by_the_thousand() -> None:
    now = [0.0]
    allocation = Allocation()
    backends = cast("Backends", type("Fake", (), {"allocation": allocation}))
    assignments = AskedAssignments(backends, lambda: NOW, lambda: now[0])
    many = [f"customers/{number}" for number in range(2_500)]
    assert set((await assignments.reps_of([*many, *many])).values()) == {"reps/a"}
    assert allocation.sizes == [1000, 1000, 500]
    allocation.rep = "reps/b"
    now[0] = 0.99
    assert (await assignments.reps_of(many[:1])) == {many[0]: "reps/a"}
    now[0] = 1.0
    assert (await assignments.reps_of(many[:1])) == {many[0]: "reps/b"}
