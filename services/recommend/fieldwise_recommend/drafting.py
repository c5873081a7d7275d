"""Writing, submitting and reviewing drafts of actions; knows no wire and nothing of publishing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.core.action_table import actions_of
from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.catalogue_file import INVALID, document_of, parse
from fieldwise_recommend.core.drafts import Change, Draft, differences, table_of
from fieldwise_recommend.core.reading import Reading
from fieldwise_recommend.store.catalogue import CatalogueStore
from fieldwise_runtime.errors import AlreadyExists, FailedPrecondition, InvalidRequest, NotFound, Violation


class Act(NamedTuple):
    """Who does something, when (microseconds since 1970), why, and in which request (empty where nothing is created)."""

    actor: str
    at: int
    note: str
    request_id: str = ""


class Drafting:
    """The drafts. One change at a time: two that look at the same draft must not both write it."""

    def __init__(self, store: CatalogueStore, in_force: InForce, changing: asyncio.Lock) -> None:
        self._store = store
        self._in_force = in_force
        self._changing = changing

    async def create(self, table: Mapping[str, Any], act: Act, faults: Sequence[Violation] = ()) -> Draft:
        """The draft of a new action.

        Args:
            faults: What is wrong with it that the table cannot show: money in another currency.

        Raises:
            AlreadyExists: There is an action or a draft of the name, or the request_id wrote another one.
            InvalidRequest: The definition has faults.
        """
        async with self._changing:
            subject = str(table["name"])
            earlier = await self._draft_of(subject)
            is_repeated = earlier is not None and earlier.request_id == act.request_id
            if not is_repeated and (
                earlier is not None or table_of(await self.document(), subject) is not None
            ):
                remedy = "write UpdateAction to change it, or choose another name"
                raise AlreadyExists(subject, remedy, reason="ACTION_EXISTS")
            return await self._written(earlier, Change.NEW, subject, table, act, faults)

    async def update(self, table: Mapping[str, Any], act: Act, faults: Sequence[Violation] = ()) -> Draft:
        """The draft of another definition; one that is there begins its way again.

        Args:
            faults: As of `create`.

        Raises:
            NotFound: There is neither an action nor a draft of the name.
            InvalidRequest: The definition has faults.
        """
        async with self._changing:
            subject = str(table["name"])
            earlier = await self._draft_of(subject)
            exists = table_of(await self.document(), subject) is not None
            if earlier is None and not exists:
                raise NotFound(subject, "CreateAction makes it", reason="ACTION_NOT_FOUND")
            change = Change.CHANGED if exists else Change.NEW
            return await self._written(earlier, change, subject, table, act, faults)

    async def retire(self, subject: str, act: Act) -> Draft:
        """The draft that takes an action away.

        Raises:
            NotFound: There is no such action.
            FailedPrecondition: It is leave alone.
        """
        async with self._changing:
            if subject == LEAVE_ALONE:
                message = f"{LEAVE_ALONE} stays: all others are measured against it"
                raise FailedPrecondition("LEAVE_ALONE_STAYS", message)
            if table_of(await self.document(), subject) is None:
                raise NotFound(subject, "name an action of the catalogue in force", reason="ACTION_NOT_FOUND")
            return await self._written(await self._draft_of(subject), Change.RETIRED, subject, {}, act)

    async def submit(self, name: str, act: Act) -> Draft:
        async with self._changing:
            draft = await self._draft(name)
            return await self._kept(draft.submitted(act.actor, act.at, act.note))

    async def review(self, name: str, act: Act, *, approved: bool) -> Draft:
        async with self._changing:
            draft = await self._draft(name)
            return await self._kept(draft.reviewed(act.actor, act.at, act.note, approved=approved))

    async def drop(self, name: str) -> None:
        async with self._changing:
            await self._store.drop((await self._draft(name)).subject)

    async def every(self) -> list[Draft]:
        """All drafts, by name."""
        return sorted(await self._store.drafts(), key=lambda draft: draft.name)

    async def imported(self, body: bytes, act: Act) -> list[Draft]:
        """One draft for everything in which a file differs from the catalogue in force.

        Raises:
            InvalidRequest: The file has faults.
        """
        await asyncio.to_thread(parse, body)
        async with self._changing:
            earlier = {draft.subject: draft for draft in await self._store.drafts()}
            made: list[Draft] = []
            for subject, change, table in differences(await self.document(), document_of(body)):
                draft = self._new(change, subject, table, act)
                known = earlier.get(subject)
                made.append(draft if known is None else known.rewritten(draft))
            await self._store.keep(made)
            return sorted(made, key=lambda draft: draft.name)

    async def document(self, version: str = "") -> dict[str, Any]:
        """The tables of a version; of the one in force when none is named.

        Raises:
            NotFound: No such version.
        """
        return document_of(await self.file(version))

    async def file(self, version: str = "") -> bytes:
        wanted = version or self._in_force.catalogue.version
        body = await self._store.body(wanted)
        if body is None:
            remedy = "ListCatalogueVersions shows those there are"
            raise NotFound(f"catalogue {wanted}", remedy, reason="VERSION_NOT_FOUND")
        return body

    async def _written(
        self,
        earlier: Draft | None,
        change: Change,
        subject: str,
        table: Mapping[str, Any],
        act: Act,
        faults: Sequence[Violation] = (),
    ) -> Draft:
        if table:
            _check(table, faults)
        draft = self._new(change, subject, table, act)
        return await self._kept(draft if earlier is None else earlier.rewritten(draft))

    def _new(self, change: Change, subject: str, table: Mapping[str, Any], act: Act) -> Draft:
        version = self._in_force.catalogue.version
        return Draft(subject, change, table, (act.actor,), act.at, act.at, version, act.request_id, act.note)

    async def _kept(self, draft: Draft) -> Draft:
        await self._store.keep([draft])
        return draft

    async def _draft_of(self, subject: str) -> Draft | None:
        return next((draft for draft in await self._store.drafts() if draft.subject == subject), None)

    async def _draft(self, name: str) -> Draft:
        found = next((draft for draft in await self._store.drafts() if draft.name == name), None)
        if found is None:
            raise NotFound(name, "ListDrafts shows those there are", reason="DRAFT_NOT_FOUND")
        return found


def _check(table: Mapping[str, Any], foreign: Sequence[Violation]) -> None:
    """Refuses a definition with faults; what it takes together with all others is checked when it is published."""
    read = Reading()
    actions_of(read, table, "action.", redemption=0.0)
    if read.faults or foreign:
        reason = INVALID if read.faults else "FOREIGN_CURRENCY"
        raise InvalidRequest([*read.faults, *foreign], reason=reason)
