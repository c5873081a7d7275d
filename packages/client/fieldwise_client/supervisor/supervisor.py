"""Starts the processes of an installation by health in the order of their needs, and stops them together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from fieldwise_client.credentials import trust
from fieldwise_client.supervisor import record
from fieldwise_client.supervisor.backoff import Backoff
from fieldwise_client.supervisor.forking import Spares
from fieldwise_client.supervisor.health import probe as health_probe
from fieldwise_client.supervisor.journal import Journal
from fieldwise_client.supervisor.keeper import Keeper, Probe
from fieldwise_client.supervisor.layout import Process

# Servers drain for a second; what is not gone then is killed, so that everything is gone within two.
PATIENCE_SECONDS: Final = 1.5


class Supervisor:
    """The processes of one installation; use within one event loop."""

    def __init__(
        self,
        processes: Sequence[Process],
        environ: Mapping[str, str],
        data: Path,
        say: Callable[[str], None],
        *,
        verbose: bool = False,
        probe: Probe | None = None,
        backoff: Backoff | None = None,
        spares: bool = False,
    ) -> None:
        self._spares = Spares() if spares else None
        self._environ = environ
        self._data = data
        self._say = say
        self._tls = environ.get("FIELDWISE_TLS", "").strip()
        trusted = trust(environ=environ)

        async def ask(address: str) -> str:
            return await health_probe(address, trusted)

        self._tasks: list[asyncio.Task[None]] = []
        self._journals = {p.name: Journal(p.name, data / "logs", say, verbose=verbose) for p in processes}
        self._keepers = {
            process.name: Keeper(
                process,
                environ,
                self._journals[process.name],
                probe=probe or ask,
                changed=self._write_record,
                say=say,
                backoff=backoff or Backoff(),
                spares=self._spares,
            )
            for process in processes
        }

    @property
    def forks(self) -> bool:
        """Whether what dies now is forked anew, instead of started."""
        return self._spares is not None and self._spares.ready

    @property
    def running(self) -> list[record.RunningProcess]:
        """Every process as it is now."""
        return [keeper.running for keeper in self._keepers.values()]

    async def start(self, first: Awaitable[None] | None = None) -> None:
        """Returns when every process serves.

        Args:
            first: What must be done before any process starts, such as migrations.

        Raises:
            NeverServed: A process died again and again at its start.
        """
        begun = time.monotonic()
        prepared = asyncio.ensure_future(first or _nothing())
        waiting = (self._start_one(keeper, prepared, begun) for keeper in self._keepers.values())
        starting = [prepared, *map(asyncio.ensure_future, waiting)]
        try:
            await self._unless_one_gives_up(starting)
        finally:
            for task in starting:
                task.cancel()
            await asyncio.gather(*starting, return_exceptions=True)

    async def watch(self) -> None:
        """Runs until a process is beyond hope.

        Raises:
            NeverServed: That process, with its last lines.
        """
        await asyncio.gather(*self._tasks, self._prepare())

    async def _prepare(self) -> None:
        """So that what dies is soon there again; when everything serves, for it takes the processor for seconds."""
        if self._spares is not None:
            modules = [keeper.process.module for keeper in self._keepers.values()]
            await self._spares.prepare(modules, self._environ)
            self._write_record()

    async def stop(self) -> None:
        """Everything this started is gone when it returns, within two seconds."""
        await asyncio.gather(*(keeper.stop(PATIENCE_SECONDS) for keeper in self._keepers.values()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._spares is not None:
            await self._spares.close()
        for journal in self._journals.values():
            journal.close()
        record.erase(self._data)

    async def _start_one(self, keeper: Keeper, prepared: asyncio.Future[None], begun: float) -> None:
        await asyncio.shield(prepared)
        for name in keeper.process.after:
            await self._keepers[name].serving.wait()
        self._tasks.append(asyncio.create_task(keeper.keep()))
        await keeper.serving.wait()
        took = time.monotonic() - begun
        self._say(f"{keeper.process.name:<10} SERVING  {keeper.process.address:<21} {took:5.1f} s")

    async def _unless_one_gives_up(self, starting: Sequence[asyncio.Future[None]]) -> None:
        left = set(starting)
        while left:
            # A keeper ends only by giving up; more of them appear while we wait.
            watched = {*left, *self._tasks}
            done, _ = await asyncio.wait(watched, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            left -= done

    def _record(self) -> record.Record:
        return record.record_of(self.running, self._tls, forks=self.forks)

    def _write_record(self) -> None:
        record.write(self._data, self._record())


async def _nothing() -> None:
    return None
