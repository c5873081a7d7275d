"""How right profiles are without their last week: on the recorded shop (Complete Journey) and on a simulated world, through the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from benchmarks.profile.loading import load_journey, load_world
from benchmarks.profile.server import Server, serving
from benchmarks.report import Row
from fieldwise.profile.v1 import quality_service_pb2, segment_service_pb2
from fieldwise.profile.v1.quality_service_pb2_grpc import QualityServiceStub
from fieldwise.profile.v1.segment_service_pb2_grpc import SegmentServiceStub
from fieldwise_market.world import make_world

SEED: Final = 11
CUSTOMERS: Final = 2_000
QUICK_CUSTOMERS: Final = 300
# Profiles are compared at the end, and so many weeks before it: one week may be an odd one.
WEEKS_BACK: Final = (0, 8, 16)
_WEEK: Final = 7 * 86_400

Load = Callable[[grpc.aio.Channel], Awaitable[Timestamp]]


def rows(*, quick: bool) -> Iterator[Row]:
    world = make_world(SEED, QUICK_CUSTOMERS if quick else CUSTOMERS, 365)
    sources: dict[str, Load] = {
        "market": partial(load_world, world=world),
        "Complete Journey": partial(load_journey, full=not quick),
    }
    for source, load in sources.items():
        with serving() as server:
            reports = asyncio.run(_measured(server, load, QUICK_CUSTOMERS if quick else CUSTOMERS))
        yield from _told(source, reports)


async def _measured(server: Server, load: Load, customers: int) -> list[quality_service_pb2.AccuracyReport]:
    async with server.channel() as channel:
        end = await load(channel)
        earliest = Timestamp(seconds=end.seconds - (max(WEEKS_BACK) + 1) * _WEEK)
        fitting = segment_service_pb2.FitSegmentsRequest(as_of=earliest, seed=1)
        async for _ in SegmentServiceStub(channel).FitSegments(fitting):
            pass
        return [await _report(channel, end.seconds - weeks * _WEEK, customers) for weeks in WEEKS_BACK]


async def _report(
    channel: grpc.aio.Channel, seconds: int, customers: int
) -> quality_service_pb2.AccuracyReport:
    request = quality_service_pb2.MeasureAccuracyRequest(
        as_of=Timestamp(seconds=seconds), customers=customers
    )
    steps = [step async for step in QualityServiceStub(channel).MeasureAccuracy(request)]
    return steps[-1].report


def _told(source: str, reports: list[quality_service_pb2.AccuracyReport]) -> Iterator[Row]:
    overall = [each.all.overall.share for each in reports]
    stays = [each.all.overall.last_value_stays for each in reports]
    yield Row(
        f"{source}: attributes right without the last week, all, worst of {len(reports)} weeks",
        min(overall),
        "x",
        "must",
        ">= 0.85",
        "last value stays",
        min(stays),
    )
    changed = [each.all.changed for each in reports]
    values = sum(each.count for each in changed)
    right = sum(each.count * each.share for each in changed)
    yield Row(
        f"{source}: of those that changed (last value stays: 0 by definition)", right / max(values, 1), "x"
    )
    yield Row(
        f"{source}: share of values that changed",
        values / sum(each.all.overall.count for each in reports),
        "x",
    )
    for place, attribute in enumerate(reports[0].attributes):
        same = [each.attributes[place] for each in reports]
        count = sum(each.overall.count for each in same)
        if not count:
            continue
        share = sum(each.overall.count * each.overall.share for each in same) / count
        last = sum(each.overall.count * each.overall.last_value_stays for each in same) / count
        yield Row(f"{source}: {attribute.name}", share, "x", peer="last value stays", peer_value=last)
