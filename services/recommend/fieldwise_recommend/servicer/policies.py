"""PolicyService on the wire: messages in, use cases, messages out; knows no statistics and no SQL."""

from __future__ import annotations

from typing import Any

from google.longrunning import operations_pb2

from fieldwise.recommend.v1 import policy_pb2
from fieldwise.recommend.v1 import policy_service_pb2 as wire
from fieldwise.recommend.v1.policy_service_pb2_grpc import PolicyServiceServicer
from fieldwise_recommend.evaluating import Evaluating
from fieldwise_recommend.training import Training


class PolicyWire(PolicyServiceServicer):
    """Each method hands its request to the use case that answers it."""

    def __init__(self, evaluating: Evaluating, training: Training) -> None:
        self._evaluating = evaluating
        self._training = training

    async def EvaluatePolicy(
        self, request: wire.EvaluatePolicyRequest, context: Any
    ) -> wire.EvaluatePolicyResponse:
        return await self._evaluating.evaluate(request)

    async def TrainPolicy(self, request: wire.TrainPolicyRequest, context: Any) -> operations_pb2.Operation:
        return await self._training.start(request)

    async def ListPolicyVersions(
        self, request: wire.ListPolicyVersionsRequest, context: Any
    ) -> wire.ListPolicyVersionsResponse:
        return await self._training.page(request)

    async def ReleasePolicyVersion(
        self, request: wire.ReleasePolicyVersionRequest, context: Any
    ) -> policy_pb2.PolicyVersion:
        return await self._training.release(request)

    async def WithdrawPolicy(
        self, request: wire.WithdrawPolicyRequest, context: Any
    ) -> wire.WithdrawPolicyResponse:
        return await self._training.withdraw(request)
