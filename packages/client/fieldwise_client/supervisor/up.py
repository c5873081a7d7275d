"""`fieldwise up` from the first check to the last process gone; knows nothing of what the processes do."""

from __future__ import annotations

import asyncio
import importlib.util
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fieldwise_client.progress import Progress
from fieldwise_client.supervisor import ports
from fieldwise_client.supervisor.keeper import NeverServed
from fieldwise_client.supervisor.launcher import launched
from fieldwise_client.supervisor.layout import (
    MIGRATED,
    Process,
    cluster_environment,
    environment,
    processes,
)
from fieldwise_client.supervisor.migrating import NotMigrated, migrate
from fieldwise_client.supervisor.record import AlreadyRunning, Lock
from fieldwise_client.supervisor.supervisor import Supervisor


@dataclass(frozen=True)
class Options:
    """What the person at the terminal asked for.

    Args:
        then: A `fieldwise` command to run when everything serves, such as ``("demo",)``.
        once: Stop when that command is done, instead of at Ctrl-C.
        clock: FIELDWISE_CLOCK for an installation that names none itself.
        dask: Workers of a Dask cluster on this machine that does the heavy work; 0 for none.
        tls: Make certificates below the data folder where there are none, and speak TLS with them.
    """

    data: Path
    port_base: int | None = None
    verbose: bool = False
    then: tuple[str, ...] = ()
    once: bool = False
    clock: str | None = None
    dask: int = 0
    tls: bool = False


class CannotStart(Exception):
    """Something outside is in the way; the message names it with the remedy."""


async def up(options: Options, environ: Mapping[str, str], progress: Progress) -> int:
    """Runs the installation until Ctrl-C, SIGTERM or a fault; the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        lock = Lock(options.data)
    except AlreadyRunning as fault:
        progress.plain(str(fault))
        return 1
    try:
        return await _run(options, environ, progress, stop)
    except (CannotStart, NotMigrated, NeverServed) as fault:
        progress.plain(str(fault))
        return 1
    finally:
        lock.release()


async def _run(options: Options, environ: Mapping[str, str], progress: Progress, stop: asyncio.Event) -> int:
    chosen = processes(environ, options.port_base, cluster=options.dask > 0)
    _check(chosen)
    theirs = environment(environ, chosen, options.data, options.clock)
    if options.dask:
        theirs |= cluster_environment(options.port_base, options.dask)
    if options.tls and not theirs.get("FIELDWISE_TLS", "").strip():
        theirs |= _certificates(options.data, progress)
    if options.dask and theirs.get("FIELDWISE_TLS", "").strip():
        raise CannotStart("a Dask cluster speaks no TLS of ours: leave out --dask, or TLS")
    supervisor = Supervisor(chosen, theirs, options.data, progress.say, verbose=options.verbose, spares=True)
    try:
        return await _until(stop, supervisor, options, theirs, progress)
    finally:
        progress.say("stopping")
        await supervisor.stop()
        progress.say("everything is stopped")


async def _until(
    stop: asyncio.Event,
    supervisor: Supervisor,
    options: Options,
    environ: Mapping[str, str],
    progress: Progress,
) -> int:
    stopped = asyncio.create_task(stop.wait())
    living = asyncio.create_task(_live(supervisor, options, environ, progress))
    try:
        await asyncio.wait([stopped, living], return_when=asyncio.FIRST_COMPLETED)
        return living.result() if living.done() else 0
    finally:
        for task in (stopped, living):
            task.cancel()
        await asyncio.gather(stopped, living, return_exceptions=True)


async def _live(
    supervisor: Supervisor, options: Options, environ: Mapping[str, str], progress: Progress
) -> int:
    """Start, run the command that was asked for, and watch."""
    await supervisor.start(_migrated(environ, progress))
    progress.say("all SERVING")
    http = environ.get("FIELDWISE_GATEWAY_HTTP_LISTEN", "").strip()
    if http:
        scheme = "https" if environ.get("FIELDWISE_TLS", "").strip() else "http"
        progress.say(f"JSON over HTTP at {scheme}://{http}, its calls at {scheme}://{http}/docs")
    code = 0
    if options.then:
        code = await _command([*options.then, "--elapsed", f"{progress.elapsed:.1f}"], environ)
        if code:
            progress.say(f"`fieldwise {' '.join(options.then)}` ended with exit code {code}")
    if options.once:
        return code
    progress.plain("\nFieldwise stays up; Ctrl-C stops everything.")
    await supervisor.watch()
    return 1


async def _migrated(environ: Mapping[str, str], progress: Progress) -> None:
    await migrate(MIGRATED, environ)
    progress.say("databases at their newest revision")


async def _command(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """One `fieldwise` command in a process of its own: the memory it takes goes back when it ends."""
    child = await asyncio.create_subprocess_exec(
        *launched([sys.executable, "-m", "fieldwise_client.cli", *arguments]),
        env=dict(environ),
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def _certificates(data: Path, progress: Progress) -> dict[str, str]:
    # Late: an installation without TLS need not load what makes certificates.
    from fieldwise_client import certificates

    folder = data.resolve() / "tls"
    try:
        certificates.make(folder)
    except (ValueError, OSError) as fault:
        raise CannotStart(str(fault)) from None
    progress.say(f"TLS with the certificates in {folder}; apps set FIELDWISE_CA={folder / 'ca.pem'}")
    return {"FIELDWISE_TLS": str(folder)}


def _check(chosen: Sequence[Process]) -> None:
    """Raise CannotStart with everything that is in the way."""
    packages = sorted({process.module.partition(".")[0] for process in chosen} | {"fieldwise_runtime"})
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    faults = [f"{name} is not installed: pip install {name.replace('_', '-')}" for name in missing]
    faults += ports.busy(chosen)
    if faults:
        raise CannotStart("\n".join(faults))
