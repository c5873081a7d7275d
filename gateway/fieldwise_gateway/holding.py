"""What the gateway holds of customers and terms, and for how long it may be used instead of being asked for; knows no service.

A held fact is true as long as three streams tell that it is (`watching.py`): what changed is dropped, and when a stream falls
silent for `staleness` seconds nothing is used. The running of time itself changes profiles too, slowly: they are held for
`seconds` of business time.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fieldwise.allocation.v1.allocation_service_pb2 import TermsPeriod, WatchTermsResponse
from fieldwise.profile.v1.profile_pb2 import Profile
from fieldwise.type.v1.provenance_pb2 import Part

# An answer that was under way for longer than so many rounds of changes is not held.
_ROUNDS: Final = 256
# Who was asked for within so many seconds is read again when he changed, so that the next decision finds him.
_WARM_SECONDS: Final = 600.0
_MOST_TO_WARM: Final = 1_000


@dataclass(frozen=True, slots=True)
class HeldCustomer:
    """A profile, the scores that its features got, and the trace in which both were read.

    Attributes:
        as_of: Business time of the profile, microseconds since 1970.
        versions: Of all models that scored when the scores were asked for.
        wire: Profile and scores as the bytes of DecisionInputs: they are sent again and again.
    """

    profile: Profile
    profile_part: Part
    wire: bytes
    scores_part: Part
    as_of: int
    versions: tuple[str, ...]
    carrier: Mapping[str, str]


class HeldTerms:
    """All assignments, and which prices hold when."""

    def __init__(self) -> None:
        self._reps: dict[str, str] = {}
        self._starts: list[int] = []
        self._periods: Sequence[TermsPeriod] = ()
        self._is_whole = False

    def take(self, told: WatchTermsResponse) -> None:
        """A change, or a part of one."""
        if told.periods:
            self._periods = tuple(told.periods)
            self._starts = [period.start_time.ToMicroseconds() for period in self._periods]
            # The first holds from ever.
            self._starts[0] = -(1 << 62)
        if told.reassigned:
            self._reps = {}
        self._reps.update(told.reps_by_customer)
        self._is_whole = not told.unfinished

    def drop(self) -> None:
        """Nothing is told any more."""
        self._is_whole = False

    def period(self, moment: int) -> TermsPeriod | None:
        """What holds at a business time in microseconds; None while it is not known whole."""
        if not self._is_whole or not self._periods:
            return None
        return self._periods[bisect_right(self._starts, moment) - 1]

    def rep_of(self, customer: str) -> str | None:
        """`reps/{id}`, empty for a customer without one; None while it is not known."""
        return self._reps.get(customer, "") if self._is_whole else None


class Holding:
    """Profiles with their scores, and terms.

    Args:
        staleness: Seconds without a sign of life of any stream after which nothing is used.
        seconds: Of business time for which a profile is used.
        capacity: Customers held; those not asked for longest go first.
        clock: Seconds that only run forward.
    """

    def __init__(
        self,
        staleness: float,
        seconds: float = 60.0,
        capacity: int = 50_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.terms = HeldTerms()
        self._staleness = staleness
        self._micros = round(seconds * 1e6)
        self._capacity = capacity
        self._clock = clock
        self._customers: OrderedDict[str, HeldCustomer] = OrderedDict()
        self._asked: OrderedDict[str, float] = OrderedDict()
        # Profiles of merged customers rest on all their names: name -> names of those held that rest on it.
        self._resting: dict[str, set[str]] = {}
        self._rounds: deque[frozenset[str]] = deque(maxlen=_ROUNDS)
        self._round = 0
        self._all_dropped = 0
        self._to_warm: OrderedDict[str, None] = OrderedDict()
        self._seen = {"changes": float("-inf"), "models": float("-inf"), "terms": float("-inf")}
        self._versions: tuple[str, ...] = ()
        self._pictured = ""

    # What the streams tell.

    def alive(self, stream: str) -> None:
        """A stream gave a sign of life: ``changes``, ``models`` or ``terms``."""
        self._seen[stream] = self._clock()

    def lost(self, stream: str) -> None:
        """A stream ended: what it told may be wrong from now on."""
        self._seen[stream] = float("-inf")
        if stream == "changes":
            self.drop_all()
        if stream == "terms":
            self.terms.drop()

    def changed(self, customers: Iterable[str], pictured: str) -> bool:
        """These customers changed; with another ``pictured`` all may have. Whether anything did."""
        before = self._round
        if pictured != self._pictured:
            self._pictured = pictured
            self.drop_all()
        self.drop(customers)
        return self._round != before

    def models(self, versions: tuple[str, ...]) -> None:
        """These versions score from now on."""
        self._versions = versions

    # What is held.

    @property
    def is_live(self) -> bool:
        """Whether all streams gave a sign of life in time."""
        return min(self._seen.values()) >= self._clock() - self._staleness

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions that score, as was told last."""
        return self._versions

    @property
    def moment(self) -> int:
        """Rises with every change: taken before something is read, and given when it is kept."""
        return self._round

    def customer(self, name: str, moment: int) -> HeldCustomer | None:
        """What is held of a customer and may be used at this business time, microseconds."""
        self._note_asked(name)
        held = self._customers.get(name)
        if held is None or not self.is_live or not 0 <= moment - held.as_of <= self._micros:
            return None
        if held.versions != self._versions:
            return None
        self._customers.move_to_end(name)
        return held

    def keep(self, held: HeldCustomer, moment: int) -> None:
        """Hold what was read after ``moment``, unless the customer changed since or nobody would tell of his changes."""
        name = held.profile.name
        scored = {version for version in held.scores_part.version.split(",") if version}
        if not self.is_live or held.versions != self._versions or not scored <= set(self._versions):
            return
        if self._changed_since(held.profile, moment):
            return
        self._remove(name)
        if len(self._customers) >= self._capacity:
            self._remove(next(iter(self._customers)))
        for member in held.profile.members:
            self._resting.setdefault(member, set()).add(name)
        self._customers[name] = held

    def drop(self, customers: Iterable[str]) -> None:
        """These customers changed: who rests on them is read anew."""
        names = frozenset(customers)
        if not names:
            return
        self._round += 1
        self._rounds.append(names)
        for name in names:
            for each in {name, *self._resting.get(name, ())}:
                if self._remove(each):
                    self._warm_later(each)

    def drop_all(self) -> None:
        """All may have changed."""
        self._round += 1
        self._rounds.append(frozenset())
        self._all_dropped = self._round
        self._customers.clear()
        self._resting.clear()
        self._to_warm.clear()

    def forget(self, customers: Iterable[str]) -> None:
        """Drop them and do not read them again: they were erased, or no longer allow it."""
        names = list(customers)
        self.drop(names)
        for name in names:
            self._to_warm.pop(name, None)
            self._asked.pop(name, None)

    def to_warm(self, most: int) -> list[str]:
        """Some who changed and were asked for lately; each is given once."""
        some = [self._to_warm.popitem(last=False)[0] for _ in range(min(most, len(self._to_warm)))]
        return some if self.is_live else []

    def _warm_later(self, name: str) -> None:
        if self._asked.get(name, float("-inf")) >= self._clock() - _WARM_SECONDS:
            self._to_warm[name] = None
            if len(self._to_warm) > _MOST_TO_WARM:
                self._to_warm.popitem(last=False)

    def _note_asked(self, name: str) -> None:
        self._asked[name] = self._clock()
        self._asked.move_to_end(name)
        if len(self._asked) > self._capacity:
            self._asked.popitem(last=False)

    def _changed_since(self, profile: Profile, moment: int) -> bool:
        missed = self._round - moment
        if self._all_dropped > moment or missed > len(self._rounds):
            return True
        names = {profile.name, *profile.members}
        rounds = len(self._rounds)
        return any(not names.isdisjoint(self._rounds[rounds - back]) for back in range(1, missed + 1))

    def _remove(self, name: str) -> bool:
        held = self._customers.pop(name, None)
        if held is None:
            return False
        for member in held.profile.members:
            resting = self._resting[member]
            resting.discard(name)
            if not resting:
                del self._resting[member]
        return True
