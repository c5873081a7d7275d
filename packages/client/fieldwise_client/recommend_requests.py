"""What is asked of actions and policies beyond the gateway's own calls: methods and requests. Knows no channel."""

from __future__ import annotations

from fieldwise.recommend.v1 import recommend_service_pb2 as recommend
from fieldwise_client.talks import M, Method


def of_recommend(service: str, method: str, answer: type[M]) -> Method[M]:
    """A method of one of recommend's services, asked at the gateway."""
    return Method("gateway", f"/fieldwise.recommend.v1.{service}/{method}", answer)


LIST_ACTIONS = of_recommend("RecommendService", "ListActions", recommend.ListActionsResponse)
