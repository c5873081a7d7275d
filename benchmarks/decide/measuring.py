"""The timed pieces of a round: one by one, concurrent, in batches; knows no target."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.decide.systems import System
from benchmarks.processes import cpu_seconds

CONCURRENT = 32
# Spans leave a process every 0.4 s and are stored on arrival: after this the tracing of a round is paid for.
SETTLE_SECONDS = 0.7


@dataclass
class Measured:
    """One system's figures, a number per round: seconds, CPU seconds a request, requests a second under load."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    loaded_rps: list[float] = field(default_factory=list)
    loaded_cpu: list[float] = field(default_factory=list)


@dataclass
class Batches:
    """Batches, a number per round: CPU seconds a decision, decisions a second."""

    cpu: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)


class Turns:
    """Customers in a shuffled order that goes round: each round takes the next ones."""

    def __init__(self, customers: Sequence[str], seed: int = 5) -> None:
        self._order = list(customers)
        random.Random(seed).shuffle(self._order)
        self._next = 0
        self.taken: set[str] = set()

    def take(self, count: int) -> list[str]:
        """The next ``count``, all different as long as there are so many."""
        taken = [self._order[(self._next + i) % len(self._order)] for i in range(count)]
        self._next = (self._next + count) % len(self._order)
        self.taken.update(taken)
        return taken

    def until(self, ends: float) -> Iterator[str]:
        """One after the other until a moment of the monotonic clock."""
        while time.monotonic() < ends:
            yield self.take(1)[0]


async def one_by_one(system: System, customers: Sequence[str], measured: Measured) -> None:
    """Each request after the answer to the one before."""
    before = cpu_seconds(system.pids)
    seconds = []
    for customer in customers:
        begun = time.perf_counter()
        await system.ask(customer)
        seconds.append(time.perf_counter() - begun)
    await asyncio.sleep(SETTLE_SECONDS)
    measured.cpu.append((cpu_seconds(system.pids) - before) / len(customers))
    measured.p50.append(statistics.median(seconds))
    measured.p99.append(statistics.quantiles(seconds, n=100)[-1])


async def under_load(
    system: System, turns: Turns, seconds: float, measured: Measured, concurrent: int = CONCURRENT
) -> int:
    """So many at a time for so long; how many were answered."""
    before, begun = cpu_seconds(system.pids), time.monotonic()
    answered = await concurrently(system.ask, turns.until(begun + seconds), concurrent)
    measured.loaded_rps.append(answered / (time.monotonic() - begun))
    await asyncio.sleep(SETTLE_SECONDS)
    measured.loaded_cpu.append((cpu_seconds(system.pids) - before) / answered)
    return answered


async def concurrently(
    ask: Callable[[str], Awaitable[object]], customers: Iterable[str], concurrent: int
) -> int:
    """Ask for every customer, so many at a time; how many were answered."""
    shared = iter(customers)
    answered = 0

    async def worker() -> None:
        nonlocal answered
        for customer in shared:
            await ask(customer)
            answered += 1

    await asyncio.gather(*(worker() for _ in range(concurrent)))
    return answered


async def batched(
    batch: Callable[[Sequence[str]], Awaitable[object]],
    pids: Sequence[int],
    asked: Sequence[Sequence[str]],
    batches: Batches,
) -> None:
    """Each batch after the answer to the one before."""
    before, begun = cpu_seconds(pids), time.monotonic()
    for customers in asked:
        await batch(customers)
    took = time.monotonic() - begun
    await asyncio.sleep(SETTLE_SECONDS)
    decisions = sum(map(len, asked))
    batches.per_second.append(decisions / took)
    batches.cpu.append((cpu_seconds(pids) - before) / decisions)
