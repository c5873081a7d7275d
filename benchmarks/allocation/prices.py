"""Prices of a million customers: certified gap and CPU seconds, beside OR-Tools' own solvers; intake and memory of ten million.

CPU seconds are those of the solving process, one thread, with its modules imported and its loops compiled. Both stand apart: they
are paid once in a process, and compiling once on a machine.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.allocation.price_peers import PEERS, solved_by, whole_programme
from benchmarks.allocation.price_world import ACTIONS, capped, field, tied
from benchmarks.report import Row
from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import price_pb2
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_allocation.__main__ import TURN_SECONDS
from fieldwise_allocation.core.prices.clearing import clear
from fieldwise_allocation.core.prices.market import Floats, Market
from fieldwise_allocation.core.prices.outcome import Clearing
from fieldwise_allocation.core.prices.survey import survey
from fieldwise_allocation.price_intake import Intake

MILLION, SMALLER, REPS = 1_000_000, 100_000, 400
SEEDS = (1, 2, 3)
# A peer is stopped at so many times our CPU seconds.
PATIENCE = 10.0


def rows(*, quick: bool) -> Iterator[Row]:
    """Every figure; a quick run takes one seed, and few resources only."""
    seeds = SEEDS[:1] if quick else SEEDS
    clear(capped(4_000, 0))  # imports and compiles
    yield from _large(seeds)
    yield from _beside_peers("6 resources", lambda seed: capped(SMALLER, seed), seeds)
    if not quick:
        yield from _beside_peers("403 resources", lambda seed: field(SMALLER, REPS, seed), seeds[:2])
        yield from _many_resources(seeds[:2])
    yield from _alike(seeds[0])
    yield from _intake(200_000 if quick else 1_000_000)
    yield from _memory(MILLION, seeds[0])


def _solved(market: Market) -> tuple[Clearing, float]:
    begun = time.process_time()
    found = clear(market)
    return found, time.process_time() - begun


def _large(seeds: tuple[int, ...]) -> Iterator[Row]:
    runs = [_solved(capped(MILLION, seed)) for seed in seeds]
    gap, seconds = max(found.gap for found, _ in runs), [spent for _, spent in runs]
    what = (
        f"{MILLION:,} customers x {ACTIONS} actions, budget and 5 caps, worst or median of {len(seeds)} seeds"
    )
    yield Row(f"certified gap: {what}", 100 * gap, "%", "must", "<= 0.1")
    yield Row("  the same", 100 * gap, "%", "stretch", "<= 0.05")
    yield Row("  CPU seconds, median", median(seconds), "s", "must", "<= 10")
    yield Row("  the same", median(seconds), "s", "stretch", "<= 6")
    yield Row("  CPU seconds, most", max(seconds), "s")


def _beside_peers(name: str, make: Callable[[int], Market], seeds: tuple[int, ...]) -> Iterator[Row]:
    ours, gaps = [], []
    theirs: dict[str, list[float]] = {peer: [] for peer in PEERS}
    above: dict[str, list[float]] = {peer: [] for peer in PEERS}
    for seed in seeds:
        market = make(seed)
        found, seconds = _solved(market)
        ours.append(seconds)
        gaps.append(found.gap)
        model = whole_programme(market)
        for peer in PEERS:
            outcome = solved_by(peer, model, len(market.capacity), PATIENCE * seconds)
            theirs[peer].append(outcome.seconds / seconds)
            if outcome.price is not None:
                above[peer].append(_bound(market, outcome.price) / found.bound - 1)
    yield Row(f"{SMALLER:,} customers, {name}: CPU seconds", median(ours), "s")
    yield Row("  certified gap, worst", 100 * max(gaps), "%", "must", "<= 0.1")
    for peer in PEERS:
        done = f"{len(above[peer])} of {len(seeds)} done in {PATIENCE:g} times our CPU"
        yield Row(f"  {peer}'s CPU seconds over ours ({done})", median(theirs[peer]), "x", "must", "> 1")
        if above[peer]:
            yield Row(f"  {peer}'s bound above ours", 100 * median(above[peer]), "%")


def _bound(market: Market, price: Floats) -> float:
    return survey(market, price, np.zeros_like(price)).bound


def _many_resources(seeds: tuple[int, ...]) -> Iterator[Row]:
    runs = [_solved(field(MILLION, REPS, seed)) for seed in seeds]
    yield Row(
        f"certified gap: {MILLION:,} customers x {ACTIONS} actions, minutes of {REPS} reps, budget, slots",
        100 * max(found.gap for found, _ in runs),
        "%",
        "must",
        "<= 0.1",
    )
    yield Row("  CPU seconds, median", median(spent for _, spent in runs), "s")


def _alike(seed: int) -> Iterator[Row]:
    found, seconds = _solved(tied(MILLION, seed))
    yield Row(f"certified gap: {MILLION:,} customers of 20 kinds", 100 * found.gap, "%", "must", "<= 0.1")
    yield Row("  CPU seconds", seconds, "s")


# ---- intake and memory --------------------------------------------------------------------------------------------


def price_message(first: int, candidates: int) -> bytes:
    message = service_pb2.SolvePricesRequest()
    for i in range(first, first + candidates):
        message.candidates.add(
            customer=f"customers/{i // ACTIONS:08}",
            action=f"actions/{i % ACTIONS}",
            value=Money(currency_code="USD", micros=1_000_000 + i % 9_973),
            uses=[
                price_pb2.Use(resource="coupon-money", amount=1.0 + i % 7),
                price_pb2.Use(resource="email-slots", amount=1.0),
            ],
        )
    return message.SerializeToString()


def _intake(candidates: int) -> Iterator[Row]:
    """As the server takes candidates in: large messages are parsed in a thread (`fieldwise_runtime.calls`), and read there."""
    # What markets of other parts have left is no matter of the collector's, as in a server (`fieldwise_runtime.server`).
    gc.freeze()
    sys.setswitchinterval(TURN_SECONDS)
    for size, level in ((10_000, "must"), (100_000, "must")):
        raw = [price_message(first, size) for first in range(0, candidates, size)]
        seconds, hold = asyncio.run(_taken_in(raw))
        yield Row(f"intake, messages of {size:,}: candidates per CPU second", candidates / seconds, "1/s")
        yield Row("  longest hold of the event loop", 1000 * hold, "ms", level, "<= 50")


async def _taken_in(raw: list[bytes]) -> tuple[float, float]:
    """(CPU seconds, most of them spent between two turns of another task: how long it waits on a machine with nothing else to do)."""
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            spent = time.process_time()
            await asyncio.sleep(0.001)
            longest = max(longest, time.process_time() - spent)

    with tempfile.TemporaryDirectory() as folder:
        intake = Intake({"coupon-money": 0, "email-slots": 1}, "USD", Path(folder))
        ticking = asyncio.create_task(tick())
        begun = time.process_time()
        for each in raw:
            await asyncio.to_thread(_take, intake, each)
        seconds = time.process_time() - begun
        ticking.cancel()
    return seconds, longest


def _take(intake: Intake, raw: bytes) -> None:
    intake.take(service_pb2.SolvePricesRequest.FromString(raw))


def _memory(customers: int, seed: int) -> Iterator[Row]:
    """A market in files, as the service leaves it, priced by a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        market = capped(customers, seed)
        _written(market, Path(folder))
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        program = f"from benchmarks.allocation.prices import priced_alone; priced_alone({folder!r}, {market.capacity.tolist()!r})"
        del market
        told = subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        ).stdout.split()
    seconds, peak = (float(word) for word in told)
    yield Row(f"{customers * ACTIONS:,} candidates from files: size of the files", size / 2**20, "MiB")
    yield Row("  peak memory of the process", peak, "MiB", "must", "<= 2048")
    yield Row("  its CPU seconds, imports, ordering and loading of compiled code included", seconds, "s")


def _written(market: Market, folder: Path) -> None:
    rng = np.random.default_rng(0)
    columns: dict[str, npt.NDArray[Any]] = {
        "customer": rng.permutation(market.customers).astype(np.uint64),
        "candidates": np.diff(market.first).astype(np.int32),
        "value": market.value,
        "assumed": market.assumed,
        "uses": np.diff(market.first_use).astype(np.int32),
        "resource": market.resource,
        "amount": market.amount,
    }
    for name, column in columns.items():
        column.tofile(folder / name)


def priced_alone(folder: str, capacity: list[float]) -> None:
    """What the process of `_memory` does: price, and print its CPU seconds and peak memory in MiB."""
    from fieldwise_allocation.price_worker import priced_from

    priced_from(Path(folder), np.array(capacity))
    print(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
