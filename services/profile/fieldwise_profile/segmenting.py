"""Fitting segments to all customers, and saying whose segment is which; knows no wire.

Customers are read here, a few at a time; the fitting itself goes to a process of its own. Between two fits every customer is
answered from the last one.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np

from fieldwise.profile.v1 import profile_pb2
from fieldwise_executor.executor import Executor
from fieldwise_profile.core.consent import Unasked, permission
from fieldwise_profile.core.event import DAY, MICROSECOND, SECOND
from fieldwise_profile.core.features import Purchases
from fieldwise_profile.core.fold import State
from fieldwise_profile.core.purposes import Purpose, consent_needed
from fieldwise_profile.core.segments.behaviour import MEASURES, NAMES, behaviour
from fieldwise_profile.core.segments.fitting import COUNTS, FEWEST_CUSTOMERS, Occasion, fit
from fieldwise_profile.core.segments.model import Membership, SegmentModel, Trial
from fieldwise_profile.core.segments.scaling import Matrix
from fieldwise_profile.core.segments.static import static_segment
from fieldwise_profile.core.segments.wording import words
from fieldwise_profile.core.segments.year import year_of
from fieldwise_profile.picturing import Sight
from fieldwise_profile.store import fits, listings
from fieldwise_profile.store.fits import SegmentFit
from fieldwise_profile.viewing import Viewing
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.worker_process import report

log = get_logger(__name__)

_FIT_SECONDS: Final = 1_800.0
# Each takes about a tenth of a millisecond of the event loop.
_CUSTOMERS_AT_ONCE: Final = 50
# Memberships kept: a customer's stays until his next event, or the next day.
_MOST_KEPT: Final = 200_000
UNKNOWN: Final = "unknown"


def segment_name(number: int) -> str:
    """`segments/{id}`."""
    return f"segments/{number}"


@dataclass
class _Cohort:
    """What was read of the customers: those with behaviour as rows, and all by age and gender."""

    rows: list[list[float]] = field(default_factory=list)
    statics: Counter[str] = field(default_factory=Counter)

    def take(self, state: State, moment: int) -> None:
        numbers = behaviour(year_of(state, moment))
        if numbers is not None:
            self.rows.append(numbers)
            self.statics[static_of(state, moment) or UNKNOWN] += 1


def static_of(state: State, moment: int) -> str:
    """Segment by age and gender; empty when neither is known."""
    plain = state.plain
    year = datetime.fromtimestamp(moment // SECOND, UTC).year
    return static_segment(plain.gender, plain.birth_year_band, year)


class _Kept(NamedTuple):
    """Whose segment was found from which events, on which day, by which fit."""

    events: int
    day: int
    version: int
    found: Membership | None


class _Asked(NamedTuple):
    """Which state, with how many events, on which day, by which fit."""

    state: State
    events: int
    day: int
    version: int


class Segments:
    """The last fit, and the making of the next; an addition to every profile.

    Args:
        unasked: The installation's rule for those who were never asked for a consent.
    """

    def __init__(self, database: Database, viewing: Viewing, unasked: Unasked, executor: Executor) -> None:
        self._database = database
        self._executor = executor
        self._viewing = viewing
        self._unasked = unasked
        self._one_fits = asyncio.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._last: tuple[_Asked | None, Membership | None] = (None, None)
        self.latest: SegmentFit | None = None

    @property
    def version(self) -> int:
        """Which fit is the last; 0 before the first."""
        return self.latest.model.version if self.latest else 0

    async def load(self) -> None:
        """Takes up the last fit that any process made."""
        if await self._database.read(fits.latest_version) != self.version:
            self.latest = await self._database.read(fits.latest_segments)

    def add(self, profile: profile_pb2.Profile, state: State, bought: Purchases, sight: Sight) -> None:
        """Writes the customer's segment, when one was fitted and he has behaviour."""
        found = self._membership(profile.name, state, bought)
        if found is None:
            return
        profile.segment.CopyFrom(
            profile_pb2.SegmentMembership(
                segment=segment_name(found.segment.id),
                label=words(found.segment.deviations, "en"),
                distance=found.distance,
                static_segment=static_of(state, sight.moment),
            )
        )

    def membership_of(self, state: State, moment: int) -> Membership | None:
        """The customer's segment; None when none was fitted, or he has no behaviour lately."""
        if self.latest is None or self.latest.model.measures != NAMES:
            return None
        # Behaviour is counted by whole days; and tags ask for the same customer again right after his profile did.
        asked = _Asked(state, state.count, (moment - MICROSECOND) // DAY, self.version)
        if asked != self._last[0]:
            numbers = behaviour(year_of(state, moment))
            found = None if numbers is None else self.latest.model.membership_of(numbers)
            self._last = (asked, found)
        return self._last[1]

    def forget(self, customers: Iterable[str]) -> None:
        """Drops what is in memory of customers who were erased."""
        self._last = (None, None)
        for name in customers:
            self._kept.pop(name, None)

    def _membership(self, name: str, state: State, bought: Purchases) -> Membership | None:
        if self.latest is None:
            return None
        kept = self._kept.get(name)
        if kept is None or kept[:3] != (state.count, bought.last_day, self.version):
            found = self.membership_of(state, bought.moment)
            kept = self._kept[name] = _Kept(state.count, bought.last_day, self.version, found)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return kept.found

    async def fit(
        self, as_of: int, counts: Sequence[int] = COUNTS, seed: int = 0
    ) -> AsyncGenerator[int | Trial | SegmentFit, None]:
        """Fits segments: first the customers read so far, again and again, then each number tried, at last the fit, kept.

        Raises:
            FailedPrecondition: Reason TOO_FEW_CUSTOMERS.
        """
        async with self._one_fits:
            cohort = _Cohort()
            async for states in self._states(as_of):
                for state in states:
                    cohort.take(state, as_of)
                    # Summing up a year's browsing for the first time takes milliseconds: others are answered in between.
                    await asyncio.sleep(0)
                yield len(cohort.rows)
            _check_enough(len(cohort.rows))
            fitted: SegmentModel | None = None
            async for step in self._fitted(cohort, as_of, counts, seed):
                if isinstance(step, SegmentModel):
                    fitted = step
                else:
                    yield step
            assert fitted is not None
            found = SegmentFit(fitted, dict(cohort.statics))
            await self._database.write(lambda connection: fits.keep_segments(connection, found))
            self.latest = found
        log.info(
            "segments fitted",
            version=fitted.version,
            customers=fitted.customers,
            segments=len(fitted.segments),
        )
        yield found

    async def _states(self, as_of: int) -> AsyncIterator[list[State]]:
        """States of all persons who may be read for training, a few at a time; one of several names once."""
        needed = consent_needed(Purpose.TRAINING)
        last = ""
        while names := await self._database.read(
            lambda connection: listings.customers_after(connection, last, _CUSTOMERS_AT_ONCE)  # noqa: B023  # awaited before the next
        ):
            views = await self._viewing.at(names, as_of)
            yield [
                view.state
                for view in views
                if view.state is not None
                and view.customer == view.members[0]
                and permission(view.consents, needed, self._unasked).is_given
            ]
            last = names[-1]

    async def _fitted(
        self, cohort: _Cohort, as_of: int, counts: Sequence[int], seed: int
    ) -> AsyncIterator[Trial | SegmentModel]:
        previous = self.latest.model if self.latest else None
        occasion = Occasion(self.version + 1, as_of, seed)
        told: asyncio.Queue[Trial | None] = asyncio.Queue()
        working = asyncio.create_task(
            self._executor.run(
                fit_in_process,
                np.array(cohort.rows),
                occasion,
                previous,
                tuple(counts),
                timeout=_FIT_SECONDS,
                on_message=told.put_nowait,
            )
        )
        working.add_done_callback(lambda _: told.put_nowait(None))
        try:
            while (trial := await told.get()) is not None:
                yield trial
            yield await working
        finally:
            working.cancel()


def _check_enough(customers: int) -> None:
    if customers < FEWEST_CUSTOMERS:
        message = (
            f"{customers} customers have behaviour and may be read for TRAINING; segments need {FEWEST_CUSTOMERS}. "
            "Ingest purchases or browsing of more customers, or ask for a later as_of"
        )
        raise FailedPrecondition("TOO_FEW_CUSTOMERS", message)


def fit_in_process(
    rows: Matrix, occasion: Occasion, previous: SegmentModel | None, counts: Sequence[int]
) -> SegmentModel:
    """What a worker process does; tells each trial."""
    return fit(rows, MEASURES, occasion, previous, counts=counts, told=report)
