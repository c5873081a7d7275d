"""Requests about ways to choose actions: to value them by what was recorded. Knows no channel."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fieldwise.recommend.v1 import policy_pb2, policy_service_pb2
from fieldwise_client.recommend_requests import of_recommend

EVALUATE_POLICY = of_recommend("PolicyService", "EvaluatePolicy", policy_service_pb2.EvaluatePolicyResponse)
# A million decisions.
EVALUATE_SECONDS = 600.0


def policy(*rules: tuple[str, str], title: str = "") -> policy_pb2.PolicyToEvaluate:
    """A policy of (action, condition) rules, tried in order; an empty condition always holds. None leaves everybody alone."""
    steps = [policy_pb2.PolicyRule(action=action, when=when) for action, when in rules]
    return policy_pb2.PolicyToEvaluate(title=title, rules=steps)


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
        request.start_time.FromDatetime(since)
    if until is not None:
        request.end_time.FromDatetime(until)
    return request
