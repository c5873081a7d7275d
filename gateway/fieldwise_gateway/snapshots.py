"""What the gateway remembers of earlier answers, to stand in when a service does not answer. Bounded; in memory only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeVar

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.profile.v1 import profile_pb2

V = TypeVar("V")


class Snapshots:
    """The last profile of each customer, the last rep of each, and the last prices."""

    def __init__(self, capacity: int = 50_000) -> None:
        self._capacity = capacity
        self._profiles: OrderedDict[str, profile_pb2.Profile] = OrderedDict()
        self._reps: OrderedDict[str, str] = OrderedDict()
        self._terms: allocation_pb.LookUpTermsResponse | None = None

    def keep_profiles(self, profiles: Iterable[profile_pb2.Profile]) -> None:
        """Remember profiles as they were just read."""
        for profile in profiles:
            _keep(self._profiles, profile.name, profile, self._capacity)

    def keep_terms(self, customers: list[str], terms: allocation_pb.LookUpTermsResponse) -> None:
        """Remember reps and prices as they were just read."""
        for customer, rep in zip(customers, terms.reps, strict=True):
            _keep(self._reps, customer, rep, self._capacity)
        if terms.HasField("price_set"):
            self._terms = terms

    def profile(self, customer: str) -> profile_pb2.Profile | None:
        """The last profile of a customer, if it is still remembered."""
        return self._profiles.get(customer)

    def rep(self, customer: str) -> str:
        """The last rep of a customer; empty when none is remembered."""
        return self._reps.get(customer, "")

    @property
    def terms(self) -> allocation_pb.LookUpTermsResponse | None:
        """The last answer that had prices."""
        return self._terms


def _keep(kept: OrderedDict[str, V], key: str, value: V, capacity: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > capacity:
        kept.popitem(last=False)
