"""Training and scoring in blocks: here and on a Dask cluster, equal results, bounded memory, broken off and gone on with."""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.forecast import made_rows
from benchmarks.report import Row
from fieldwise_executor.executor import Executor, opened
from fieldwise_executor.kept import Kept
from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.spreading import scored, trained
from tests.executor import clusters

PARAMETERS = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.1, "nthread": 1, "seed": 1}
ROUNDS = 40


def rows(*, quick: bool) -> Iterator[Row]:
    blocks, size = (8, 25_000) if quick else (40, 50_000)
    with clusters.running() as address:
        yield from asyncio.run(measured(address, blocks, size))


async def measured(address: str, count: int, size: int) -> list[Row]:
    local, cluster = await opened("local", 2), await opened(address, 2)
    try:
        return [
            *await compared(local, cluster, "values in 256 bins", [(s, size, True) for s in range(count)]),
            *await compared(local, cluster, "continuous values", [(s, size, False) for s in range(count)]),
            await gone_on(local, count, size),
        ]
    finally:
        await cluster.close()


async def compared(
    local: Executor, cluster: Executor, kind: str, blocks: list[tuple[int, int, bool]]
) -> list[Row]:
    here, seconds_here = await timed(local, blocks)
    there, seconds_there = await timed(cluster, blocks)
    ours, theirs = await scores(local, here, blocks), await scores(cluster, there, blocks)
    same = float(np.abs(ours - await scores(cluster, here, blocks)).max())
    difference = np.abs(ours - theirs)
    limit = "<= 0.001" if kind == "values in 256 bins" else "<= 0.01"
    n = sum(size for _, size, _ in blocks)
    return [
        Row(f"cluster against one process, {kind}: mean difference in probability", float(difference.mean()), "1", "must", limit),
        Row(f"cluster against one process, {kind}: largest difference", float(difference.max()), "1"),
        Row(f"scores of one model, here and there, {kind}: largest difference", same, "1", "must", "<= 0"),
        Row(f"training on {n:,} rows, {kind}: cluster", seconds_there, "s", peer="one process", peer_value=seconds_here),
        Row(f"memory of the largest worker so far, {n:,} rows x {made_rows.COLUMNS}", worker_mib(), "MiB", peer="the rows as float32", peer_value=n * made_rows.COLUMNS * 4 / 2**20),
    ]  # fmt: skip


async def timed(executor: Executor, blocks: list[tuple[int, int, bool]]) -> tuple[bytes, float]:
    begun = time.monotonic()
    raw = await trained(executor, made_rows.load, blocks, PARAMETERS, ROUNDS, timeout=1_800)
    return raw, time.monotonic() - begun


async def scores(executor: Executor, raw: bytes, blocks: list[tuple[int, int, bool]]) -> Floats:
    found = dict([one async for one in scored(executor, raw, made_rows.load, blocks)])
    log_odds = np.concatenate([found[index] for index in range(len(blocks))])
    return np.asarray(1 / (1 + np.exp(-log_odds)))


async def gone_on(local: Executor, count: int, size: int) -> Row:
    """Breaks a scoring off half-way, and counts how much of it is done again."""
    blocks = [(seed, size // 10, False) for seed in range(count)]
    raw = await trained(local, made_rows.load, blocks, PARAMETERS, 5, timeout=600)
    with tempfile.TemporaryDirectory() as folder:
        kept = Kept(Path(folder, "kept"))
        running = scored(local, raw, made_rows.load, blocks, kept=kept)
        for _ in range(count // 2):
            await anext(running)
        await running.aclose()
        before = {index: file_time(folder, index) for index in range(count) if index in kept}
        again = [index async for index, _ in scored(local, raw, made_rows.load, blocks, kept=kept)]
        redone = sum(file_time(folder, index) != moment for index, moment in before.items())
    assert sorted(again) == list(range(count))
    return Row("parts done again after a scoring was broken off half-way", redone, "parts", "must", "<= 0")


def file_time(folder: str, index: int) -> int:
    return Path(folder, "kept", f"{index}.part").stat().st_mtime_ns


def worker_mib() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
