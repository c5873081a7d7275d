"""What died is forked from a process that has imported everything: whose child it is, how its end is told, when there is none."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fieldwise_client.supervisor.backoff import Backoff
from fieldwise_client.supervisor.forking import Forked, Spares
from fieldwise_client.supervisor.layout import Process
from fieldwise_client.supervisor.supervisor import Supervisor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forking with handing over is Linux's")

SLEEPS = """
import os, sys, time
assert __name__ != "__main__" or sys.argv[0].endswith("__main__.py")
if __name__ == "__main__":
    print("born", os.getpid(), flush=True)
    time.sleep(60)
"""
ENDS = """
import sys
if __name__ == "__main__":
    print("last words", flush=True)
    sys.exit(7)
"""
THREADED = """
import threading, time
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
"""


def program(folder: Path, name: str, text: str) -> str:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text("")
    (folder / name / "__main__.py").write_text(text)
    return name


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  # other processes: there is no event to wait for
        await asyncio.sleep(0.02)


@asynccontextmanager
async def spares(folder: Path, *modules: str) -> AsyncIterator[Spares]:
    made = Spares()
    await made.prepare(modules, os.environ | {"PYTHONPATH": str(folder)})
    try:
        yield made
    finally:
        await made.close()


async def begun(made: Spares, module: str) -> Forked:
    forked = await made.fork(module)
    assert forked is not None
    assert (await forked.stdout.readline()).split() == [b"born", str(forked.pid).encode()]
    return forked


async def test_what_is_forked_is_our_child_and_how_it_ends_is_told(tmp_path: Path) -> None:
    sleeps, ends = program(tmp_path, "sleeps_g5", SLEEPS), program(tmp_path, "ends_g5", ENDS)
    async with spares(tmp_path, sleeps, ends) as made:
        forked = await begun(made, sleeps)
        status = Path(f"/proc/{forked.pid}/status").read_text()
        assert f"PPid:\t{os.getpid()}\n" in status
        assert os.getsid(forked.pid) == forked.pid
        os.kill(forked.pid, signal.SIGKILL)
        assert await asyncio.wait_for(forked.wait(), 5) == -signal.SIGKILL
        other = await made.fork(ends)
        assert other is not None
        assert await asyncio.wait_for(other.wait(), 5) == 7
        assert b"last words" in await other.stdout.read()


async def test_it_lives_on_when_the_one_it_was_forked_from_is_killed_and_then_there_is_none(
    tmp_path: Path,
) -> None:
    sleeps = program(tmp_path, "sleeps_g5", SLEEPS)
    async with spares(tmp_path, sleeps) as made:
        forked = await begun(made, sleeps)
        assert made.pid is not None
        os.kill(made.pid, signal.SIGKILL)
        await asyncio.sleep(0.1)
        assert forked.returncode is None
        assert await made.fork(sleeps) is None
        os.kill(forked.pid, signal.SIGTERM)
        assert await asyncio.wait_for(forked.wait(), 5) == -signal.SIGTERM


async def test_nobody_is_forked_from_programs_that_start_threads_or_cannot_be_imported(
    tmp_path: Path,
) -> None:
    for module in (program(tmp_path, "threaded_g5", THREADED), "no_such_module_g5"):
        async with spares(tmp_path, module) as made:
            assert await made.fork(module) is None


async def test_a_supervisor_forks_what_died_and_keeps_it(tmp_path: Path) -> None:
    module = program(tmp_path, "sleeps_g5", SLEEPS)
    serving = asyncio.Event()

    async def probe(_address: str) -> str:
        serving.set()
        return "SERVING"

    said: list[str] = []
    (tmp_path / "data" / "logs").mkdir(parents=True)
    process = Process("sleeps", module, "127.0.0.1:1")
    environ = os.environ | {"PYTHONPATH": str(tmp_path)}
    supervisor = Supervisor(
        [process], environ, tmp_path / "data", said.append, probe=probe, backoff=Backoff(0.01), spares=True
    )
    await supervisor.start()
    watching = asyncio.create_task(supervisor.watch())
    try:
        first = supervisor.running[0].pid
        async with asyncio.timeout(20):
            await until(lambda: supervisor.forks)
            os.kill(first, signal.SIGKILL)
            await until(lambda: supervisor.running[0].pid not in (0, first))
        forked = supervisor.running[0].pid
        # Its command line is that of the process it was forked from.
        assert b"zygote" in Path(f"/proc/{forked}/cmdline").read_bytes()
    finally:
        await supervisor.stop()
        watching.cancel()
    assert not Path(f"/proc/{forked}").exists()
