"""Putting catalogues in force: at the start, by publishing approved drafts, by rolling back; knows no call."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.core.catalogue import Catalogue
from fieldwise_recommend.core.catalogue_file import document_of, parse
from fieldwise_recommend.core.catalogue_writing import written
from fieldwise_recommend.core.drafts import Change, Draft, State, applied
from fieldwise_recommend.core.reach import FEWEST, Reach, reach
from fieldwise_recommend.core.sample import SIZE
from fieldwise_recommend.core.situation import Situation
from fieldwise_recommend.drafting import Act
from fieldwise_recommend.situation import situation_of
from fieldwise_recommend.store.catalogue import CatalogueStore, Kind, Made, Release
from fieldwise_runtime.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

REACH_UNCONFIRMED: Final = "REACH_UNCONFIRMED"


@dataclass(frozen=True, slots=True)
class Publication:
    """A release, or what it would be, and whom its changed actions reach."""

    release: Release
    catalogue: Catalogue
    reach: Sequence[Reach]
    sampled: int


async def opened(store: CatalogueStore, shipped: bytes) -> Catalogue:
    """The catalogue in force: what was published last, or what came with the program where nobody has published.

    Raises:
        InvalidRequest: It has faults.
    """
    catalogue, latest = parse(shipped), await store.latest()
    if latest is None or (latest.kind is Kind.SHIPPED and latest.version != catalogue.version):
        number = 1 if latest is None else latest.number + 1
        await store.put_in_force(Release(number, catalogue.version, Kind.SHIPPED, "", "", 0), shipped, ())
        return catalogue
    body = await store.body(latest.version)
    return catalogue if latest.version == catalogue.version or body is None else parse(body)


class Publishing:
    """Swaps the catalogue of the process; the next request sees the new one."""

    def __init__(self, store: CatalogueStore, in_force: InForce, changing: asyncio.Lock) -> None:
        self._store = store
        self._in_force = in_force
        self._changing = changing

    async def publish(self, act: Act, confirmed: Collection[str]) -> Publication:
        """Puts all approved drafts in force as one version.

        Raises:
            InvalidRequest: The catalogue that comes of them has faults, such as rules that are too expensive together.
            FailedPrecondition: Nothing is approved, or an action reaches nobody or everybody and is not confirmed.
        """
        async with self._changing:
            earlier = await self._store.release_of(act.request_id)
            if earlier is not None:
                return await self._as_then(earlier, _fingerprint("publish", sorted(confirmed)))
            drafts = await self._drafts(State.APPROVED)
            if not drafts:
                message = (
                    "no draft is approved; write, submit and approve one (ListDrafts shows where each stands)"
                )
                raise FailedPrecondition("NOTHING_APPROVED", message)
            made, body = await self._made(drafts, act, _fingerprint("publish", sorted(confirmed)))
            _ask_about([each for each in made.reach if each.questioned and each.action not in confirmed])
            await self._put(made.release, made.catalogue, body, [draft.subject for draft in drafts])
            return made

    async def validate(self, act: Act) -> Publication:
        """What would come of all drafts that are approved or in review; nothing is put in force.

        Raises:
            InvalidRequest: The catalogue has faults.
        """
        made, _ = await self._made(await self._drafts(State.APPROVED, State.IN_REVIEW), act, "")
        return made

    async def roll_back(self, version: str, in_force: str, act: Act) -> Release:
        """Puts a version of the past in force again.

        Raises:
            NotFound: It never was in force.
            Aborted: Another one than ``in_force`` is in force.
        """
        fingerprint = _fingerprint("roll back", [version, in_force])
        async with self._changing:
            earlier = await self._store.release_of(act.request_id)
            if earlier is not None:
                return (await self._as_then(earlier, fingerprint)).release
            now = self._in_force.catalogue.version
            if in_force and in_force != now:
                raise Aborted("CATALOGUE_CHANGED", f"{now} is in force, not {in_force}; look at it first")
            body = await self._store.body(version)
            if body is None or not await self._store.was_in_force(version):
                remedy = "ListCatalogueVersions shows those that were in force"
                raise NotFound(f"catalogue {version}", remedy, reason="VERSION_NOT_FOUND")
            release = await self._release(version, Kind.ROLLED_BACK, act, fingerprint)
            await self._put(release, await asyncio.to_thread(parse, body), body, ())
            return release

    async def _drafts(self, *states: State) -> list[Draft]:
        return [draft for draft in await self._store.drafts() if draft.state in states]

    async def _made(self, drafts: Sequence[Draft], act: Act, fingerprint: str) -> tuple[Publication, bytes]:
        before = await self._store.body(self._in_force.catalogue.version)
        assert before is not None  # kept when it was put in force
        body = written(applied(document_of(before), drafts)) if drafts else before
        # Apart: compiling rules takes longer than a decision may wait.
        catalogue = await asyncio.to_thread(parse, body)
        changed = [draft.subject for draft in drafts if draft.change in (Change.NEW, Change.CHANGED)]
        situations = await self._sampled()
        release = await self._release(catalogue.version, Kind.PUBLISHED, act, fingerprint, drafts)
        found = await asyncio.to_thread(reach, catalogue, changed, situations)
        return Publication(release, catalogue, found, len(situations)), body

    async def _sampled(self) -> list[Situation]:
        """Recent situations: those of this process, and after a start of the last decisions that are stored."""
        sample = self._in_force.sample
        if len(sample.situations) < FEWEST:
            stored = await self._store.recent_inputs(SIZE)
            for inputs in map(DecisionInputs.FromString, reversed(stored)):
                sample.see(inputs.customer, situation_of(inputs, self._in_force.catalogue))
        return sample.situations

    async def _release(
        self, version: str, kind: Kind, act: Act, fingerprint: str, drafts: Sequence[Draft] = ()
    ) -> Release:
        latest = await self._store.latest()
        number = 1 if latest is None else latest.number + 1
        changes = tuple(
            Made(draft.subject, draft.change, draft.authors, draft.reviewer, draft.note) for draft in drafts
        )
        return Release(
            number, version, kind, act.actor, act.note, act.at, changes, act.request_id, fingerprint
        )

    async def _put(
        self, release: Release, catalogue: Catalogue, body: bytes, published: Sequence[str]
    ) -> None:
        before = self._in_force.catalogue.version
        await self._store.put_in_force(release, body, published)
        self._in_force.catalogue = catalogue
        log.info(
            "catalogue put in force",
            version=release.version,
            before=before,
            kind=release.kind,
            number=release.number,
        )

    async def _as_then(self, release: Release, fingerprint: str) -> Publication:
        if release.fingerprint != fingerprint:
            remedy = "give each request an id of its own"
            raise AlreadyExists(f"request {release.request_id}", remedy, reason="REQUEST_ID_REUSED")
        body = await self._store.body(release.version)
        assert body is not None  # kept when it was put in force
        return Publication(release, await asyncio.to_thread(parse, body), (), 0)


def _fingerprint(call: str, said: Sequence[str]) -> str:
    return hashlib.blake2b("\n".join([call, *said]).encode(), digest_size=16).hexdigest()


def _ask_about(found: Sequence[Reach]) -> None:
    if not found:
        return
    told = "; ".join(
        f"{each.action} would reach {each.share:.0%} of {each.sampled} recent customers"
        f"{f' ({_why(each)})' if each.kept_away else ''}"
        for each in found
    )
    names = ", ".join(each.action for each in found)
    raise FailedPrecondition(REACH_UNCONFIRMED, f"{told}. Is that meant? Then send confirm_reach = [{names}]")


def _why(found: Reach) -> str:
    code, share = max(found.kept_away.items(), key=lambda pair: pair[1])
    return f"{share:.0%} fall to {code}"
