"""A gate over a database of its own, with a key for each role, and calls that have no server. Knows no rival."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from google.longrunning import operations_pb2
from opentelemetry.trace import INVALID_SPAN_CONTEXT, NonRecordingSpan

import fieldwise.allocation.v1
import fieldwise.forecast.v1
import fieldwise.gateway.v1
import fieldwise.profile.v1
import fieldwise.recommend.v1
from fieldwise_gateway.core.access import CONFINED, Role
from fieldwise_gateway.core.keys import Key
from fieldwise_gateway.gate import Gate, Rules
from fieldwise_gateway.relay import relayed_services
from fieldwise_runtime import migrations
from fieldwise_runtime.calls import Call
from fieldwise_runtime.database import Database, Durability
from fieldwise_runtime.errors import FieldwiseError
from tests.gateway.access_by_hand import MY_REP, REPS_OF, Cell

PACKAGES = (
    fieldwise.allocation.v1,
    fieldwise.forecast.v1,
    fieldwise.gateway.v1,
    fieldwise.profile.v1,
    fieldwise.recommend.v1,
)


def methods() -> list[str]:
    """Every method of every contract, as ``package.Service/Method``."""
    services = [
        *(service for package in PACKAGES for service in relayed_services(package)),
        operations_pb2.DESCRIPTOR.services_by_name["Operations"],
    ]
    return [f"{service.full_name}/{method.name}" for service in services for method in service.methods]


class KnownAssignments:
    """Assignments that are simply known."""

    def __init__(self, reps: Mapping[str, str] = REPS_OF) -> None:
        self.reps = dict(reps)
        self.asked = 0

    async def reps_of(self, customers: Sequence[str]) -> Mapping[str, str]:
        self.asked += 1
        return {name: self.reps[name] for name in customers if name in self.reps}


class Context:
    """What a call without a server knows."""

    def __init__(self, header: str) -> None:
        self._metadata = (("user-agent", "test"), ("authorization", header)) if header else ()

    def invocation_metadata(self) -> Any:
        return self._metadata


class NotedSpan(NonRecordingSpan):
    """Keeps its attributes."""

    def __init__(self) -> None:
        super().__init__(INVALID_SPAN_CONTEXT)
        self.noted: dict[str, Any] = {}

    def set_attribute(self, key: str, value: Any) -> None:
        self.noted[key] = value


@dataclass
class Standing:
    """An open gate, the secrets of its keys by role, and the span of the last call."""

    gate: Gate
    keys: dict[str, str]
    assignments: KnownAssignments
    span: NotedSpan = field(default_factory=NotedSpan)

    def call(self, path: str, secret: str) -> Call:
        header = f"Bearer {secret}" if secret else ""
        self.span = NotedSpan()
        return Call(f"/{path}", Context(header), self.span, 0.0)

    async def verdict(self, cell: Cell) -> str:
        """``ok``, or the reason why the gate refuses."""
        keeper = self.gate.keeper
        call = self.call(cell.method, self.keys[cell.role])
        try:
            await keeper.enter(call)
            if cell.request is not None:
                await keeper.check(call, cell.request)
            if cell.answer is not None:
                await keeper.passes(call, cell.answer)
        except FieldwiseError as refused:
            return refused.reason
        return "ok"


def key(role: str, **fields: Any) -> Key:
    """A key to be made."""
    reps = (MY_REP,) if Role(role) in CONFINED else ()
    return Key("", "", Role(role), 0.0, "test", **{"reps": reps, **fields})


@cache
def migrated() -> bytes:
    """An empty database at the newest revision, made once for all tests."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "gateway.sqlite"
        migrations.migrate(f"sqlite:///{place}", "fieldwise_gateway")
        with closing(sqlite3.connect(place)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
        return place.read_bytes()


@asynccontextmanager
async def standing(folder: Path, **rules: Any) -> AsyncIterator[Standing]:
    """A gate with a key for each role."""
    (folder / "gateway.sqlite").write_bytes(migrated())
    database = Database.open(f"sqlite:///{folder / 'gateway.sqlite'}", durability=Durability.POWER_LOSS)
    assignments = KnownAssignments()
    gate = Gate(Rules(open=False, data=folder, **rules), database, assignments)
    tasks = await gate.open()
    try:
        keys = {}
        for role in Role:
            _, keys[role.value] = await gate.keyring.make(key(role.value), f"key of {role}")
        yield Standing(gate, keys, assignments)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await database.close()
