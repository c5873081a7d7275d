"""The load generator of the overload part: a process that offers calls as it is told on stdin, a JSON line each, and reports.

Usage: ``python -m benchmarks.gateway.offering``. Open loop: calls go out at Poisson times whatever comes back, and each is timed
from the moment it was due. Closed loop: so many callers, each asking again when answered, or a pause after a refusal.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import uvloop

from benchmarks.decide.echo_server import METHOD as ECHO
from benchmarks.decide.echo_server import REQUEST
from benchmarks.gateway.wire_client import CUT, Connection, Ended, headers
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.type.v1 import provenance_pb2 as provenance

DECIDE: Final = "/fieldwise.gateway.v1.GatewayService/Decide"
_CONNECTIONS: Final = 4
# Echoes a second beside the load, to see what a hop costs meanwhile.
_ECHOES: Final = 50.0
# A caller who was refused comes back after this, in the closed loop.
_PAUSE: Final = 0.05


@dataclass(frozen=True)
class Order:
    """What to offer: ``rate`` calls a second, or ``callers`` in a closed loop, for ``seconds``; -1 echo port asks no echo."""

    address: str
    seconds: float
    deadline: float
    customers: Sequence[str]
    metadata: Sequence[tuple[str, str]]
    echo_port: int
    rate: float = 0.0
    callers: int = 0
    seed: int = 1


@dataclass
class Offered:
    """What became of the calls; seconds each."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    late: int = 0
    cut: int = 0
    messages: list[bytes] = field(default_factory=list)
    echoes: list[float] = field(default_factory=list)
    last: float = 0.0


class _Offering:
    def __init__(self, order: Order, doors: Sequence[Connection], echo: Connection | None) -> None:
        self._order = order
        self._doors = doors
        self._echo = echo
        self._block = headers(DECIDE, order.address, round(order.deadline * 1000), order.metadata)
        self._echo_block = headers(ECHO, "echo", 5000, ())
        self._messages = _messages(order)
        self._sent = 0
        self.found = Offered()

    async def run(self) -> None:
        ends = time.perf_counter() + self._order.seconds
        asking = [self._caller(ends) for _ in range(self._order.callers)]
        if self._order.rate:
            asking.append(self._open(ends))
        await asyncio.gather(*asking, self._echoing(ends))
        # What is under way may still be answered in time.
        for _ in range(round(100 * (self._order.deadline + 0.1))):
            if self._sent == self._over:
                break
            await asyncio.sleep(0.01)

    @property
    def _over(self) -> int:
        return len(self.found.answered) + len(self.found.refused) + self.found.late + self.found.cut

    async def _open(self, ends: float) -> None:
        draw = random.Random(self._order.seed)
        due = time.perf_counter()
        while due < ends:
            now = time.perf_counter()
            while due <= now:
                self._ask(due, None)
                due += draw.expovariate(self._order.rate)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))

    async def _caller(self, ends: float) -> None:
        loop = asyncio.get_running_loop()
        while time.perf_counter() < ends:
            over: asyncio.Future[bool] = loop.create_future()
            self._ask(time.perf_counter(), over)
            if not await over:
                await asyncio.sleep(_PAUSE)

    def _ask(self, due: float, over: asyncio.Future[bool] | None) -> None:
        found, deadline = self.found, self._order.deadline

        def ended(is_answer: bool, message: bytes) -> None:
            now = time.perf_counter()
            took = now - due
            if took > deadline:
                # Whatever came, its caller had gone.
                found.late += 1
            elif message is CUT:
                found.cut += 1
            elif is_answer:
                found.answered.append(took)
                found.messages.append(message)
                found.last = now
            else:
                found.refused.append(took)
            if over is not None and not over.done():
                over.set_result(is_answer)

        door = self._doors[self._sent % len(self._doors)]
        message = self._messages[self._sent % len(self._messages)]
        self._sent += 1
        door.call(self._block, message, ended)

    async def _echoing(self, ends: float) -> None:
        if self._echo is None:
            return
        draw = random.Random(self._order.seed + 1)
        while time.perf_counter() < ends:
            self._echo.call(self._echo_block, REQUEST, self._echoed(time.perf_counter()))
            await asyncio.sleep(draw.expovariate(_ECHOES))

    def _echoed(self, begun: float) -> Ended:
        def ended(is_answer: bool, _message: bytes) -> None:
            if is_answer:
                self.found.echoes.append(time.perf_counter() - begun)

        return ended

    @property
    def sent(self) -> int:
        return self._sent


def _messages(order: Order) -> list[bytes]:
    """Enough different requests that none is sent twice in a phase."""
    draw = random.Random(uuid.uuid4().int)
    count = int(order.seconds * (order.rate or 4000.0) * 1.1) + 1000
    return [
        gateway_pb.DecideRequest(
            request_id=str(uuid.UUID(int=draw.getrandbits(128), version=4)),
            customer=order.customers[draw.randrange(len(order.customers))],
        ).SerializeToString()
        for _ in range(count)
    ]


async def offer(order: Order) -> dict[str, Any]:
    """Do what the order says; what became of it, as JSON can hold it."""
    host, _, port = order.address.rpartition(":")
    doors = [await Connection.to(host, int(port)) for _ in range(_CONNECTIONS)]
    echo = await Connection.to("127.0.0.1", order.echo_port) if order.echo_port >= 0 else None
    offering = _Offering(order, doors, echo)
    begun, cpu = time.perf_counter(), time.process_time()
    await offering.run()
    cpu = time.process_time() - cpu
    for each in [*doors, *([echo] if echo else [])]:
        each.close()
    found = offering.found
    return {
        "sent": offering.sent,
        "answered": found.answered,
        "full": sum(map(_is_full, found.messages)),
        "refused": found.refused,
        "late": offering.sent - len(found.answered) - len(found.refused) - found.cut,
        "cut": found.cut,
        "echoes": found.echoes,
        # Goodput counts until the last answer: what is sent last is not answered after the phase for nothing.
        "seconds": max(order.seconds, found.last - begun),
        "cpu": cpu,
    }


def _is_full(message: bytes) -> bool:
    decision = gateway_pb.DecideResponse.FromString(message).decision
    return all(part.state == provenance.PART_STATE_FRESH for part in decision.parts)


def main() -> None:
    for line in sys.stdin:
        order = Order(**json.loads(line))
        print(json.dumps(uvloop.run(offer(order))), flush=True)


if __name__ == "__main__":
    main()
