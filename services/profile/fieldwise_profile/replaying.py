"""Measuring how right profiles are by taking their last days away; knows no wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from fieldwise_profile.core.accuracy.scoring import ALARM_BELOW, ALL, AttributeAccuracy, Replayed, scores
from fieldwise_profile.core.accuracy.shown import COMPARISONS, attributes_of
from fieldwise_profile.core.event import DAY
from fieldwise_profile.core.fold import State
from fieldwise_profile.segmenting import Segments, segment_name
from fieldwise_profile.store import listings
from fieldwise_profile.viewing import Viewing
from fieldwise_runtime.database import Database
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

DAYS: Final = 7
CUSTOMERS: Final = 2_000
# Each is read from the log as of the earlier moment, and looked at three times.
_AT_ONCE: Final = 20
_NAMES_AT_ONCE: Final = 10_000


class Step(NamedTuple):
    """Customers compared, and customers in all."""

    done: int
    total: int


@dataclass(frozen=True)
class Accuracy:
    """What was measured; the moment in microseconds. Of the attributes all together stand first."""

    as_of: int
    days: int
    customers: int
    attributes: tuple[AttributeAccuracy, ...]


@dataclass(frozen=True)
class _Then:
    """The earlier and the later moment, with the tiers of spend known at each."""

    before: int
    after: int
    tiers_before: Sequence[int]
    tiers_after: Sequence[int]


class Replaying:
    """Compares profiles without the last days of events with profiles that have them."""

    def __init__(self, database: Database, viewing: Viewing, segments: Segments) -> None:
        self._database = database
        self._viewing = viewing
        self._segments = segments

    async def measure(
        self, as_of: int, days: int = DAYS, customers: int = CUSTOMERS
    ) -> AsyncGenerator[Step | Accuracy, None]:
        """First the customers compared so far, again and again, at last the accuracy."""
        names = await self._sample(customers)
        before = as_of - days * DAY
        then = _Then(
            before,
            as_of,
            (await self._viewing.popular(before)).tiers,
            (await self._viewing.popular(as_of)).tiers,
        )
        replayed: list[Replayed] = []
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            replayed += await self._replayed(some, then)
            yield Step(start + len(some), len(names))
        found = Accuracy(as_of, days, len(replayed), scores(replayed, COMPARISONS))
        _tell(found)
        yield found

    async def _sample(self, most: int) -> list[str]:
        """Names spread evenly over all; nobody's name says anything of him."""
        every: list[str] = []
        last = ""
        while names := await self._database.read(
            lambda connection: listings.customers_after(connection, last, _NAMES_AT_ONCE)  # noqa: B023  # awaited before the next
        ):
            every += names
            last = names[-1]
        return [every[place * len(every) // most] for place in range(most)] if len(every) > most else every

    async def _replayed(self, names: Sequence[str], then: _Then) -> list[Replayed]:
        """Those known at the earlier moment; who came later has no last value, and nothing to show without the days."""
        old = await self._viewing.at(names, then.before)
        new = await self._viewing.at(names, then.after)
        found: list[Replayed] = []
        for was, now in zip(old, new, strict=True):
            if was.state is None or now.state is None or was.customer != was.members[0]:
                continue
            stays = self._attributes(was.state, then.before, then.tiers_before)
            shown = self._attributes(was.state, then.after, then.tiers_before)
            found.append(Replayed(stays, shown, self._attributes(now.state, then.after, then.tiers_after)))
            # Others are answered in between.
            await asyncio.sleep(0)
        return found

    def _attributes(self, state: State, moment: int, tiers: Sequence[int]) -> dict[str, str | float]:
        member = self._segments.membership_of(state, moment)
        return attributes_of(state, moment, tiers, segment_name(member.segment.id) if member else None)


def _tell(found: Accuracy) -> None:
    overall = found.attributes[0].overall
    shares = {each.name: round(each.overall.share, 4) for each in found.attributes if each.overall.count}
    log.info("accuracy measured", customers=found.customers, days=found.days, share=shares.get(ALL))
    low = [each.name for each in found.attributes if each.is_alarm]
    if low:
        log.warning(
            "accuracy below the limit",
            attributes=low,
            limit=ALARM_BELOW,
            share=round(overall.share, 4),
            customers=found.customers,
        )
