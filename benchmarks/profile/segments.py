"""Segments: whether the planted one is found, said in words, and stays; the lifecycle, whether its next stage comes true.

Worlds of seeds 11 to 13, through the real service. The measures of behaviour were chosen on seeds 1 to 3. The truth of a world judges, and is
read by nothing else.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.metrics import adjusted_rand_score

from benchmarks.profile.loading import load_world, profiles, stamp
from benchmarks.profile.server import Server, serving
from benchmarks.report import Row
from fieldwise.profile.v1 import profile_pb2, segment_service_pb2
from fieldwise.profile.v1.segment_service_pb2_grpc import SegmentServiceStub
from fieldwise_market.world import World, make_world

SEEDS: Final = (11, 12, 13)
CUSTOMERS: Final = 1_500
QUICK_CUSTOMERS: Final = 800
PLANTED: Final = "browses-premium"
# What a description of it must say: much looked at, little bought.
SAID: Final = (("looks at much", "looks much"), ("buys little", "buys rarely"))
STEP_DAYS: Final = 28
_DAY: Final = 86_400


@dataclass(frozen=True)
class Found:
    """What one world showed."""

    planted: float
    whole: float
    static: float
    label: str
    segments: int
    kept: float
    fit_seconds: float
    next_stage: float
    next_stage_stays: float
    next_stage_matrix: float

    @property
    def described(self) -> bool:
        """Both halves of what was planted are said."""
        return all(any(word in self.label for word in words) for words in SAID)


def rows(*, quick: bool) -> Iterator[Row]:
    found = []
    for seed in SEEDS[:1] if quick else SEEDS:
        world = make_world(seed, QUICK_CUSTOMERS if quick else CUSTOMERS, 365)
        with serving() as server:
            found.append(asyncio.run(_measured(server, world)))
        print(f"seed {seed}: {found[-1].segments} segments; the planted one: {found[-1].label}", flush=True)
    worst = min(found, key=lambda each: each.planted)
    yield Row(
        "planted segment found, adjusted Rand index, worst world", worst.planted, "ARI", "must", ">= 0.8"
    )
    described = sum(each.described for each in found) / len(found)
    yield Row(
        "planted segment described (much looked at, little bought), share of worlds",
        described,
        "x",
        "must",
        ">= 1",
    )
    whole, static = (
        float(np.median([getattr(each, part) for each in found])) for part in ("whole", "static")
    )
    yield Row("all segments against the truth, median", whole, "ARI", peer="age x gender", peer_value=static)
    yield Row(
        "customers whose segment keeps its name in a fit 4 weeks on, least",
        min(each.kept for each in found),
        "x",
    )
    yield Row(
        "a fit, from the call to its last message, longest", max(each.fit_seconds for each in found), "s"
    )
    ours, matrix, stays = (
        float(np.median([getattr(each, part) for each in found]))
        for part in ("next_stage", "next_stage_matrix", "next_stage_stays")
    )
    yield Row(
        "stage 4 weeks on, log-loss (counted on the weeks before)",
        ours,
        "nats",
        peer="matrix of 4 stages",
        peer_value=matrix,
    )
    yield Row("stage 4 weeks on, taking the likeliest: share right", stays, "x")


async def _measured(server: Server, world: World) -> Found:
    async with server.channel() as channel:
        end = await load_world(channel, world)
        earlier = stamp(end.seconds - STEP_DAYS * _DAY)
        stub = SegmentServiceStub(channel)
        names = list(world.customers)
        async for _ in stub.FitSegments(segment_service_pb2.FitSegmentsRequest(as_of=earlier, seed=1)):
            pass
        counting = stub.FitLifecycle(segment_service_pb2.FitLifecycleRequest(as_of=earlier))
        report = [step async for step in counting][-1].report
        before = await profiles(channel, names, earlier, full=True)
        started = time.perf_counter()
        fitting = stub.FitSegments(segment_service_pb2.FitSegmentsRequest(as_of=end, seed=2))
        steps = [step async for step in fitting]
        seconds = time.perf_counter() - started
        after = await profiles(channel, names, end)
    return _judged(world, steps[-1].fitted, before, after, report, seconds)


def _judged(
    world: World,
    fitted: segment_service_pb2.ListSegmentsResponse,
    before: dict[str, profile_pb2.Profile],
    after: dict[str, profile_pb2.Profile],
    report: segment_service_pb2.LifecycleReport,
    seconds: float,
) -> Found:
    truth = dict(zip(world.customers, world.truth.segment.tolist(), strict=True))
    own = {name: each.segment.segment for name, each in after.items() if each.segment.segment}
    names = sorted(own)
    labels, true = np.array([own[name] for name in names]), np.array([truth[name] for name in names])
    planted = true == world.truth.segments.index(PLANTED)
    best = max(
        fitted.segments,
        key=lambda each: (float(adjusted_rand_score(planted, labels == each.name)), each.name),
    )
    static = [after[name].segment.static_segment for name in names]
    both = [name for name in names if name in before and before[name].segment.segment]
    losses = _losses(before, after, report)
    return Found(
        planted=float(adjusted_rand_score(planted, labels == best.name)),
        whole=float(adjusted_rand_score(true, labels)),
        static=float(adjusted_rand_score(true, static)),
        label=best.label,
        segments=len(fitted.segments),
        kept=sum(before[name].segment.segment == own[name] for name in both) / len(both),
        fit_seconds=seconds,
        next_stage=losses[0],
        next_stage_matrix=losses[1],
        next_stage_stays=losses[2],
    )


def _losses(
    before: dict[str, profile_pb2.Profile],
    after: dict[str, profile_pb2.Profile],
    report: segment_service_pb2.LifecycleReport,
) -> tuple[float, float, float]:
    """Mean log-loss of the profile's next stage and of the plain matrix, and the share in which the likeliest stage came."""
    cells = {(each.before, each.after): each.probability for each in report.transitions}
    ours, plain, right = [], [], []
    for name, profile in before.items():
        if not profile.next_stage:
            continue
        came = after[name].stage
        shares = {each.stage: each.probability for each in profile.next_stage}
        ours.append(-math.log(max(shares[came], 1e-6)))
        plain.append(-math.log(max(cells[profile.stage, came], 1e-6)))
        right.append(max(shares, key=lambda stage: shares[stage]) == came)
    return float(np.mean(ours)), float(np.mean(plain)), float(np.mean(right))
