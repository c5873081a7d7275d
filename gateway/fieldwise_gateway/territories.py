"""Whose customer one is: a caller confined to reps may name their customers only; knows no message and no key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import grpc.aio

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.core.access import Principal
from fieldwise_gateway.holding import Holding
from fieldwise_runtime.errors import PermissionDenied, Unavailable, reason_of

_MOST: Final = 1000
_SECONDS: Final = 1.0
_MOST_REMEMBERED: Final = 100_000
_ANSWER_SECONDS: Final = 1.0

# A field's path and the name that stands in it.
Named = tuple[str, str]


class Assignments(Protocol):
    """Which rep has which customer."""

    async def reps_of(self, customers: Sequence[str]) -> Mapping[str, str]:
        """``reps/{id}`` of each ``customers/{id}``; empty, or left out, for one without a rep. At most a second old."""


class AskedAssignments:
    """Assignments as allocation answers them, remembered for a second.

    Args:
        now: The business clock, which allocation asks for.
        clock: Seconds that only run forward.
    """

    def __init__(
        self,
        backends: Backends,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backends = backends
        self._now = now
        self._clock = clock
        self._kept: dict[str, tuple[float, str]] = {}

    async def reps_of(self, customers: Sequence[str]) -> Mapping[str, str]:
        moment = self._clock()
        fresh = {
            name: kept[1]
            for name in customers
            if (kept := self._kept.get(name)) is not None and moment - kept[0] < _SECONDS
        }
        missing = [name for name in dict.fromkeys(customers) if name not in fresh]
        for start in range(0, len(missing), _MOST):
            some = missing[start : start + _MOST]
            for name, rep in zip(some, await self._asked(some), strict=True):
                fresh[name] = rep
                self._kept[name] = (moment, rep)
        if len(self._kept) > _MOST_REMEMBERED:
            self._kept.clear()
        return fresh

    async def _asked(self, customers: Sequence[str]) -> Sequence[str]:
        request = allocation_pb.LookUpTermsRequest(customers=customers)
        request.decision_time.FromDatetime(self._now())
        try:
            answer = await self._backends.allocation.LookUpTerms(request, timeout=_ANSWER_SECONDS)
        except grpc.aio.AioRpcError as error:
            # Nobody is let in on a guess: who was his a while ago may be another's now.
            raise Unavailable(
                "ASSIGNMENTS_UNKNOWN",
                f"whose customers they are is not known now (allocation: {reason_of(error)}); try again",
            ) from None
        return answer.reps


class HeldAssignments:
    """Assignments as the gateway holds them; while it does not, as they are asked for."""

    def __init__(self, holding: Holding, asked: Assignments) -> None:
        self._holding = holding
        self._asked = asked

    async def reps_of(self, customers: Sequence[str]) -> Mapping[str, str]:
        if not self._holding.is_live:
            return await self._asked.reps_of(customers)
        found = {name: self._holding.terms.rep_of(name) for name in customers}
        unknown = [name for name, rep in found.items() if rep is None]
        known = {name: rep for name, rep in found.items() if rep is not None}
        return {**known, **await self._asked.reps_of(unknown)} if unknown else known


class Territories:
    """Which customers and reps a caller may name."""

    def __init__(self, assignments: Assignments) -> None:
        self._assignments = assignments

    async def require(self, principal: Principal, named: Iterable[Named]) -> None:
        """Refuses a confined caller who names, or would be shown, what is not his. Whether it exists makes no difference.

        Raises:
            PermissionDenied: NOT_YOUR_TERRITORY, with the first such field.
            Unavailable: ASSIGNMENTS_UNKNOWN.
        """
        asked = list(named)
        customers = [name for _, name in asked if name.startswith("customers/")]
        reps = await self._assignments.reps_of(customers) if customers else {}
        for field, name in asked:
            # A customer without a rep is nobody's. A name of another kind cannot be told to be his.
            owner = reps.get(name, "") if name.startswith("customers/") else name
            if owner not in principal.reps:
                raise refusal(principal, field)

    async def require_customer(self, principal: Principal | None, scope: str, customer: str) -> None:
        """The same for a customer that only a stored thing names, before anything comes of it.

        Raises:
            PermissionDenied: NOT_YOUR_TERRITORY.
            Unavailable: ASSIGNMENTS_UNKNOWN.
        """
        if principal is not None and principal.is_confined(scope):
            await self.require(principal, [("customer", customer)])


def refusal(principal: Principal, field: str) -> PermissionDenied:
    """Says which field it is, never whether what it names exists."""
    remedy = "name reps of your own, and customers assigned to them"
    return PermissionDenied(
        "NOT_YOUR_TERRITORY",
        f"{field}: not in the territory of {principal.name}; {remedy}",
        metadata={"field": field},
    )
