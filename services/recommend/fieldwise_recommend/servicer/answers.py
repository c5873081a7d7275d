"""AnswerService on the wire; knows no statistics and no SQL."""

from __future__ import annotations

from typing import Any

from fieldwise.recommend.v1 import answer_service_pb2 as wire
from fieldwise.recommend.v1.answer_service_pb2_grpc import AnswerServiceServicer
from fieldwise_recommend.answering import Answering

# grpc.aio and grpc have contexts of different types; no method here uses its own.
Context = Any


class AnswerWire(AnswerServiceServicer):
    """Each method hands its request to the use case that answers it."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    async def LearnAnswers(self, request: wire.LearnAnswersRequest, context: Context) -> wire.Answers:
        return await self._answering.learn(request)

    async def GetAnswers(self, request: wire.GetAnswersRequest, context: Context) -> wire.Answers:
        return self._answering.shown()
