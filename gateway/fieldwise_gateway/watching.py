"""The streams that keep what is held true: changed customers, models that score, terms; knows no decision."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

import grpc.aio

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.forecast.v1 import forecast_service_pb2 as forecast_pb
from fieldwise.profile.v1 import consent_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.holding import Holding
from fieldwise_runtime.errors import reason_of
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.tracing import unrecorded

log = get_logger(__name__)

_AGAIN_SECONDS: Final = 0.2
# Customers read again at once, and the pause after it: what keeps memory warm must not keep the services busy.
_WARMED_AT_ONCE: Final = 64
_WARM_EVERY_SECONDS: Final = 0.2


class Watching:
    """Follows the services for as long as it runs.

    Args:
        warm: Asks for customers again.
        news: Set when customers changed.
    """

    def __init__(
        self,
        backends: Backends,
        holding: Holding,
        warm: Callable[[Sequence[str]], Awaitable[None]],
        news: asyncio.Event,
    ) -> None:
        self._news = news
        self._backends = backends
        self._holding = holding
        self._warm = warm

    async def follow(self) -> None:
        """Follow for ever; a stream that ends is begun again, and until it tells something nothing is used."""
        await asyncio.gather(
            self._stream("changes", self._changes),
            self._stream("models", self._models),
            self._stream("terms", self._terms),
            self._keep_warm(),
        )

    async def _stream(self, name: str, told: Callable[[], AsyncIterator[None]]) -> None:
        fault = ""
        while True:
            try:
                with unrecorded():
                    async for _ in told():
                        self._holding.alive(name)
                        fault = ""
                found = "ended"
            except grpc.aio.AioRpcError as error:
                found = reason_of(error)
            except Exception as error:  # Whatever it is, nothing is used until the stream tells again.
                found = reason_of(error)
            self._holding.lost(name)
            if found != fault:
                log.warning("stream lost", stream=name, reason=found)
            fault = found
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _changes(self) -> AsyncIterator[None]:
        asked = profile_pb.WatchChangesRequest(purpose=consent_pb2.PURPOSE_UPKEEP)
        call: Any = self._backends.profile.WatchChanges(asked)
        async for told in call:
            if self._holding.changed(told.customers, told.versions):
                self._news.set()
            yield

    async def _models(self) -> AsyncIterator[None]:
        call: Any = self._backends.forecast.WatchModels(forecast_pb.WatchModelsRequest())
        async for told in call:
            self._holding.models(tuple(told.versions))
            yield

    async def _terms(self) -> AsyncIterator[None]:
        call: Any = self._backends.allocation.WatchTerms(allocation_pb.WatchTermsRequest())
        async for told in call:
            self._holding.terms.take(told)
            yield

    async def _keep_warm(self) -> None:
        while True:
            await asyncio.sleep(_WARM_EVERY_SECONDS)
            names = self._holding.to_warm(_WARMED_AT_ONCE)
            if not names:
                continue
            try:
                with unrecorded():
                    await self._warm(names)
            except Exception as error:  # The next decision asks by itself.
                log.warning("customers not read again", customers=len(names), reason=reason_of(error))
