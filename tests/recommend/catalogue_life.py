"""Both services of one process of recommend, and the steps of a catalogue's life; shows only what matters."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable
from typing import Any, NamedTuple

import grpc
import pytest

from fieldwise.recommend.v1 import catalogue_service_pb2
from fieldwise.recommend.v1 import catalogue_service_pb2_grpc as rpc
from fieldwise.recommend.v1.catalogue_pb2 import ActionDefinition, CatalogueVersion, Draft
from fieldwise.recommend.v1.decision_pb2 import Decision
from fieldwise.recommend.v1.recommend_service_pb2 import ListActionsRequest
from fieldwise.recommend.v1.recommend_service_pb2_grpc import RecommendServiceStub
from tests.recommend.recommend_builders import NOW, a_profile, batch, inputs_for


class Life:
    """Both services of one process, with requests that show only what matters."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.catalogue = rpc.CatalogueServiceStub(channel)
        self.recommend = RecommendServiceStub(channel)

    def request_id(self) -> str:
        return str(uuid.uuid4())

    async def create(self, action: ActionDefinition, actor: str = "ann", request_id: str = "") -> Draft:
        request = catalogue_service_pb2.CreateActionRequest(
            action=action, actor=actor, request_id=request_id or self.request_id()
        )
        request.decision_time.FromSeconds(NOW)
        return await self.catalogue.CreateAction(request)

    async def update(self, action: ActionDefinition, actor: str = "ann") -> Draft:
        request = catalogue_service_pb2.UpdateActionRequest(
            action=action, actor=actor, request_id=self.request_id()
        )
        request.decision_time.FromSeconds(NOW)
        return await self.catalogue.UpdateAction(request)

    async def submit(self, draft: Draft, actor: str = "ann") -> Draft:
        request = catalogue_service_pb2.SubmitActionRequest(name=draft.name, actor=actor)
        request.decision_time.FromSeconds(NOW)
        return await self.catalogue.SubmitAction(request)

    async def approve(self, draft: Draft, actor: str = "bob") -> Draft:
        request = catalogue_service_pb2.ApproveActionRequest(name=draft.name, actor=actor)
        request.decision_time.FromSeconds(NOW)
        return await self.catalogue.ApproveAction(request)

    async def publish(
        self, *confirmed: str, request_id: str = "", validate_only: bool = False
    ) -> catalogue_service_pb2.PublishCatalogueResponse:
        request = catalogue_service_pb2.PublishCatalogueRequest(
            actor="eve",
            request_id=request_id or self.request_id(),
            confirm_reach=confirmed,
            validate_only=validate_only,
        )
        request.decision_time.FromSeconds(NOW)
        return await self.catalogue.PublishCatalogue(request)

    async def published(self, action: ActionDefinition, *confirmed: str) -> str:
        """The version that a new action is in force with."""
        draft = await self.create(action)
        await self.submit(draft)
        await self.approve(draft)
        return (await self.publish(*confirmed)).version.version

    async def roll_back(self, version: str, in_force: str = "") -> CatalogueVersion:
        request = catalogue_service_pb2.RollbackCatalogueRequest(
            version=version, actor="eve", request_id=self.request_id(), in_force=in_force
        )
        request.decision_time.FromSeconds(NOW)
        return await self.catalogue.RollbackCatalogue(request)

    async def decide(self, customer: int, purchase_days: int = 60) -> Decision:
        name = f"customers/{customer}"
        inputs = inputs_for(name, profile=a_profile(name, purchase_days=purchase_days))
        return (await self.recommend.BatchRecommendActions(batch(inputs))).decided[0].decision

    async def in_force(self) -> str:
        return (await self.recommend.ListActions(ListActionsRequest())).version


def a_gift(eligibility: str = "purchase_days >= 3", **more: Any) -> ActionDefinition:
    made = ActionDefinition(
        name="actions/gift",
        title="A gift",
        channel="mail",
        eligibility=eligibility,
        owner="shop",
        **more,
    )
    if not made.HasField("cost"):
        made.cost.micros, made.cost.currency_code = 500_000, "USD"
    made.effect.lift = 0.2
    return made


class Refused(NamedTuple):
    """What a call was refused with."""

    code: grpc.StatusCode
    details: str


async def refused(call: Awaitable[object]) -> Refused:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return Refused(raised.value.code(), raised.value.details() or "")
