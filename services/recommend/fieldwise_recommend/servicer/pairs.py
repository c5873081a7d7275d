"""PairService on the wire; knows no statistics and no SQL."""

from __future__ import annotations

from typing import Any

from fieldwise.recommend.v1 import pair_service_pb2 as wire
from fieldwise.recommend.v1.pair_service_pb2_grpc import PairServiceServicer
from fieldwise_recommend.pairing import Pairing

# grpc.aio and grpc have contexts of different types; no method here uses its own.
Context = Any


class PairWire(PairServiceServicer):
    """Each method hands its request to the use case that answers it."""

    def __init__(self, pairing: Pairing) -> None:
        self._pairing = pairing

    async def LearnPairRules(
        self, request: wire.LearnPairRulesRequest, context: Context
    ) -> wire.LearnPairRulesResponse:
        return await self._pairing.learn(request)

    async def ListPairRules(
        self, request: wire.ListPairRulesRequest, context: Context
    ) -> wire.ListPairRulesResponse:
        return self._pairing.listed(request)
