"""PolicyService on the wire: messages in, use cases, messages out; knows no statistics and no SQL."""

from __future__ import annotations

from typing import Any

from fieldwise.recommend.v1 import policy_service_pb2 as wire
from fieldwise.recommend.v1.policy_service_pb2_grpc import PolicyServiceServicer
from fieldwise_recommend.evaluating import Evaluating


class PolicyWire(PolicyServiceServicer):
    """Each method hands its request to the use case that answers it."""

    def __init__(self, evaluating: Evaluating) -> None:
        self._evaluating = evaluating

    async def EvaluatePolicy(
        self, request: wire.EvaluatePolicyRequest, context: Any
    ) -> wire.EvaluatePolicyResponse:
        return await self._evaluating.evaluate(request)
