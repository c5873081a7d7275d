"""EffectService on the wire; knows no estimate and no SQL."""

from __future__ import annotations

from typing import Any

from fieldwise.recommend.v1 import effect_pb2
from fieldwise.recommend.v1 import effect_service_pb2 as wire
from fieldwise.recommend.v1.effect_service_pb2_grpc import EffectServiceServicer
from fieldwise_recommend.effects import Effects

# grpc.aio and grpc have contexts of different types; no method here uses its own.
Context = Any


class EffectWire(EffectServiceServicer):
    """Each method hands its request to the use case that answers it."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects

    async def ReportEffect(
        self, request: wire.ReportEffectRequest, context: Context
    ) -> effect_pb2.EffectReport:
        return await self._effects.report(request)

    async def ImportBaseline(
        self, request: wire.ImportBaselineRequest, context: Context
    ) -> effect_pb2.Baseline:
        return await self._effects.import_baseline(request)

    async def ListBaselines(
        self, request: wire.ListBaselinesRequest, context: Context
    ) -> wire.ListBaselinesResponse:
        return await self._effects.baselines(request)
