"""Takes exports, holds their traces until they are quiet, and keeps those that sampling keeps; knows no wire."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from fieldwise_gateway.traces.core.held import Held, quiet
from fieldwise_gateway.traces.core.sampling import Durations, Policy, verdict
from fieldwise_gateway.traces.core.summary import Summary
from fieldwise_gateway.traces.otlp import hold, part_of
from fieldwise_gateway.traces.store import Settled, TraceStore
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# Processes send what they have every 0.4 s: after so long without a span one more is not to be expected.
QUIET_SECONDS = 2.0
# A stream of an hour is settled in parts.
LONGEST_SECONDS = 15.0
_LOOK_SECONDS = 0.5
# Traces settled in one transaction: exports wait for it.
_AT_ONCE = 200
# Traces that somebody asked for, and those that were given up, whose late spans follow them. Some 100 bytes each.
_REMEMBERED = 20_000


@dataclass
class Sampled:
    """What sampling gave up since the start."""

    traces: int = 0
    spans: int = 0


class Keeper:
    """Traces under way and stored ones, as one."""

    def __init__(self, store: TraceStore, policy: Policy) -> None:
        self._store = store
        self._policy = policy
        self._held: dict[bytes, Held] = {}
        self._durations = Durations(policy.slow_quantile, round(policy.slow_seconds * 1e9))
        self._asked: OrderedDict[bytes, None] = OrderedDict()
        self._given_up: OrderedDict[bytes, None] = OrderedDict()
        self._looking: asyncio.Task[None] | None = None
        self._settling = asyncio.Lock()
        self._newest = 0
        self.undecided = 0
        self.sampled = Sampled()

    @property
    def spans(self) -> int:
        """Spans held, decided about or not."""
        return self._store.spans + self.undecided

    async def open(self) -> None:
        """Take over what a process before this one left, and look after quiet traces from now on."""
        for position, body in await self._store.unsettled():
            self._hold(ExportTraceServiceRequest.FromString(body), position)
        self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Settle everything and stop."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        await self.settle(list(self._held))

    async def take(self, request: ExportTraceServiceRequest) -> tuple[int, int]:
        """Keep an export; returns when its spans survive a crash of the process.

        Returns:
            Spans that were not under way already, and spans refused for their ids.
        """
        position = await self._store.journal(request.SerializeToString())
        added, refused = self._hold(request, position)
        if self.spans > self._store.capacity:
            await self.settle(list(self._held))
        return added, refused

    def _hold(self, request: ExportTraceServiceRequest, position: int) -> tuple[int, int]:
        added, refused = hold(request, self._held, time.monotonic(), position)
        self._newest = max(self._newest, position)
        self.undecided += added
        return added, refused

    async def trace(self, trace_id: bytes) -> bytes:
        """Every span of a trace that came, as one message; empty when none did. It counts as asked for from now on."""
        _remember(self._asked, trace_id)
        # What is being settled now is in neither place for a moment.
        async with self._settling:
            held = self._held.get(trace_id)
            under_way = part_of(held) if held is not None else b""
            return await self._store.trace(trace_id) + under_way

    async def trace_of(self, name: str) -> bytes | None:
        """The newest trace in which something was made; None when unknown."""
        async with self._settling:
            under_way = [trace_id for trace_id, held in self._held.items() if name in held.names]
            return under_way[-1] if under_way else await self._store.trace_of(name)

    async def settled(self) -> None:
        """Settle what can be settled now: all that is held, where sampling keeps everything."""
        if self._policy.share >= 1:
            await self.settle(list(self._held))

    async def settle(self, trace_ids: list[bytes]) -> None:
        """Decide about traces, keep or give up what is held of them."""
        async with self._settling:
            while trace_ids:
                some, trace_ids = trace_ids[:_AT_ONCE], trace_ids[_AT_ONCE:]
                await self._settle(some)

    async def _settle(self, trace_ids: list[bytes]) -> None:
        taken = {trace_id: self._held[trace_id] for trace_id in trace_ids if trace_id in self._held}
        known = await self._store.lines(taken) if self._policy.share < 1 else {}
        parts = []
        given_up = []
        # Spans that come meanwhile begin a part of their own; until it is written, what was taken is still here.
        for trace_id, held in taken.items():
            because = known[trace_id].because if trace_id in known else self._verdict(trace_id, held)
            if because:
                parts.append(_settled(trace_id, held, because))
            else:
                given_up.append(trace_id)
        for trace_id in taken:
            del self._held[trace_id]
        below = min((held.first_export for held in self._held.values()), default=self._newest + 1)
        try:
            await self._store.settle(parts, below)
        except (FieldwiseError, asyncio.CancelledError):
            self._put_back(taken)
            raise
        for trace_id in given_up:
            if trace_id not in self._given_up:
                self.sampled.traces += 1
            self.sampled.spans += taken[trace_id].spans
            _remember(self._given_up, trace_id)
        self.undecided -= sum(held.spans for held in taken.values())

    def _put_back(self, taken: dict[bytes, Held]) -> None:
        for trace_id, held in taken.items():
            newer = self._held.get(trace_id)
            self._held[trace_id] = held if newer is None else held.joined(newer)

    def _verdict(self, trace_id: bytes, held: Held) -> str:
        summary = held.summary()
        return verdict(
            # Late spans of a trace that was given up stay only for what they tell themselves.
            Policy(share=0.0) if trace_id in self._given_up else self._policy,
            trace_id,
            error=held.error,
            slow=self._is_slow(held, summary),
            degraded=held.degraded,
            asked=trace_id in self._asked,
        )

    def _is_slow(self, held: Held, summary: Summary) -> bool:
        # What goes on while others are long quiet is slow; so is its beginning, whose root has not come.
        if held.last_at - held.first_at >= LONGEST_SECONDS - QUIET_SECONDS:
            return True
        return held.is_root and self._durations.is_slow(summary.root, summary.duration_ns)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self.settle(quiet(self._held, time.monotonic(), QUIET_SECONDS, LONGEST_SECONDS))
            except FieldwiseError as error:
                log.warning("traces not settled", reason=error.reason)


def _settled(trace_id: bytes, held: Held, because: str) -> Settled:
    ids = sorted(span_id for bodies in held.bodies.values() for span_id in bodies)
    fingerprint = hashlib.blake2b(b"".join(ids), digest_size=8).digest()
    return Settled(trace_id, fingerprint, part_of(held), held.summary(), tuple(held.names), because)


def _remember(known: OrderedDict[bytes, None], trace_id: bytes) -> None:
    known[trace_id] = None
    known.move_to_end(trace_id)
    if len(known) > _REMEMBERED:
        known.popitem(last=False)
