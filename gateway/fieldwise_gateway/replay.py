"""GetDecision: one stored decision, and on request its replay from the recorded inputs and the named models."""

from __future__ import annotations

import grpc
import grpc.aio

from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise.forecast.v1 import score_pb2
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb
from fieldwise_gateway.backends import Backends


async def get_decision(
    backends: Backends, request: gateway_pb.GetDecisionRequest
) -> gateway_pb.GetDecisionResponse:
    """The decision as stored; with ``replay``, also as recomputed; with ``explain``, and what would have changed it.

    Raises:
        RpcError: NOT_FOUND from recommend when the decision is not known.
    """
    asked = recommend_pb.GetDecisionRequest(name=request.name, explain=request.explain)
    decision = await backends.recommend.GetDecision(asked)
    response = gateway_pb.GetDecisionResponse(decision=decision)
    if request.replay:
        response.replay.CopyFrom(await _replay(backends, request.name))
    return response


async def _replay(backends: Backends, name: str) -> gateway_pb.Replay:
    replayed = await backends.recommend.ReplayDecision(recommend_pb.ReplayDecisionRequest(name=name))
    replay = gateway_pb.Replay(decision=replayed.decision, identical=replayed.identical)
    difference = await _score_difference(backends, replayed.inputs)
    if difference is not None:
        replay.score_difference = difference
    return replay


async def _score_difference(backends: Backends, inputs: decision_pb2.DecisionInputs) -> float | None:
    versions = [each.model_version for each in inputs.scores.predictions if each.model_version]
    if not versions or not inputs.HasField("profile"):
        return None
    request = forecast_pb.ScoreCustomersRequest(
        decision_time=inputs.decision_time,
        customers=[forecast_pb.CustomerFeatures(customer=inputs.customer, features=inputs.profile.features)],
        model_versions=versions,
    )
    try:
        answer = await backends.forecast.ScoreCustomers(request)
    except grpc.aio.AioRpcError as error:
        if error.code() == grpc.StatusCode.NOT_FOUND:  # The version is not kept any more.
            return None
        raise
    return _largest_difference(inputs.scores, answer.scores[0])


def _largest_difference(recorded: score_pb2.CustomerScores, now: score_pb2.CustomerScores) -> float:
    # A prior has no version, and is not rescored.
    probabilities = {each.model_version: each.probability for each in now.predictions if each.model_version}
    return max(
        (
            abs(each.probability - probabilities[each.model_version])
            for each in recorded.predictions
            if each.model_version in probabilities
        ),
        default=0.0,
    )
