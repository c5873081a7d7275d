"""The asynchronous client's calls about actions, policies and what they caused. Thin; requests are in modules of their own."""

from __future__ import annotations

from fieldwise.recommend.v1 import recommend_service_pb2 as recommend
from fieldwise_client import recommend_requests as of_actions
from fieldwise_client.aio_caller import AsyncCaller


class AsyncRecommendCalls(AsyncCaller):
    """Actions, the policies that choose among them, and what they caused."""

    async def actions(self, *, timeout: float = 10.0) -> recommend.ListActionsResponse:
        """The catalogue in force."""
        return await self._send(of_actions.LIST_ACTIONS, recommend.ListActionsRequest(), timeout)
