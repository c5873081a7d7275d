"""Four services that take every question and never answer, and say when each question was given up; know no rule."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import grpc.aio

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb

# What a decision asks, and how its customers are read from it.
ASKED: Final = {
    "/fieldwise.profile.v1.ProfileService/BatchGetProfiles": lambda raw: list(
        profile_pb.BatchGetProfilesRequest.FromString(raw).names
    ),
    "/fieldwise.forecast.v1.ForecastService/ScoreCustomers": lambda raw: [
        each.customer for each in forecast_pb.ScoreCustomersRequest.FromString(raw).customers
    ],
    "/fieldwise.allocation.v1.AllocationService/LookUpTerms": lambda raw: list(
        allocation_pb.LookUpTermsRequest.FromString(raw).customers
    ),
    "/fieldwise.recommend.v1.RecommendService/BatchRecommendActions": lambda raw: [
        each.customer for each in recommend_pb.BatchRecommendActionsRequest.FromString(raw).inputs
    ],
}


@dataclass
class Question:
    """One question of a decision: for whom, and when it was given up (time.monotonic(); 0 while it was not)."""

    method: str
    customers: list[str]
    given_up: float = 0.0


@dataclass
class Hanging(grpc.GenericRpcHandler):
    """Handlers of everything but health."""

    questions: list[Question] = field(default_factory=list)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        path = handler_call_details.method
        if path.startswith("/grpc."):
            return None
        return grpc.unary_unary_rpc_method_handler(self._hang(path))

    def _hang(self, path: str) -> Any:
        async def hang(raw: bytes, _context: Any) -> bytes:
            read = ASKED.get(path)
            question = Question(path.rpartition("/")[2], read(raw)) if read else None
            if question is not None:
                self.questions.append(question)
            try:
                await asyncio.Event().wait()
            finally:
                if question is not None:
                    question.given_up = time.monotonic()
            return b""

        return hang


async def serving(hanging: Hanging) -> tuple[grpc.aio.Server, dict[str, str]]:
    """One server that is all four services; their addresses by setting."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((hanging,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    names = ("PROFILE", "FORECAST", "ALLOCATION", "RECOMMEND")
    return server, {f"FIELDWISE_{name}_ADDRESS": f"127.0.0.1:{port}" for name in names}
