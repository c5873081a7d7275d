"""Work in processes of its own: results, errors, death, cancellation, traces."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fieldwise_runtime import tracing
from fieldwise_runtime.errors import DeadlineExceeded, NotFound
from fieldwise_runtime.workers import WorkerDied, WorkerFailed, run_in_process
from tests.runtime import work_for_workers as work


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def open_pipes() -> int:
    links = (each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink())
    return sum(str(link).startswith("pipe:") for link in links)


async def pid_in(file: Path) -> int:
    for _ in range(500):
        if file.exists() and file.read_text():
            return int(file.read_text())
        await asyncio.sleep(0.02)
    raise AssertionError("the worker did not start")


async def test_a_worker_gives_its_result_whatever_it_prints() -> None:
    assert await run_in_process(work.print_and_add, 2, 3, timeout=30) == 5


async def test_large_arguments_and_results_pass() -> None:
    size = 20_000_000
    data = await run_in_process(work.large, size, timeout=30)
    assert len(data) == size
    assert await run_in_process(work.length, data, timeout=30) == size


async def test_an_answer_to_the_caller_is_raised_as_it_is() -> None:
    with pytest.raises(NotFound, match="reps/9 does not exist; create it") as caught:
        await run_in_process(work.refuse, timeout=30)
    assert caught.value.reason == "REP_NOT_FOUND"


async def test_a_fault_is_told_without_its_text() -> None:
    with pytest.raises(WorkerFailed) as caught:
        await run_in_process(work.blunder, timeout=30)
    assert "secret" not in caught.value.message
    assert "ValueError" in caught.value.message


async def test_a_result_that_cannot_be_sent_is_a_fault() -> None:
    with pytest.raises(WorkerFailed):
        await run_in_process(work.return_the_unsendable, timeout=30)


@pytest.mark.parametrize(("what", "how"), [(work.die, "killed by SIGKILL"), (work.leave, "status 3")])
async def test_a_worker_that_dies_fails_its_own_request_only(what: Any, how: str) -> None:
    living = asyncio.create_task(run_in_process(work.add, 1, 1, timeout=30))
    with pytest.raises(WorkerDied, match=how):
        await run_in_process(what, timeout=30)
    assert await living == 2


async def test_a_call_given_up_before_its_worker_was_fed_leaves_no_pipe_open() -> None:
    # The only thread is taken, so the job waits to be written: giving up then must close the pipe itself.
    threads = ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(threads)
    taken = threading.Event()
    threads.submit(taken.wait)
    before = open_pipes()
    running = asyncio.create_task(run_in_process(work.add, 1, 1, timeout=30))
    for _ in range(500):
        if open_pipes() > before:
            break
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    del running
    taken.set()
    await asyncio.sleep(0.1)
    assert open_pipes() == before


async def test_a_timeout_kills_the_worker(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    running = asyncio.create_task(run_in_process(work.sleep_and_tell, str(file), timeout=3))
    pid = await pid_in(file)
    with pytest.raises(DeadlineExceeded, match="more time"):
        await running
    assert not alive(pid)


async def test_cancelling_kills_the_worker_at_once(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    running = asyncio.create_task(run_in_process(work.sleep_and_tell, str(file), timeout=60))
    pid = await pid_in(file)
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 0.5
    assert not alive(pid)


async def test_a_worker_dies_with_its_parent(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = (
        "import asyncio; from fieldwise_runtime.workers import run_in_process; "
        "from tests.runtime import work_for_workers as work; "
        f"asyncio.run(run_in_process(work.sleep_and_tell, {str(file)!r}, timeout=60))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    parent = subprocess.Popen([sys.executable, "-c", code], env=environment)
    pid = await pid_in(file)
    parent.kill()
    parent.wait()
    for _ in range(100):
        if not alive(pid):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the worker outlived its parent")


async def test_reports_arrive_in_order_before_the_result() -> None:
    heard: list[int] = []
    assert await run_in_process(work.count_to, 100, timeout=30, on_message=heard.append) == 100
    assert heard == list(range(100))


def test_outside_a_worker_reports_go_nowhere() -> None:
    assert work.count_to(3) == 3


async def test_the_trace_goes_on_in_the_worker(recorded: Any) -> None:
    with tracing.tracer().start_as_current_span("above") as above:
        told = await run_in_process(work.tell_trace, timeout=30)
    assert told == f"{above.get_span_context().trace_id:032x}"
    assert recorded.get_finished_spans()


async def test_a_worker_uses_one_thread() -> None:
    assert await run_in_process(work.threads, timeout=30) == "1"


async def test_work_that_cannot_be_sent_is_refused_with_a_remedy() -> None:
    with pytest.raises(TypeError, match="module-level function"):
        await run_in_process(lambda: 1, timeout=30)
