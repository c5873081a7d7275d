"""Whether a customer past his rhythm waits or is lost, and learning how customers do; knows no wire but his profile's.

Learning reads customers here, a few at a time, and reckons in a process of its own. Between two learnings every profile is
answered by the last one; before the first, by stated figures.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

from fieldwise.profile.v1 import profile_pb2
from fieldwise_executor.executor import Executor
from fieldwise_profile.core.consent import Unasked, permission
from fieldwise_profile.core.event import DAY, KIND_NAMES, Kind
from fieldwise_profile.core.features import Purchases
from fieldwise_profile.core.fold import State
from fieldwise_profile.core.purposes import Purpose, consent_needed
from fieldwise_profile.core.waiting import (
    DEFAULT_PARAMS,
    LEAST_GAPS,
    SIGN_COUNTS,
    History,
    WaitingParams,
    learned,
    standing,
)
from fieldwise_profile.picturing import Sight
from fieldwise_profile.store import listings, rhythm_fits
from fieldwise_profile.times import timestamp
from fieldwise_profile.viewing import Viewing
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

CUSTOMERS: Final = 2_000
FEWEST_CUSTOMERS: Final = 50
_AT_ONCE: Final = 50
_NAMES_AT_ONCE: Final = 5_000
_LEARNING_SECONDS: Final = 900.0
_KINDS: Final = tuple(KIND_NAMES[kind] for kind in (Kind.PURCHASE, Kind.VIEW, Kind.CLICK, Kind.SEARCH))


class Learned(NamedTuple):
    """What was learned, from how many customers with a rhythm."""

    version: int
    customers: int
    params: WaitingParams


class Standings:
    """The last learning, and the making of the next; an addition to full profiles.

    Args:
        unasked: The installation's rule for those who were never asked for a consent.
    """

    def __init__(self, database: Database, viewing: Viewing, unasked: Unasked, executor: Executor) -> None:
        self._database = database
        self._executor = executor
        self._viewing = viewing
        self._unasked = unasked
        self._params = DEFAULT_PARAMS
        self._version = 0

    @property
    def version(self) -> int:
        """Which learning is the last; 0 before the first."""
        return self._version

    async def load(self) -> None:
        """Takes up what any process learned last."""
        if await self._database.read(rhythm_fits.latest_version) != self._version:
            found = await self._database.read(rhythm_fits.latest)
            if found is not None:
                self._version, self._params = found

    def add(self, profile: profile_pb2.Profile, state: State, bought: Purchases, sight: Sight) -> None:
        """Writes both probabilities among the traits of a full profile, when he has a rhythm."""
        if not sight.full:
            return
        history = history_of(state, bought)
        found = standing(history, sight.moment, self._params)
        if found is None:
            return
        last = max((history.purchases[-1], *history.signs[-1:]))
        for name, value in (("lost_probability", found.lost), ("waiting_probability", found.waiting)):
            profile.traits.add(
                name=name,
                number=value,
                fresh_at=timestamp(last * DAY),
                age_days=(sight.moment - last * DAY) / DAY,
                evidence_count=len(history.purchases) + len(history.signs),
                # Without another sign of life only purchases are there to be found.
                evidence_kinds=_KINDS if history.signs else _KINDS[:1],
            )
        profile.traits.sort(key=lambda trait: trait.name)

    async def learn(self, as_of: int, most: int = CUSTOMERS) -> Learned:
        """Learns from customers who may be read for training, and keeps it.

        Raises:
            FailedPrecondition: Reason TOO_FEW_CUSTOMERS.
        """
        histories = [history async for history in self._histories(as_of, most)]
        if len(histories) < FEWEST_CUSTOMERS:
            message = (
                f"{len(histories)} customers have a rhythm and may be read for TRAINING; learning needs "
                f"{FEWEST_CUSTOMERS}. Ingest purchases of more customers, or ask for a later as_of"
            )
            raise FailedPrecondition("TOO_FEW_CUSTOMERS", message)
        params = await self._executor.run(learned, histories, as_of, timeout=_LEARNING_SECONDS)
        self._version = await self._database.write(lambda connection: rhythm_fits.keep(connection, params))
        self._params = params
        log.info("rhythms learned", version=self._version, customers=len(histories))
        return Learned(self._version, len(histories), params)

    async def _histories(self, as_of: int, most: int) -> AsyncIterator[History]:
        needed = consent_needed(Purpose.TRAINING)
        names = await self._sample(most)
        for first in range(0, len(names), _AT_ONCE):
            for view in await self._viewing.at(names[first : first + _AT_ONCE], as_of):
                if (
                    view.state is not None
                    and view.customer == view.members[0]
                    and permission(view.consents, needed, self._unasked).is_given
                ):
                    history = history_of(view.state, Purchases(view.state, as_of))
                    if len(history.purchases) > LEAST_GAPS:
                        yield history

    async def _sample(self, most: int) -> Sequence[str]:
        """Names spread evenly over all."""
        total = await self._database.read(listings.customer_count)
        every = max(1, -(-total // most))
        names: list[str] = []
        last, passed = "", 0
        while found := await self._database.read(
            lambda connection: listings.customers_after(connection, last, _NAMES_AT_ONCE)  # noqa: B023  # awaited before the next
        ):
            names += [name for place, name in enumerate(found, passed) if place % every == 0]
            last, passed = found[-1], passed + len(found)
        return names


def history_of(state: State, bought: Purchases) -> History:
    """Days with purchases and with other signs of life."""
    signs = {day for name in SIGN_COUNTS for day in state.counts.get(name, ())}
    if state.browsing is not None:
        signs.update(day for day, sums in state.browsing.days().items() if sums.weight)
    return History(tuple(bought.days), tuple(sorted(signs)))
