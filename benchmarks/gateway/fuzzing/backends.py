"""Four services that answer at once, in the same process: what stands behind a gateway that is fuzzed; knows no rule."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

import grpc
import grpc.aio

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb


def _profiles(raw: bytes) -> Any:
    asked = profile_pb.BatchGetProfilesRequest.FromString(raw)
    return profile_pb.BatchGetProfilesResponse(not_found=asked.names)


def _scores(raw: bytes) -> Any:
    asked = forecast_pb.ScoreCustomersRequest.FromString(raw)
    answer = forecast_pb.ScoreCustomersResponse()
    for each in asked.customers:
        answer.scores.add(customer=each.customer)
    return answer


def _terms(raw: bytes) -> Any:
    asked = allocation_pb.LookUpTermsRequest.FromString(raw)
    return allocation_pb.LookUpTermsResponse(reps=[""] * len(asked.customers))


def _decisions(raw: bytes) -> Any:
    asked = recommend_pb.BatchRecommendActionsRequest.FromString(raw)
    answer = recommend_pb.BatchRecommendActionsResponse()
    for each in asked.inputs:
        decision = answer.decided.add().decision
        decision.name, decision.customer, decision.request_id = each.decision, each.customer, each.request_id
    return answer


# Those whose answer has to fit the question; all others answer with an empty message.
_ANSWERS: dict[str, Callable[[bytes], Any]] = {
    "BatchGetProfiles": _profiles,
    "ScoreCustomers": _scores,
    "LookUpTerms": _terms,
    "BatchRecommendActions": _decisions,
}


class Answering:
    """A channel whose other end answers at once."""

    def unary_unary(self, method: str, _serialize: Any = None, read: Any = None, *_: Any, **__: Any) -> Any:
        answer = _ANSWERS.get(method.rpartition("/")[2])

        def call(raw: bytes, **_options: Any) -> _Call:
            return _Call(b"" if answer is None else answer(raw).SerializeToString(), read)

        return call

    def unary_stream(self, method: str, _serialize: Any = None, read: Any = None, *_: Any, **__: Any) -> Any:
        return lambda _raw, **_options: _Call(b"", read)

    def stream_unary(self, method: str, _serialize: Any = None, read: Any = None, *_: Any, **__: Any) -> Any:
        return lambda asked, **_options: _Call(b"", read, asked)

    def stream_stream(self, method: str, _serialize: Any = None, read: Any = None, *_: Any, **__: Any) -> Any:
        return lambda asked, **_options: _Call(b"", read, asked)

    async def close(self, _grace: float | None = None) -> None:
        """Nothing is open."""

    async def channel_ready(self) -> None:
        """It always is."""

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return grpc.ChannelConnectivity.READY


class _Call:
    """One call: an answer, and one for each message of a stream."""

    def __init__(self, raw: bytes, read: Any, asked: Any = None) -> None:
        self._raw = raw
        self._read = read or (lambda each: each)
        self._asked = asked
        self._written = 0

    def __await__(self) -> Generator[Any, None, Any]:
        return self._whole().__await__()

    async def _whole(self) -> Any:
        async for _ in self._requests():
            pass
        return self._read(self._raw)

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for _ in self._requests():
            yield self._read(self._raw)

    async def _requests(self) -> AsyncIterator[Any]:
        if self._asked is not None:
            async for each in self._asked:
                yield each

    async def write(self, _raw: bytes) -> None:
        self._written += 1

    async def done_writing(self) -> None:
        """Nothing waits for it."""

    async def read(self) -> Any:
        if not self._written:
            return grpc.aio.EOF
        self._written -= 1
        return self._read(self._raw)

    def cancel(self) -> bool:
        return False

    def add_done_callback(self, _callback: Any) -> None:
        """It was over when it began."""

    async def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.OK

    async def trailing_metadata(self) -> tuple[()]:
        return ()
