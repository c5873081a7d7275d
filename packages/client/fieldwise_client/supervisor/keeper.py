"""Keeps one process alive: starts it, waits until it serves, starts it again when it dies; knows no other process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from fieldwise_client.supervisor.backoff import Backoff
from fieldwise_client.supervisor.forking import Forked, Spares
from fieldwise_client.supervisor.journal import Journal
from fieldwise_client.supervisor.launcher import launched
from fieldwise_client.supervisor.layout import Process
from fieldwise_client.supervisor.record import RunningProcess

# Deaths before a process ever served that are taken for a fault of its settings, not of the moment.
_HOPELESS: Final = 3
_ASK_EVERY_SECONDS: Final = 0.03

Probe = Callable[[str], Awaitable[str]]


class NeverServed(Exception):
    """A process died again and again before it ever served; the message holds its last lines."""


class Keeper:
    """One process and the task that keeps it alive."""

    def __init__(
        self,
        process: Process,
        environ: Mapping[str, str],
        journal: Journal,
        *,
        probe: Probe,
        changed: Callable[[], None],
        say: Callable[[str], None],
        backoff: Backoff,
        spares: Spares | None = None,
    ) -> None:
        self.process = process
        self.restarts = 0
        self.serving = asyncio.Event()
        self._environ = environ
        self._journal = journal
        self._probe = probe
        self._changed = changed
        self._say = say
        self._backoff = backoff
        self._spares = spares
        self._child: asyncio.subprocess.Process | Forked | None = None
        self._stopping = False

    @property
    def running(self) -> RunningProcess:
        """The process as it is now."""
        child = self._child
        pid = child.pid if child is not None and child.returncode is None else 0
        return RunningProcess(self.process.name, pid, self.process.address, self.restarts)

    async def keep(self) -> None:
        """Runs until `stop`.

        Raises:
            NeverServed: It died three times in a row before it ever served.
        """
        failures, served_once = 0, False
        while not self._stopping:
            started = time.monotonic()
            code = await self._live()
            served_once = served_once or self.serving.is_set()
            self.serving.clear()
            if self._stopping:
                return
            failures = self._backoff.failures_after(failures, time.monotonic() - started)
            if failures >= _HOPELESS and not served_once:
                raise NeverServed(self._last_words(code))
            await self._pause(code, self._backoff.wait(failures))

    async def _live(self) -> int:
        """One life of the process, from its start to its end; its exit code."""
        forked = await self._spares.fork(self.process.module) if self._spares and self.restarts else None
        child = forked or await self._started()
        self._child = child
        self._changed()
        assert child.stdout is not None
        watching = asyncio.create_task(self._watch())
        following = asyncio.create_task(self._journal.follow(child.stdout))
        try:
            code = await child.wait()
            if not self.serving.is_set():
                # Its last words are told. A grandchild may hold the other end of the pipe a little longer.
                await asyncio.wait([following], timeout=0.2)
            return code
        finally:
            watching.cancel()
            following.cancel()
            self._changed()

    async def _started(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *launched([sys.executable, "-m", self.process.module]),
            env=dict(self._environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # Ctrl-C at the terminal is for the supervisor, which stops its processes in its own way.
            start_new_session=True,
        )

    async def _watch(self) -> None:
        """Sets ``serving`` when the process first says so in this life."""
        # Another process: there is no event to wait for.
        while await self._probe(self.process.address) != "SERVING":  # noqa: ASYNC110  # see above
            await asyncio.sleep(_ASK_EVERY_SECONDS)
        self.serving.set()
        if self.restarts:
            self._say(f"{self.process.name} serves again")

    async def _pause(self, code: int, seconds: float) -> None:
        self.restarts += 1
        self._changed()
        self._say(f"{self.process.name} ended ({ended(code)}); starting it again in {seconds:.1f} s")
        await asyncio.sleep(seconds)

    def _last_words(self, code: int) -> str:
        lines = "\n".join(f"  {line}" for line in self._journal.last if line)
        return (
            f"{self.process.name} ended ({ended(code)}) {_HOPELESS} times before it ever served. Its last lines, "
            f"from {self._journal.path}:\n{lines}"
        )

    async def stop(self, patience: float) -> None:
        """SIGTERM, ``patience`` seconds, then SIGKILL to the process and whatever it started."""
        self._stopping = True
        child = self._child
        if child is None or child.returncode is not None:
            return
        _send(child.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(child.wait(), patience)
        except TimeoutError:
            _send_group(child.pid, signal.SIGKILL)
            await child.wait()


def ended(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _send_group(pid: int, number: signal.Signals) -> None:
    # The process leads a session of its own, so its group is what it started.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
