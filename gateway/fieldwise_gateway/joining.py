"""Visitors and users that an SDK says are one customer, linked in profile; knows no message of an SDK.

A visitor is linked to the first user he is identified as, and to no other: a browser that several people use must not make them
one person. What somebody parted again stays parted. What is stated (alias) is linked whatever was before.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import grpc
import grpc.aio

from fieldwise.profile.v1 import identity_service_pb2 as identity_pb
from fieldwise.profile.v1 import identity_service_pb2_grpc as identity_grpc
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.core.capture import Joined

# Pairs remembered: forgetting one costs a question.
_MOST_PAIRS: Final = 100_000
# One of the two is not known: they are not asked about again at once.
_UNKNOWN_SECONDS: Final = 30.0
_SECONDS: Final = 5.0
_FOR_GOOD: Final = float("inf")
_VISITOR: Final = "customers/visitor~"


class Joining:
    """Links names in profile, each pair once.

    Args:
        now: The business clock.
        clock: A steady clock, in seconds.
    """

    def __init__(
        self,
        backends: Backends,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stub: identity_grpc.IdentityServiceAsyncStub = identity_grpc.IdentityServiceStub(
            backends.profile_channel
        )
        self._now = now
        self._clock = clock
        self._settled: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def join(self, joined: Sequence[Joined], by: str) -> list[Joined]:
        """Links names; returns those stated of which nothing is known to link.

        Args:
            by: Who says so, an id.

        Raises:
            AioRpcError: Profile could not say; joining again is safe.
        """
        missed: list[Joined] = []
        for each in joined:
            linked = [
                await self._linked(each.customer, other, by, stated=each.stated)
                for other in each.others
                if other != each.customer
            ]
            if each.stated and linked and not any(linked):
                missed.append(each)
        return missed

    async def _linked(self, customer: str, other: str, by: str, *, stated: bool) -> bool:
        """Whether there is nothing left to do for the two."""
        pair = (customer, other)
        until = self._settled.get(pair, 0.0)
        if until == _FOR_GOOD:
            return True
        if not stated and self._clock() < until:
            return False
        if not stated and await self._is_taken(customer, other):
            self._keep(pair, _FOR_GOOD)
            return True
        request = identity_pb.LinkCustomersRequest(name=customer, other_name=other, decided_by=by)
        request.decision_time.FromDatetime(self._now())
        try:
            await self._stub.LinkCustomers(request, timeout=_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
            self._keep(pair, self._clock() + _UNKNOWN_SECONDS)
            return False
        self._keep(pair, _FOR_GOOD)
        return True

    async def _is_taken(self, customer: str, visitor: str) -> bool:
        """Whether the visitor was linked to this user before, or is to another."""
        request = identity_pb.ListLinksRequest(name=visitor, show_revoked=True, page_size=1_000)
        found = await self._stub.ListLinks(request, timeout=_SECONDS)
        for link in found.links:
            if visitor not in (link.customer, link.other):
                continue
            user = link.other if link.customer == visitor else link.customer
            if user == customer or not (link.HasField("revoke_time") or user.startswith(_VISITOR)):
                return True
        return False

    def _keep(self, pair: tuple[str, str], until: float) -> None:
        self._settled[pair] = until
        self._settled.move_to_end(pair)
        if len(self._settled) > _MOST_PAIRS:
            self._settled.popitem(last=False)
