"""What the gateway remembers of earlier answers, to stand in when a service does not answer. Bounded; in memory only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.profile.v1 import profile_pb2

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Remembered(Generic[V]):
    """An earlier answer, and the trace context of the call that it was given to."""

    value: V
    carrier: Mapping[str, str]


class Snapshots:
    """The last profile of each customer, the last rep of each, and the last prices."""

    def __init__(self, capacity: int = 50_000) -> None:
        self._capacity = capacity
        self._profiles: OrderedDict[str, Remembered[profile_pb2.Profile]] = OrderedDict()
        self._reps: OrderedDict[str, str] = OrderedDict()
        self._terms: Remembered[allocation_pb.LookUpTermsResponse] | None = None

    def keep_profiles(self, profiles: Iterable[profile_pb2.Profile], carrier: Mapping[str, str]) -> None:
        """Remember profiles as they were just read."""
        for profile in profiles:
            _keep(self._profiles, profile.name, Remembered(profile, carrier), self._capacity)

    def keep_terms(
        self, customers: list[str], terms: allocation_pb.LookUpTermsResponse, carrier: Mapping[str, str]
    ) -> None:
        """Remember reps and prices as they were just read."""
        for customer, rep in zip(customers, terms.reps, strict=True):
            _keep(self._reps, customer, rep, self._capacity)
        if terms.HasField("price_set"):
            self._terms = Remembered(terms, carrier)

    def profile(self, customer: str) -> Remembered[profile_pb2.Profile] | None:
        """The last profile of a customer, if it is still remembered."""
        return self._profiles.get(customer)

    def rep(self, customer: str) -> str:
        """The last rep of a customer; empty when none is remembered."""
        return self._reps.get(customer, "")

    @property
    def terms(self) -> Remembered[allocation_pb.LookUpTermsResponse] | None:
        """The last answer that had prices."""
        return self._terms


def _keep(kept: OrderedDict[str, V], key: str, value: V, capacity: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > capacity:
        kept.popitem(last=False)
