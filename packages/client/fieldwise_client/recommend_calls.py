"""The synchronous client's calls about actions, policies and what they caused. Thin; requests are in modules of their own."""

from __future__ import annotations

from fieldwise.recommend.v1 import recommend_service_pb2 as recommend
from fieldwise_client import recommend_requests as of_actions
from fieldwise_client.caller import Caller


class RecommendCalls(Caller):
    """Actions, the policies that choose among them, and what they caused."""

    def actions(self, *, timeout: float = 10.0) -> recommend.ListActionsResponse:
        """The catalogue in force."""
        return self._send(of_actions.LIST_ACTIONS, recommend.ListActionsRequest(), timeout)
