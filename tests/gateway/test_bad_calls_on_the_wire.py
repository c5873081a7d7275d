"""What no client of ours sends: bodies over the limit, compressed bombs, half-open connections, readers that do not read."""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.profile.v1 import consent_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise_runtime.channels import MAX_MESSAGE_BYTES
from tests.gateway.backend_fakes import World
from tests.gateway.raw_http2 import RawCall

DECIDE = "/fieldwise.gateway.v1.GatewayService/Decide"
INGEST = "/fieldwise.gateway.v1.GatewayService/IngestEvents"
WATCH = "/fieldwise.profile.v1.ProfileService/WatchProfiles"
GZIP = 31  # zlib's window with gzip's header
_MIB = 1 << 20


def gzipped_zeros(size: int) -> bytes:
    """So many bytes of nothing, a thousandth of that on the wire."""
    packer, piece = zlib.compressobj(1, wbits=GZIP), bytes(_MIB)
    return b"".join(packer.compress(piece) for _ in range(size // _MIB)) + packer.flush()


class Peak:
    """Memory of this process, which is the gateway's here, at its highest since the block began; in MiB."""

    grown = 0.0


@contextmanager
def peak() -> Iterator[Peak]:
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    found, before = Peak(), _highest()
    yield found
    found.grown = (_highest() - before) / 1024


def _highest() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


async def answers(world: World) -> None:
    """Another caller gets his decision."""
    request = gateway_pb.DecideRequest(request_id="another-caller", customer="customers/known-1")
    assert (await world.gateway.Decide(request, timeout=5)).decision.customer == "customers/known-1"


async def test_a_body_over_the_limit_is_refused_before_it_is_read(world: World) -> None:
    call = await RawCall.begin(world.port, DECIDE)
    with peak() as memory:
        await call.message(bytes(MAX_MESSAGE_BYTES + _MIB))
        assert await call.status() == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert memory.grown < 80, "it was buffered"
    await call.close()
    await answers(world)


@pytest.mark.parametrize("path", [DECIDE, INGEST])
async def test_a_compressed_bomb_is_unpacked_to_the_limit_of_a_message_and_harms_nobody(
    world: World, path: str
) -> None:
    bomb = gzipped_zeros(128 * _MIB)
    call = await RawCall.begin(world.port, path, ("grpc-encoding", "gzip"))
    with peak() as memory:
        await call.message(bomb, compressed=True)
        code = await call.status(10)
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert memory.grown < 80, "it was unpacked beyond the limit of a message"
    await call.close()
    await answers(world)


@pytest.mark.parametrize("what", [b"\x1f\x8b not gzip at all", b"", zlib.compress(b"deflate, not gzip")])
async def test_what_is_said_to_be_compressed_and_is_not_is_refused(world: World, what: bytes) -> None:
    call = await RawCall.begin(world.port, DECIDE, ("grpc-encoding", "gzip"))
    await call.message(what, compressed=True)
    assert await call.status() != grpc.StatusCode.OK.value[0]
    await call.close()
    await answers(world)


async def test_a_hundred_calls_that_never_end_keep_nobody_waiting(world: World) -> None:
    """Headers, half of a message, and then silence: as when a phone loses its network."""
    silent = [await RawCall.begin(world.port, path) for path in (DECIDE, INGEST) for _ in range(50)]
    for call in silent:
        call.frame(0, 0, 1, b"\x00\x00\x00\x10\x00 half of a body")
    begun = time.monotonic()
    for _ in range(10):
        await answers(world)
    assert time.monotonic() - begun < 2, "ten decisions take a few milliseconds each"
    for call in silent:
        await call.close()


async def test_a_stream_waits_for_its_reader_and_does_not_pile_up(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A reader that takes nothing: what it asked for stays where it is, and others are answered."""
    world.fakes.profile.flood = 4
    request = profile_pb.WatchProfilesRequest(
        names=["customers/known-1"], purpose=consent_pb2.PURPOSE_REPORTING
    )
    async with await RawCall.begin(world.port, WATCH) as call:
        await call.message(request.SerializeToString())
        with peak() as memory:
            async with asyncio.timeout(10):
                await _settled(lambda: world.fakes.profile.flooded)
            assert world.fakes.profile.flooded < 8_000, "it goes on writing to nobody"
            await answers(world)
        assert memory.grown < 64
    async with asyncio.timeout(5):
        await world.fakes.profile.dried.wait()
    faults = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert faults == [], "that a reader leaves is no fault of ours"


async def _settled(count: Callable[[], int]) -> None:
    """Returns when a count no longer grows."""
    before = -1
    while count() != before or not before:
        before = count()
        await asyncio.sleep(0.1)
