"""Requests about ways to choose actions: to value them by what was recorded. Knows no channel."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from google.longrunning import operations_pb2

from fieldwise.recommend.v1 import policy_pb2, policy_service_pb2
from fieldwise_client.names import new_request_id, resource
from fieldwise_client.recommend_requests import of_recommend
from fieldwise_client.requests import timestamp

EVALUATE_POLICY = of_recommend("PolicyService", "EvaluatePolicy", policy_service_pb2.EvaluatePolicyResponse)
TRAIN_POLICY = of_recommend("PolicyService", "TrainPolicy", operations_pb2.Operation)
LIST_VERSIONS = of_recommend(
    "PolicyService", "ListPolicyVersions", policy_service_pb2.ListPolicyVersionsResponse
)
RELEASE_VERSION = of_recommend("PolicyService", "ReleasePolicyVersion", policy_pb2.PolicyVersion)
WITHDRAW_POLICY = of_recommend("PolicyService", "WithdrawPolicy", policy_service_pb2.WithdrawPolicyResponse)
TRAIN_SECONDS = 3_600.0
# A million decisions.
EVALUATE_SECONDS = 600.0


def policy(*rules: tuple[str, str], title: str = "") -> policy_pb2.PolicyToEvaluate:
    """A policy of (action, condition) rules, tried in order; an empty condition always holds. None leaves everybody alone."""
    steps = [policy_pb2.PolicyRule(action=action, when=when) for action, when in rules]
    return policy_pb2.PolicyToEvaluate(title=title, rules=steps)


def learned_policy(version: str) -> policy_pb2.PolicyToEvaluate:
    """A learned version, ``policies/3`` or ``3``, to be valued by decisions made after it was learned."""
    return policy_pb2.PolicyToEvaluate(version=resource("policies", version))


def evaluate_policy(
    policies: Iterable[policy_pb2.PolicyToEvaluate],
    since: datetime | None,
    until: datetime | None,
    reward: str,
    confidence: float | None,
) -> policy_service_pb2.EvaluatePolicyRequest:
    """Raises ValueError for a reward that is none."""
    request = policy_service_pb2.EvaluatePolicyRequest(policies=policies, confidence=confidence)
    request.reward = policy_pb2.PolicyReward.Value(f"POLICY_REWARD_{reward.upper()}")
    if since is not None:
        request.start_time.CopyFrom(timestamp("since", since))
    if until is not None:
        request.end_time.CopyFrom(timestamp("until", until))
    return request


def train_policy(since: datetime | None, request_id: str | None) -> policy_service_pb2.TrainPolicyRequest:
    request = policy_service_pb2.TrainPolicyRequest(request_id=request_id or new_request_id())
    if since is not None:
        request.start_time.CopyFrom(timestamp("since", since))
    return request


def release_policy(version: str, override_reason: str) -> policy_service_pb2.ReleasePolicyVersionRequest:
    """Takes ``policies/3`` or ``3``."""
    name = resource("policies", version)
    return policy_service_pb2.ReleasePolicyVersionRequest(name=name, override_reason=override_reason)
