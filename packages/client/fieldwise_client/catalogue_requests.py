"""Requests about the catalogue's life: drafts, review, publishing, versions. Knows no channel."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf import empty_pb2

from fieldwise.recommend.v1 import catalogue_pb2
from fieldwise.recommend.v1 import catalogue_service_pb2 as catalogue
from fieldwise_client.names import new_request_id, resource
from fieldwise_client.recommend_requests import of_recommend
from fieldwise_client.talks import M, Method

# Compiling all rules on a busy machine.
PUBLISH_SECONDS = 30.0


def _of_catalogue(method: str, answer: type[M]) -> Method[M]:
    return of_recommend("CatalogueService", method, answer)


CREATE_ACTION = _of_catalogue("CreateAction", catalogue_pb2.Draft)
UPDATE_ACTION = _of_catalogue("UpdateAction", catalogue_pb2.Draft)
RETIRE_ACTION = _of_catalogue("RetireAction", catalogue_pb2.Draft)
SUBMIT_ACTION = _of_catalogue("SubmitAction", catalogue_pb2.Draft)
APPROVE_ACTION = _of_catalogue("ApproveAction", catalogue_pb2.Draft)
REJECT_ACTION = _of_catalogue("RejectAction", catalogue_pb2.Draft)
DELETE_DRAFT = _of_catalogue("DeleteDraft", empty_pb2.Empty)
LIST_DRAFTS = _of_catalogue("ListDrafts", catalogue.ListDraftsResponse)
PUBLISH = _of_catalogue("PublishCatalogue", catalogue.PublishCatalogueResponse)
ROLL_BACK = _of_catalogue("RollbackCatalogue", catalogue_pb2.CatalogueVersion)
LIST_VERSIONS = _of_catalogue("ListCatalogueVersions", catalogue.ListCatalogueVersionsResponse)
GET_ACTION = _of_catalogue("GetAction", catalogue.GetActionResponse)
LIST_RULE_FIELDS = _of_catalogue("ListRuleFields", catalogue.ListRuleFieldsResponse)
IMPORT = _of_catalogue("ImportCatalogue", catalogue.ImportCatalogueResponse)
EXPORT = _of_catalogue("ExportCatalogue", catalogue.ExportCatalogueResponse)


def create_action(
    action: catalogue_pb2.ActionDefinition, actor: str, note: str, request_id: str | None
) -> catalogue.CreateActionRequest:
    return catalogue.CreateActionRequest(
        action=action, actor=actor, note=note, request_id=request_id or new_request_id()
    )


def update_action(
    action: catalogue_pb2.ActionDefinition, actor: str, note: str, request_id: str | None
) -> catalogue.UpdateActionRequest:
    return catalogue.UpdateActionRequest(
        action=action, actor=actor, note=note, request_id=request_id or new_request_id()
    )


def retire_action(name: str, actor: str, note: str, request_id: str | None) -> catalogue.RetireActionRequest:
    return catalogue.RetireActionRequest(
        name=resource("actions", name), actor=actor, note=note, request_id=request_id or new_request_id()
    )


def submit_action(draft: str, actor: str, note: str) -> catalogue.SubmitActionRequest:
    return catalogue.SubmitActionRequest(name=_draft(draft), actor=actor, note=note)


def approve_action(draft: str, actor: str, note: str) -> catalogue.ApproveActionRequest:
    return catalogue.ApproveActionRequest(name=_draft(draft), actor=actor, note=note)


def reject_action(draft: str, actor: str, note: str) -> catalogue.RejectActionRequest:
    return catalogue.RejectActionRequest(name=_draft(draft), actor=actor, note=note)


def delete_draft(draft: str) -> catalogue.DeleteDraftRequest:
    return catalogue.DeleteDraftRequest(name=_draft(draft))


def publish(
    actor: str, note: str, confirm_reach: Iterable[str], request_id: str | None, *, validate_only: bool
) -> catalogue.PublishCatalogueRequest:
    return catalogue.PublishCatalogueRequest(
        actor=actor,
        note=note,
        validate_only=validate_only,
        confirm_reach=[resource("actions", name) for name in confirm_reach],
        request_id=request_id or new_request_id(),
    )


def roll_back(
    version: str, actor: str, note: str, in_force: str, request_id: str | None
) -> catalogue.RollbackCatalogueRequest:
    return catalogue.RollbackCatalogueRequest(
        version=version, actor=actor, note=note, in_force=in_force, request_id=request_id or new_request_id()
    )


def get_action(name: str, version: str) -> catalogue.GetActionRequest:
    return catalogue.GetActionRequest(name=resource("actions", name), version=version)


def import_catalogue(
    toml: bytes, actor: str, note: str, request_id: str | None
) -> catalogue.ImportCatalogueRequest:
    return catalogue.ImportCatalogueRequest(
        toml=toml, actor=actor, note=note, request_id=request_id or new_request_id()
    )


def _draft(name: str) -> str:
    """An action's draft has the action's id."""
    return resource("drafts", name.removeprefix("actions/"))
