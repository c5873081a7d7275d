"""An installation between whose processes somebody listens: a proxy before each of them that keeps every byte; knows no secret."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.decide.company import free_ports
from fieldwise_client import certificates
from fieldwise_client.supervisor.layout import MIGRATED, Process, environment, processes
from fieldwise_client.supervisor.migrating import migrate
from fieldwise_client.supervisor.supervisor import Supervisor

_CHUNK: Final = 1 << 16
ALL: Final = ("traces", "profile", "forecast", "allocation", "recommend", "gateway", "jobs")


@dataclass
class Tap:
    """Passes bytes on between processes and keeps all of them."""

    heard: dict[str, list[bytes]] = field(default_factory=dict)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _streams: list[asyncio.StreamWriter] = field(default_factory=list)

    async def before(self, name: str, address: str) -> str:
        """A door before the process at ``address``; where it is."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            host, _, port = address.rpartition(":")
            try:
                theirs, ours = await asyncio.open_connection(host, int(port))
            except OSError:
                writer.close()
                return
            await asyncio.gather(self._pass(name, reader, ours), self._pass(name, theirs, writer))

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self._servers.append(server)
        return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _pass(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._streams.append(writer)
        # One list for each direction of each connection: what is sent in two pieces is found as well.
        kept: list[bytes] = []
        self.heard[f"{name} {len(self.heard)}"] = kept
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                kept.append(chunk)
                writer.write(chunk)
                await writer.drain()
        writer.close()

    def streams(self) -> dict[str, bytes]:
        """Everything that went one way over each connection, by the process it was to or from and a number."""
        return {name: b"".join(kept) for name, kept in self.heard.items()}

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for writer in self._streams:
            writer.close()


@dataclass(frozen=True)
class Tapped:
    """A running installation; ``gateway`` is the door in front of its gateway."""

    gateway: str
    data: Path
    tap: Tap
    authority: Path | None


@asynccontextmanager
async def tapped(
    data: Path, *, tls: bool, names: Sequence[str] = ALL, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Tapped]:
    """Starts the processes ``names`` on an empty folder, each reached by the others through a tap only."""
    chosen = [each for each in processes({}, free_ports()) if each.name in names]
    alone = [Process(each.name, each.module, each.listen, _within(each, names)) for each in chosen]
    theirs = environment(os.environ, alone, data, None) | dict(environ or {})
    # Everybody on this machine may ask, so that no key stands beside what is looked for.
    theirs |= {"FIELDWISE_GATEWAY_ACCESS": "open", "FIELDWISE_LOG_LEVEL": "DEBUG"}
    tap = Tap()
    for process in chosen:
        variable = f"FIELDWISE_{process.name.upper()}_ADDRESS"
        theirs[variable] = await tap.before(process.name, process.address)
    folder = data / "tls"
    if tls:
        certificates.make(folder)
        theirs["FIELDWISE_TLS"] = str(folder)
    (data / "logs").mkdir(parents=True, exist_ok=True)
    supervisor = Supervisor(alone, theirs, data, lambda _: None)
    try:
        await supervisor.start(migrate(MIGRATED, theirs))
        authority = folder / "ca.pem" if tls else None
        yield Tapped(theirs["FIELDWISE_GATEWAY_ADDRESS"], data, tap, authority)
    finally:
        await supervisor.stop()
        await tap.close()


def _within(process: Process, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in process.after if name in names)
