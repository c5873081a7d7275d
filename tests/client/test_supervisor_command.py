"""`fieldwise up` and `fieldwise status` as a person meets them: what is said, and the exit code."""

import asyncio
import io
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from fieldwise_client.progress import Progress
from fieldwise_client.supervisor import record
from fieldwise_client.supervisor import up as up_module
from fieldwise_client.supervisor.layout import Process
from fieldwise_client.supervisor.record import Lock, RunningProcess
from fieldwise_client.supervisor.up import Options, up
from tests.client.supervised import PYTHON, environ, free_port, is_alive, lives, process


def fieldwise(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    told = {name: value for name, value in os.environ.items() if not name.startswith("FIELDWISE_")}
    return subprocess.run(
        [PYTHON, "-m", "fieldwise_client.cli", *arguments],
        env=told,
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Process]:
    """An installation of small programs in place of the real one."""
    chosen = [process(tmp_path, "one"), process(tmp_path, "two", after=("one",))]

    async def migrate(packages: Sequence[str], told: object) -> None:
        await asyncio.sleep(0)

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(up_module, "processes", lambda *_, **__: chosen)
    monkeypatch.setattr(up_module, "migrate", migrate)
    return chosen


async def test_ctrl_c_stops_everything_without_a_trace_and_with_exit_code_0(
    installed: list[Process], tmp_path: Path
) -> None:
    said = io.StringIO()
    running = asyncio.create_task(
        up(Options(tmp_path / "data"), environ(tmp_path, *installed), Progress(stream=said))
    )
    while "stays up" not in said.getvalue():
        await asyncio.sleep(0.02)
        assert not running.done(), said.getvalue()
    began = time.monotonic()
    os.kill(os.getpid(), signal.SIGINT)
    assert await running == 0
    assert time.monotonic() - began < 2.0
    assert not [pid for name in ("one", "two") for pid in lives(tmp_path, name) if is_alive(pid)]
    assert "Traceback" not in said.getvalue()
    assert said.getvalue().rstrip().endswith("everything is stopped")


async def test_ctrl_c_during_the_start_stops_what_was_started(
    installed: list[Process], tmp_path: Path
) -> None:
    running = asyncio.create_task(
        up(Options(tmp_path / "data"), environ(tmp_path, *installed), Progress(stream=io.StringIO()))
    )
    while not lives(tmp_path, "one"):
        await asyncio.sleep(0.01)
        assert not running.done()
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == 0
    assert not [pid for pid in lives(tmp_path, "one") if is_alive(pid)]


async def test_a_process_that_cannot_start_is_told_with_exit_code_1(
    installed: list[Process], tmp_path: Path
) -> None:
    process(tmp_path, "one", "dies at once")
    said = io.StringIO()
    code = await up(Options(tmp_path / "data"), environ(tmp_path, *installed), Progress(stream=said))
    assert code == 1
    assert "FIELDWISE_SOMETHING is wrong" in said.getvalue()
    assert lives(tmp_path, "two") == []


def test_a_busy_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    base = free_port() // 2 + 1024
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", base + 3))
        holder.listen()
        done = fieldwise("up", "--port-base", str(base), folder=tmp_path)
    assert done.returncode == 1
    assert f"allocation cannot listen on 127.0.0.1:{base + 3}" in done.stdout
    assert "--port-base" in done.stdout
    assert done.stderr == ""


def test_a_second_up_on_the_same_folder_says_so(tmp_path: Path) -> None:
    lock = Lock(tmp_path / ".fieldwise")
    done = fieldwise("up", folder=tmp_path)
    lock.release()
    assert done.returncode == 1
    assert f"pid {os.getpid()}" in done.stdout


def test_status_without_an_installation_says_how_to_start_one(tmp_path: Path) -> None:
    done = fieldwise("status", folder=tmp_path)
    assert done.returncode == 1
    assert "fieldwise up" in done.stderr


def test_status_of_dead_processes_is_degraded_and_says_what_it_cannot_know(tmp_path: Path) -> None:
    names = ("traces", "gateway", "jobs")
    dead = [RunningProcess(name, 0, f"127.0.0.1:{free_port()}", 2) for name in names]
    (tmp_path / ".fieldwise").mkdir()
    record.write(tmp_path / ".fieldwise", record.record_of(dead))
    done = fieldwise("status", "--json", folder=tmp_path)
    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert told["degraded"] is True
    assert [each["health"] for each in told["processes"]] == ["UNAVAILABLE"] * 3
    assert told["contents"]["clock"].startswith("not known:")
    shown = fieldwise("status", folder=tmp_path)
    assert shown.returncode == 3
    assert "gateway" in shown.stdout


def test_the_help_names_every_command(tmp_path: Path) -> None:
    done = fieldwise("--help", folder=tmp_path)
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("up", "demo", "decide", "plan", "trace", "status"))
