"""The supervisor with real processes: order, restarts, last words, and nobody left behind."""

import asyncio
import os
import signal
import subprocess
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fieldwise_client.supervisor import record
from fieldwise_client.supervisor.backoff import Backoff
from fieldwise_client.supervisor.keeper import NeverServed
from fieldwise_client.supervisor.layout import Process
from fieldwise_client.supervisor.supervisor import Supervisor
from tests.client.supervised import PYTHON, environ, is_alive, lives, process

QUICK = Backoff(first=0.02, longest=0.1)


class Stage:
    """A supervisor over small programs, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.supervisor: Supervisor | None = None

    def supervise(self, *processes: Process, verbose: bool = False) -> Supervisor:
        self.supervisor = Supervisor(
            processes,
            environ(self.folder, *processes),
            self.folder / "data",
            self.said.append,
            verbose=verbose,
            backoff=QUICK,
        )
        return self.supervisor

    def all_lives(self) -> list[int]:
        return [pid for file in self.folder.glob("*.lives") for pid in lives(self.folder, file.stem)]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    yield made
    if made.supervisor is not None:
        await made.supervisor.stop()
    assert not [pid for pid in made.all_lives() if is_alive(pid)]


async def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


async def test_a_process_starts_when_those_it_needs_serve(stage: Stage) -> None:
    supervisor = stage.supervise(
        process(stage.folder, "first"), process(stage.folder, "second", after=("first",))
    )
    await supervisor.start()
    serving = [line.split()[0] for line in stage.said if "SERVING" in line]
    assert serving == ["first", "second"]


async def test_nothing_starts_before_the_migrations_are_done(stage: Stage) -> None:
    migrated = asyncio.Event()

    async def migrations() -> None:
        assert stage.all_lives() == []
        await asyncio.sleep(0.1)
        assert stage.all_lives() == []
        migrated.set()

    await stage.supervise(process(stage.folder, "one")).start(migrations())
    assert migrated.is_set()
    assert len(stage.all_lives()) == 1


async def test_a_failed_migration_is_told_and_nothing_starts(stage: Stage) -> None:
    async def migrations() -> None:
        raise ValueError("no database")

    with pytest.raises(ValueError, match="no database"):
        await stage.supervise(process(stage.folder, "one")).start(migrations())
    assert stage.all_lives() == []


async def test_a_process_that_dies_is_started_again_and_the_record_counts_it(stage: Stage) -> None:
    supervisor = stage.supervise(process(stage.folder, "one"))
    await supervisor.start()
    os.kill(lives(stage.folder, "one")[0], signal.SIGKILL)
    await until(lambda: any("serves again" in line for line in stage.said))
    written = record.read(stage.folder / "data")
    assert written is not None
    assert [(each.name, each.restarts) for each in written.processes] == [("one", 1)]
    assert written.processes[0].pid == lives(stage.folder, "one")[1]
    assert any("one ended (SIGKILL)" in line for line in stage.said)


async def test_one_death_at_the_start_is_forgiven(stage: Stage) -> None:
    await stage.supervise(process(stage.folder, "one", "dies once")).start()
    assert len(lives(stage.folder, "one")) == 2


async def test_a_process_that_never_serves_ends_the_start_with_its_last_words(stage: Stage) -> None:
    supervisor = stage.supervise(process(stage.folder, "good"), process(stage.folder, "bad", "dies at once"))
    with pytest.raises(NeverServed, match="FIELDWISE_SOMETHING is wrong"):
        await supervisor.start()
    assert len(lives(stage.folder, "bad")) == 3


async def test_everything_is_gone_within_two_seconds_even_what_ignores_sigterm(stage: Stage) -> None:
    supervisor = stage.supervise(
        process(stage.folder, "polite"),
        process(stage.folder, "deaf", "ignores SIGTERM"),
        process(stage.folder, "parent", "has a child"),
    )
    await supervisor.start()
    began = time.monotonic()
    await supervisor.stop()
    assert time.monotonic() - began < 2.0
    grandchild = int((stage.folder / "grandchild.pid").read_text())
    assert not [pid for pid in [*stage.all_lives(), grandchild] if is_alive(pid)]
    assert record.read(stage.folder / "data") is None


async def test_only_warnings_reach_the_terminal_and_every_line_the_file(stage: Stage) -> None:
    await stage.supervise(process(stage.folder, "one")).start()
    await until(lambda: any("loud line" in line for line in stage.said))
    assert "one        | WARNING loud line kind=test" in stage.said
    assert not any("quiet line" in line for line in stage.said)
    written = (stage.folder / "data" / "logs" / "one.log").read_text()
    assert "quiet line" in written
    assert "loud line" in written


async def test_verbose_shows_every_line(stage: Stage) -> None:
    await stage.supervise(process(stage.folder, "one"), verbose=True).start()
    await until(lambda: any("quiet line" in line for line in stage.said))


def test_kill_9_of_the_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    one = process(tmp_path, "one")
    script = textwrap.dedent(f"""
        import asyncio, sys
        from pathlib import Path
        from fieldwise_client.supervisor.layout import Process
        from fieldwise_client.supervisor.supervisor import Supervisor

        async def main():
            one = Process("one", "one", {one.listen!r})
            import os
            supervisor = Supervisor([one], os.environ, Path({str(tmp_path / "data")!r}), lambda line: None)
            await supervisor.start()
            print("serving", flush=True)
            await asyncio.sleep(600)

        asyncio.run(main())
    """)
    parent = subprocess.Popen(
        [PYTHON, "-c", script], env=environ(tmp_path, one), stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        assert parent.stdout.readline().strip() == "serving"
        (pid,) = lives(tmp_path, "one")
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 2.0
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(pid)
