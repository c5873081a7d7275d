"""The tags of the installation: added, changed, retired and restored, and read into every profile; knows no wire but the profile's.

A profile's tags are computed when it is read, from the rules in force at that moment, so a change needs no restart and no
back-fill. Processes on one PostgreSQL take up each other's changes when they look at the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import sqlalchemy as sa

from fieldwise.profile.v1 import profile_pb2
from fieldwise_profile.core.event import DAY
from fieldwise_profile.core.features import Purchases
from fieldwise_profile.core.fold import State
from fieldwise_profile.core.purposes import Purpose
from fieldwise_profile.core.tags.fields import FIELDS, values_of
from fieldwise_profile.core.tags.subject import Subject
from fieldwise_profile.core.tags.tag import Ready, Tag, TagSet, TagState, names_that_hold, reads_of
from fieldwise_profile.picturing import Sight
from fieldwise_profile.segmenting import Segments, segment_name, static_of
from fieldwise_profile.store import tags as stored
from fieldwise_rules.compiler import compiled
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidRequest,
    NotFound,
    ResourceExhausted,
    Violation,
)
from fieldwise_runtime.logs import get_logger

log: Final = get_logger(__name__)

# Evaluating so many takes about 0.2 ms a profile.
MOST_TAGS: Final = 1_000
_PURPOSE_REMEDY: Final = (
    "say what the tag may be read for, such as DECISION: nothing is kept of a person without a purpose"
)


class SegmentNames:
    """Names of a customer's segments; empty for none."""

    def __init__(self, segments: Segments | None) -> None:
        self._segments = segments

    def of(self, state: State, bought: Purchases) -> tuple[str, str]:
        """`segments/{id}` by behaviour, and the segment by age and gender."""
        if self._segments is None:
            return "", ""
        # As `Segments.add` asks: behaviour is counted by whole days.
        found = self._segments.membership_of(state, (bought.last_day + 1) * DAY)
        return "" if found is None else segment_name(found.segment.id), static_of(state, bought.moment)


