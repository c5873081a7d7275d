"""What the gateway remembers of earlier answers, to stand in when a service does not answer. Bounded; in memory only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.profile.v1 import profile_pb2
from fieldwise_gateway.holding import Holding

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Remembered(Generic[V]):
    """An earlier answer, and the trace context of the call that it was given to."""

    value: V
    carrier: Mapping[str, str]


class Snapshots:
    """The last profile of each customer, the last rep of each, and the last prices.

    What a customer no longer allows is forgotten, and an answer that was under way meanwhile does not bring it back: whoever
    reads profiles takes `moment` before, and gives it when he keeps them. What is held for use is dropped with it.
    """

    def __init__(self, capacity: int = 50_000, holding: Holding | None = None) -> None:
        self._capacity = capacity
        self._holding = holding
        self._profiles: OrderedDict[str, Remembered[profile_pb2.Profile]] = OrderedDict()
        # Profiles of merged customers rest on all their names: name -> names of the snapshots that rest on it.
        self._resting: dict[str, set[str]] = {}
        self._reps: OrderedDict[str, str] = OrderedDict()
        self._terms: Remembered[allocation_pb.LookUpTermsResponse] | None = None
        self._moment = 0
        self._forgotten: OrderedDict[str, int] = OrderedDict()
        self._all_forgotten = 0

    @property
    def moment(self) -> int:
        """Rises when something is forgotten."""
        return self._moment

    @property
    def names(self) -> list[str]:
        """The customers whose profiles are remembered."""
        return list(self._profiles)

    def keep_profiles(
        self, profiles: Iterable[profile_pb2.Profile], carrier: Mapping[str, str], moment: int
    ) -> None:
        """Remember profiles as they were read after ``moment``, but for those that were forgotten since."""
        for profile in profiles:
            if max(self._all_forgotten, self._forgotten.get(profile.name, 0)) <= moment:
                self._keep_profile(profile, carrier)

    def _keep_profile(self, profile: profile_pb2.Profile, carrier: Mapping[str, str]) -> None:
        self._drop(profile.name)
        if len(self._profiles) >= self._capacity:
            self._drop(next(iter(self._profiles)))
        for member in profile.members:
            self._resting.setdefault(member, set()).add(profile.name)
        self._profiles[profile.name] = Remembered(profile, carrier)

    def _drop(self, name: str) -> bool:
        """Whether it was remembered."""
        remembered = self._profiles.pop(name, None)
        if remembered is None:
            return False
        for member in remembered.value.members:
            resting = self._resting[member]
            resting.discard(name)
            if not resting:
                del self._resting[member]
        return True

    def keep_terms(
        self, customers: list[str], terms: allocation_pb.LookUpTermsResponse, carrier: Mapping[str, str]
    ) -> None:
        """Remember reps and prices as they were just read."""
        for customer, rep in zip(customers, terms.reps, strict=True):
            _keep(self._reps, customer, rep, self._capacity)
        if terms.HasField("price_set"):
            self._terms = Remembered(terms, carrier)

    def forget(self, customers: Iterable[str]) -> list[str]:
        """Forget the profiles that rest on these customers; gives the names of those that were remembered."""
        self._moment += 1
        gone: list[str] = []
        listed = list(customers)
        if self._holding is not None:
            self._holding.forget(listed)
        for customer in listed:
            for name in {customer, *self._resting.get(customer, ())}:
                _keep(self._forgotten, name, self._moment, self._capacity)
                if self._drop(name):
                    gone.append(name)
        return gone

    def erase(self, customers: Iterable[str]) -> int:
        """Forget everything about these customers; gives how many profiles and reps that were."""
        listed = list(customers)
        reps = sum(self._reps.pop(customer, None) is not None for customer in listed)
        return reps + len(self.forget(listed))

    def forget_profiles(self) -> None:
        """Forget all profiles: nobody can say what changed since they were read."""
        self._moment += 1
        self._all_forgotten = self._moment
        if self._holding is not None:
            self._holding.drop_all()
        self._profiles.clear()
        self._resting.clear()

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
