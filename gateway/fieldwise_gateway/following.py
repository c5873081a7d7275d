"""Follows profile's log of changes, so that snapshots obey a consent, a merge or an erasure; knows no rule of consent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import consent_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.snapshots import Snapshots
from fieldwise_runtime.errors import reason_of
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.tracing import carry, unrecorded

log = get_logger(__name__)

# Between two looks while customers change, and while nobody tells that they do: what is obeyed within a second.
_EVERY_SECONDS: Final = 0.25
_QUIET_SECONDS: Final = 0.75
_ANSWER_SECONDS: Final = 2.0
_PAGE: Final = 10_000
_CHUNK: Final = 500
# Its answer is given when the gateway itself obeys; whatever else changes is obeyed with the next look.
SET_CONSENT: Final = "/fieldwise.profile.v1.PrivacyService/SetConsent"
# What may be used of a customer changes with these; an event only adds to what is known.
_KINDS: Final = (
    profile_pb.CHANGE_KIND_CONSENT,
    profile_pb.CHANGE_KIND_IDENTITY,
    profile_pb.CHANGE_KIND_ERASED,
)


class Follower:
    """Forgets the snapshot of each customer who changed, and reads it again as it may be used now.

    Args:
        news: Set by whoever hears that customers changed.
    """

    def __init__(
        self, backends: Backends, snapshots: Snapshots, now: Callable[[], datetime], news: asyncio.Event
    ) -> None:
        self._news = news
        self._profile = backends.profile
        self._snapshots = snapshots
        self._now = now
        self._position = ""
        self._fault = ""
        self._looking = asyncio.Lock()

    async def follow(self) -> None:
        """Follow for ever; while profile does not answer, no change can come in either."""
        while True:
            self._news.clear()
            await self.look()
            await asyncio.sleep(_EVERY_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(_QUIET_SECONDS - _EVERY_SECONDS):
                    await self._news.wait()

    async def look(self) -> None:
        """Obey everything that changed since the last look; what goes wrong is logged, and left to the next look."""
        async with self._looking:
            try:
                with unrecorded():
                    await self._obey()
            except Exception as error:  # A follower that ended would let snapshots disobey in silence.
                self._failed(error)
            else:
                self._fault = ""

    async def _obey(self) -> None:
        if not self._position:
            await self._begin()
        while True:
            page = await self._changes(profile_pb.ListChangesRequest(page_token=self._position))
            gone = self._snapshots.forget({change.customer for change in page.changes})
            self._position = page.next_page_token or self._position
            await self._read_again(gone)
            if len(page.changes) < _PAGE:
                return

    async def _begin(self) -> None:
        page = await self._changes(profile_pb.ListChangesRequest(from_now=True))
        self._position = page.next_page_token
        # What was read before the position was known may have changed unseen.
        await self._read_again(self._snapshots.names)

    async def _changes(self, request: profile_pb.ListChangesRequest) -> profile_pb.ListChangesResponse:
        request.purpose = consent_pb2.PURPOSE_UPKEEP
        request.page_size = _PAGE
        request.kinds.extend(_KINDS)
        return await self._profile.ListChanges(request, timeout=_ANSWER_SECONDS)

    async def _read_again(self, names: list[str]) -> None:
        """A snapshot that only says what is refused is worth more than none: it holds while profile is away."""
        as_of = Timestamp()
        as_of.FromDatetime(self._now())
        for start in range(0, len(names), _CHUNK):
            moment = self._snapshots.moment
            read = await self._profile.BatchGetProfiles(
                profile_pb.BatchGetProfilesRequest(
                    names=names[start : start + _CHUNK], as_of=as_of, purpose=consent_pb2.PURPOSE_DECISION
                ),
                timeout=_ANSWER_SECONDS,
            )
            self._snapshots.keep_profiles(read.profiles, carry(), moment)

    def _failed(self, error: Exception) -> None:
        fault = reason_of(error)
        if isinstance(error, grpc.aio.AioRpcError) and error.code() == grpc.StatusCode.INVALID_ARGUMENT:
            # The log is another one than before, restored from a copy perhaps: nobody knows what changed in it.
            self._snapshots.forget_profiles()
            self._position = ""
        if fault != self._fault:
            log.warning("changes not followed", reason=fault)
        self._fault = fault
