"""CatalogueService on the wire; knows no rule and no SQL."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.recommend.v1 import catalogue_pb2, catalogue_service_pb2
from fieldwise.recommend.v1.catalogue_service_pb2_grpc import CatalogueServiceServicer
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.core.catalogue_file import MOST_STEPS, parse
from fieldwise_recommend.core.catalogue_writing import written
from fieldwise_recommend.core.drafts import NUMBERS, Change, Draft, State
from fieldwise_recommend.core.drafts import table_of as table_in
from fieldwise_recommend.core.facts import FIELDS
from fieldwise_recommend.core.reach import Reach
from fieldwise_recommend.definitions import definition_of, foreign_money, table_of
from fieldwise_recommend.drafting import Act, Drafting
from fieldwise_recommend.listing import wire_action
from fieldwise_recommend.publishing import Publication, Publishing
from fieldwise_recommend.store.catalogue import CatalogueStore, Kind, Release
from fieldwise_runtime.errors import NotFound
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

# grpc.aio and grpc have contexts of different types; no method here uses its own.
_Context = Any

_PAGE: Final = 100
_LARGEST_PAGE: Final = 1_000
_CHANGES: Final = {
    Change.NEW: catalogue_pb2.DRAFT_CHANGE_NEW,
    Change.CHANGED: catalogue_pb2.DRAFT_CHANGE_CHANGED,
    Change.RETIRED: catalogue_pb2.DRAFT_CHANGE_RETIRED,
    Change.NUMBERS: catalogue_pb2.DRAFT_CHANGE_NUMBERS,
}
_STATES: Final = {
    State.WRITING: catalogue_pb2.DRAFT_STATE_WRITING,
    State.IN_REVIEW: catalogue_pb2.DRAFT_STATE_IN_REVIEW,
    State.APPROVED: catalogue_pb2.DRAFT_STATE_APPROVED,
    State.REJECTED: catalogue_pb2.DRAFT_STATE_REJECTED,
}
_KINDS: Final = {
    Kind.SHIPPED: catalogue_pb2.RELEASE_KIND_SHIPPED,
    Kind.PUBLISHED: catalogue_pb2.RELEASE_KIND_PUBLISHED,
    Kind.ROLLED_BACK: catalogue_pb2.RELEASE_KIND_ROLLED_BACK,
}


class CatalogueWire(CatalogueServiceServicer):
    """fieldwise.recommend.v1.CatalogueService."""

    def __init__(
        self,
        drafting: Drafting,
        publishing: Publishing,
        store: CatalogueStore,
        in_force: InForce,
        currency: str,
    ) -> None:
        self._drafting = drafting
        self._publishing = publishing
        self._store = store
        self._in_force = in_force
        self._currency = currency

    async def CreateAction(
        self, request: catalogue_service_pb2.CreateActionRequest, context: _Context
    ) -> catalogue_pb2.Draft:
        foreign = foreign_money(request.action, self._currency)
        return self._draft(await self._drafting.create(table_of(request.action), _act(request), foreign))

    async def UpdateAction(
        self, request: catalogue_service_pb2.UpdateActionRequest, context: _Context
    ) -> catalogue_pb2.Draft:
        foreign = foreign_money(request.action, self._currency)
        return self._draft(await self._drafting.update(table_of(request.action), _act(request), foreign))

    async def RetireAction(
        self, request: catalogue_service_pb2.RetireActionRequest, context: _Context
    ) -> catalogue_pb2.Draft:
        return self._draft(await self._drafting.retire(request.name, _act(request)))

    async def SubmitAction(
        self, request: catalogue_service_pb2.SubmitActionRequest, context: _Context
    ) -> catalogue_pb2.Draft:
        return self._draft(await self._drafting.submit(request.name, _act(request)))

    async def ApproveAction(
        self, request: catalogue_service_pb2.ApproveActionRequest, context: _Context
    ) -> catalogue_pb2.Draft:
        return self._draft(await self._drafting.review(request.name, _act(request), approved=True))

    async def RejectAction(
        self, request: catalogue_service_pb2.RejectActionRequest, context: _Context
    ) -> catalogue_pb2.Draft:
        return self._draft(await self._drafting.review(request.name, _act(request), approved=False))

    async def DeleteDraft(
        self, request: catalogue_service_pb2.DeleteDraftRequest, context: _Context
    ) -> Empty:
        await self._drafting.drop(request.name)
        return Empty()

    async def ListDrafts(
        self, request: catalogue_service_pb2.ListDraftsRequest, context: _Context
    ) -> catalogue_service_pb2.ListDraftsResponse:
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        after = cursor_of(request.page_token, "drafts")
        listed = [draft for draft in await self._drafting.every() if draft.name > after]
        token = page_token(listed[size - 1].name, "drafts") if len(listed) > size else ""
        return catalogue_service_pb2.ListDraftsResponse(
            drafts=[self._draft(draft) for draft in listed[:size]], next_page_token=token
        )

    async def PublishCatalogue(
        self, request: catalogue_service_pb2.PublishCatalogueRequest, context: _Context
    ) -> catalogue_service_pb2.PublishCatalogueResponse:
        if request.validate_only:
            return self._published(await self._publishing.validate(_act(request)), None)
        made = await self._publishing.publish(_act(request), list(request.confirm_reach))
        stands = self._in_force.catalogue.version == made.release.version
        return self._published(made, made.release if stands else None)

    async def RollbackCatalogue(
        self, request: catalogue_service_pb2.RollbackCatalogueRequest, context: _Context
    ) -> catalogue_pb2.CatalogueVersion:
        release = await self._publishing.roll_back(request.version, request.in_force, _act(request))
        return self._version(release, await self._store.latest())

    async def ListCatalogueVersions(
        self, request: catalogue_service_pb2.ListCatalogueVersionsRequest, context: _Context
    ) -> catalogue_service_pb2.ListCatalogueVersionsResponse:
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        cursor = cursor_of(request.page_token, "versions")
        listed = await self._store.releases(size + 1, int(cursor) if cursor else None)
        latest = await self._store.latest()
        token = page_token(str(listed[size - 1].number), "versions") if len(listed) > size else ""
        return catalogue_service_pb2.ListCatalogueVersionsResponse(
            versions=[self._version(release, latest) for release in listed[:size]], next_page_token=token
        )

    async def GetAction(
        self, request: catalogue_service_pb2.GetActionRequest, context: _Context
    ) -> catalogue_service_pb2.GetActionResponse:
        catalogue = self._in_force.catalogue
        if request.version not in ("", catalogue.version):
            catalogue = await asyncio.to_thread(parse, await self._drafting.file(request.version))
        table = table_in(await self._drafting.document(catalogue.version), request.name)
        if table is None:
            remedy = "ListActions shows those in force, ListDrafts those that are not yet"
            raise NotFound(request.name, remedy, reason="ACTION_NOT_FOUND")
        actions = [each for each in catalogue.actions if each.family == request.name]
        return catalogue_service_pb2.GetActionResponse(
            definition=definition_of(table, self._currency),
            actions=[wire_action(each, self._currency) for each in actions],
            version=catalogue.version,
        )

    async def ListRuleFields(
        self, request: catalogue_service_pb2.ListRuleFieldsRequest, context: _Context
    ) -> catalogue_service_pb2.ListRuleFieldsResponse:
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        after = cursor_of(request.page_token, "fields")
        listed = sorted((each for each in FIELDS.listed if each.path > after), key=lambda each: each.path)
        token = page_token(listed[size - 1].path, "fields") if len(listed) > size else ""
        return catalogue_service_pb2.ListRuleFieldsResponse(
            fields=[
                catalogue_pb2.RuleField(
                    name=each.path, kind=str(each.kind), meaning=each.meaning, optional=each.optional
                )
                for each in listed[:size]
            ],
            next_page_token=token,
        )

    async def ImportCatalogue(
        self, request: catalogue_service_pb2.ImportCatalogueRequest, context: _Context
    ) -> catalogue_service_pb2.ImportCatalogueResponse:
        made = await self._drafting.imported(request.toml, _act(request))
        return catalogue_service_pb2.ImportCatalogueResponse(drafts=[self._draft(draft) for draft in made])

    async def ExportCatalogue(
        self, request: catalogue_service_pb2.ExportCatalogueRequest, context: _Context
    ) -> catalogue_service_pb2.ExportCatalogueResponse:
        version = request.version or self._in_force.catalogue.version
        return catalogue_service_pb2.ExportCatalogueResponse(
            toml=await self._drafting.file(version), version=version
        )

    def _published(
        self, made: Publication, in_force: Release | None
    ) -> catalogue_service_pb2.PublishCatalogueResponse:
        return catalogue_service_pb2.PublishCatalogueResponse(
            version=self._version(made.release, in_force),
            reach=[_reach(each) for each in made.reach],
            sample_size=made.sampled,
            steps=made.catalogue.steps,
            steps_allowed=MOST_STEPS,
        )

    def _version(self, release: Release, latest: Release | None) -> catalogue_pb2.CatalogueVersion:
        return catalogue_pb2.CatalogueVersion(
            version=release.version,
            number=release.number,
            kind=_KINDS[release.kind],
            in_force=latest is not None and release.number == latest.number,
            actor=release.actor,
            note=release.note,
            release_time=_timestamp(release.released_at) if release.released_at else None,
            changes=[
                catalogue_pb2.ReleasedChange(
                    subject=made.subject,
                    change=_CHANGES[Change(made.change)],
                    authors=made.authors,
                    reviewer=made.reviewer,
                    note=made.note,
                )
                for made in release.changes
            ],
        )

    def _draft(self, draft: Draft) -> catalogue_pb2.Draft:
        shown = catalogue_pb2.Draft(
            name=draft.name,
            change=_CHANGES[draft.change],
            state=_STATES[draft.state],
            authors=draft.authors,
            reviewer=draft.reviewer,
            note=draft.note,
            base_version=draft.base_version,
            create_time=_timestamp(draft.created_at),
            update_time=_timestamp(draft.changed_at),
        )
        if draft.subject == NUMBERS:
            shown.numbers_toml = written(draft.table).decode()
        elif draft.table:
            shown.action.CopyFrom(definition_of(draft.table, self._currency))
        return shown


def _act(request: Any) -> Act:
    """Who asks, when and why: fields that all requests that change something have."""
    return Act(
        request.actor,
        request.decision_time.ToMicroseconds(),
        request.note,
        getattr(request, "request_id", ""),
    )


def _reach(found: Reach) -> catalogue_pb2.Reach:
    return catalogue_pb2.Reach(
        action=found.action, share=found.share, kept_away=found.kept_away, questioned=found.questioned
    )


def _timestamp(micros: int) -> Timestamp:
    made = Timestamp()
    made.FromMicroseconds(micros)
    return made