class Tags:
    """The tags in force in memory, level with the database."""

    def __init__(self, database: Database, segments: Segments | None = None) -> None:
        self._database = database
        self._segment_names = SegmentNames(segments)
        self._set = TagSet((), FIELDS)
        self._by_purpose: dict[int, tuple[tuple[Ready, ...], frozenset[int]]] = {}

    @property
    def version(self) -> int:
        """Rises with every change of a tag."""
        return self._set.version

    async def load(self) -> None:
        """Takes up the tags as they are now in the database."""
        count, listed = await self._database.read(
            lambda connection: (stored.version_count(connection), stored.latest(connection))
        )
        self._take(count, listed)

    async def catch_up(self) -> None:
        """Takes up what other processes changed."""
        if await self._database.read(stored.version_count) != self.version:
            await self.load()

    def add(self, profile: profile_pb2.Profile, state: State, bought: Purchases, sight: Sight) -> None:
        """Writes the names of the tags that hold into a profile."""
        ready, reads = self.serving(sight.purpose)
        if ready:
            profile.tags.extend(names_that_hold(ready, values_of(self.subject(state, bought), reads)))

    def subject(self, state: State, bought: Purchases, scores: Mapping[str, float] | None = None) -> Subject:
        """The customer as rules see him."""
        return Subject(state, bought, lambda: self._segment_names.of(state, bought), scores or {})

    def serving(self, purpose: int) -> tuple[tuple[Ready, ...], frozenset[int]]:
        """The tags in force that may be read for a purpose, and the fields that they read."""
        known = self._by_purpose.get(purpose)
        if known is None:
            ready = self._set.for_purpose(purpose)
            known = self._by_purpose[purpose] = ready, reads_of(ready)
        return known

    def in_force(self) -> tuple[Ready, ...]:
        """Every tag in force."""
        return self._set.ready

    # ---- changing

    async def create(self, tag: Tag) -> Tag:
        """Adds a tag; the same one again is given back.

        Raises:
            AlreadyExists: Reason TAG_EXISTS.
        """
        _check(tag)

        def write(connection: sa.Connection) -> Tag:
            known = stored.version(connection, tag.name)
            if known is None:
                stored.keep(connection, tag)
                return tag
            if known.is_in_force and _says(known) == _says(tag):
                return known
            remedy = "choose another id, or change it with UpdateTag or RestoreTag"
            raise AlreadyExists(tag.name, remedy, reason="TAG_EXISTS")

        if len(self._set.ready) >= MOST_TAGS:
            message = f"{MOST_TAGS} tags are in force; retire one first"
            raise ResourceExhausted("TOO_MANY_TAGS", message)
        return await self._written(write)

    async def update(
        self,
        name: str,
        seen: int,
        now: int,
        note: str,
        *,
        expression: str | None = None,
        description: str | None = None,
        purposes: Sequence[Purpose] | None = None,
    ) -> Tag:
        """Changes what is given of a tag.

        Args:
            seen: The version that the caller saw; 0 for whichever is the last.
        Raises:
            NotFound: Reason TAG_NOT_FOUND.
            FailedPrecondition: Reason TAG_CHANGED.
        """

        def change(known: Tag) -> Tag:
            if seen not in (0, known.version):
                message = f"{name} is at version {known.version}, not {seen}; read it and change it again"
                raise FailedPrecondition("TAG_CHANGED", message, metadata={"version": str(known.version)})
            changed = replace(
                known,
                expression=known.expression if expression is None else expression,
                description=known.description if description is None else description,
                purposes=known.purposes if purposes is None else tuple(sorted(set(purposes))),
            )
            _check(changed)
            return known if _says(changed) == _says(known) else _next(changed, known, now, note)

        return await self._changed(name, change)

    async def retire(self, name: str, now: int, note: str) -> Tag:
        """Takes a tag out of force.

        Raises:
            NotFound: Reason TAG_NOT_FOUND.
        """
        return await self._changed(name, lambda known: _moved(known, TagState.RETIRED, now, note))

    async def propose(self, names: Iterable[str], now: int, note: str) -> None:
        """Marks tags in force as proposed to be retired."""
        for name in names:
            await self._changed(
                name,
                lambda known: _moved(known, TagState.PROPOSED, now, note) if known.is_in_force else known,
            )

    async def restore(self, name: str, version: int, now: int, note: str) -> Tag:
        """Brings a tag back into force, as it was at ``version``; as it is for 0.

        Raises:
            NotFound: Reason TAG_NOT_FOUND or TAG_VERSION_NOT_FOUND.
        """
        earlier = await self._database.read(lambda connection: stored.version(connection, name, version))

        def change(known: Tag) -> Tag:
            if earlier is None:
                remedy = "ListTagVersions shows the versions"
                raise NotFound(f"version {version} of {name}", remedy, reason="TAG_VERSION_NOT_FOUND")
            wanted = (
                replace(earlier, state=TagState.ACTIVE) if version else replace(known, state=TagState.ACTIVE)
            )
            # Fields may have gone since then: what cannot run is not put into force.
            _check(wanted)
            is_same = _says(wanted) == _says(known) and known.state is TagState.ACTIVE
            return known if is_same else _next(wanted, known, now, note)

        return await self._changed(name, change)

    async def _changed(self, name: str, change: Callable[[Tag], Tag]) -> Tag:
        def write(connection: sa.Connection) -> Tag:
            known = stored.version(connection, name)
            if known is None:
                raise _unknown(name)
            changed = change(known)
            if changed is not known:
                stored.keep(connection, changed)
            return changed

        return await self._written(write)

    async def _written(self, write: Callable[[sa.Connection], Tag]) -> Tag:
        try:
            tag = await self._database.write(write)
        except sa.exc.IntegrityError:
            message = "another process changed the tag at this moment; read it and change it again"
            raise FailedPrecondition("TAG_CHANGED", message) from None
        await self.load()
        return tag

    # ---- reading

    async def one(self, name: str) -> Tag:
        """A tag as it is now.

        Raises:
            NotFound: Reason TAG_NOT_FOUND.
        """
        found = await self._database.read(lambda connection: stored.version(connection, name))
        if found is None:
            raise _unknown(name)
        return found

    async def every(self, *, with_retired: bool) -> list[Tag]:
        """Tags as they are now, ascending by name."""
        listed = await self._database.read(stored.latest)
        return [tag for tag in listed if with_retired or tag.is_in_force]

    async def versions(self, name: str, below: int, most: int) -> list[Tag]:
        """Versions of a tag, newest first."""
        await self.one(name)
        return await self._database.read(lambda connection: stored.versions(connection, name, below, most))

    def _take(self, count: int, listed: Sequence[Tag]) -> None:
        # Two loads may cross: the one that read less has nothing to say.
        if count >= self.version:
            self._set = TagSet(listed, FIELDS, count)
            self._by_purpose.clear()
            for name in self._set.broken:
                log.error("tag does not run", tag=name)


def _check(tag: Tag) -> None:
    """Every fault of a tag at once."""
    if not tag.purposes:
        raise InvalidRequest([Violation("tag.purposes", "nothing", _PURPOSE_REMEDY)])
    compiled(tag.expression, FIELDS)


def _says(tag: Tag) -> tuple[str, str, tuple[Purpose, ...]]:
    return tag.expression, tag.description, tag.purposes


def _moved(known: Tag, state: TagState, now: int, note: str) -> Tag:
    return known if known.state is state else _next(replace(known, state=state), known, now, note)


def _next(changed: Tag, known: Tag, now: int, note: str) -> Tag:
    return replace(changed, version=known.version + 1, created_at=known.created_at, changed_at=now, note=note)


def _unknown(name: str) -> NotFound:
    return NotFound(name, "ListTags shows the tags; CreateTag adds one", reason="TAG_NOT_FOUND")
