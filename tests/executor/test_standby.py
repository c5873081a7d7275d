"""Workers forked from a process that stands by: prepared once, a process each, limited in memory, gone with their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from fieldwise_executor.local import LocalExecutor
from fieldwise_executor.standby import Readiness
from fieldwise_runtime import tracing
from fieldwise_runtime.errors import DeadlineExceeded, ResourceExhausted
from fieldwise_runtime.workers import WorkerDied, WorkerFailed
from tests.executor import work_for_standby as work

PREPARE = "tests.executor.work_for_standby:prepare"
LIMIT = 1 << 30


@pytest_asyncio.fixture
async def standing_by() -> AsyncIterator[LocalExecutor]:
    executor = LocalExecutor(1, Readiness(PREPARE, LIMIT))
    yield executor
    await executor.close()


def nurseries() -> list[psutil.Process]:
    """Those of these tests: others of the same run may have one of their own."""
    return [each for each in psutil.Process().children() if PREPARE in each.cmdline()]


def forked() -> list[psutil.Process]:
    return [child for nursery in nurseries() for child in nursery.children()]


async def forked_one() -> psutil.Process:
    for _ in range(500):
        if found := forked():
            return found[0]
        await asyncio.sleep(0.02)
    raise AssertionError("no worker came to life")


async def gone(process: psutil.Process) -> bool:
    for _ in range(100):
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_nothing_stands_by_before_the_first_work(standing_by: LocalExecutor) -> None:
    assert nurseries() == []
    await standing_by.run(work.pid, timeout=30)
    assert len(nurseries()) == 1


async def test_each_work_has_a_process_of_its_own_prepared_once_before_it(standing_by: LocalExecutor) -> None:
    done_by = [await standing_by.run(work.pid, timeout=30) for _ in range(3)]
    prepared = [await standing_by.run(work.prepared_at, timeout=30) for _ in range(2)]
    assert len(set(done_by)) == 3
    assert prepared[0] == prepared[1]
    assert len(prepared[0]) == 1


async def test_a_prepared_worker_starts_in_a_fraction_of_a_second(standing_by: LocalExecutor) -> None:
    await standing_by.run(work.pid, timeout=30)
    began = time.monotonic()
    for _ in range(5):
        await standing_by.run(work.pid, timeout=30)
    # A fresh interpreter takes .3 s and more.
    assert (time.monotonic() - began) / 5 < 0.2


async def test_large_arguments_and_results_pass(standing_by: LocalExecutor) -> None:
    data = await standing_by.run(work.large, 5_000_000, timeout=30)
    assert await standing_by.run(len, data, timeout=30) == 5_000_000


async def test_reports_arrive_in_order_before_the_result(standing_by: LocalExecutor) -> None:
    heard: list[int] = []
    assert await standing_by.run(work.count_to, 50, timeout=30, on_message=heard.append) == 50
    assert heard == list(range(50))


async def test_a_worker_killed_by_the_system_is_told_so_and_hurts_no_other(
    standing_by: LocalExecutor,
) -> None:
    running = asyncio.create_task(standing_by.run(work.sleep, timeout=30))
    worker = await forked_one()
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(WorkerDied, match="killed by SIGKILL"):
        await running
    with pytest.raises(WorkerDied, match="status 3"):
        await standing_by.run(work.leave, timeout=30)
    with pytest.raises(WorkerFailed, match="ValueError"):
        await standing_by.run(work.blunder, timeout=30)
    assert await standing_by.run(work.pid, timeout=30) != worker.pid
    assert len(nurseries()) == 1


async def test_a_worker_killed_before_it_said_who_it_is_is_told_so(standing_by: LocalExecutor) -> None:
    await standing_by.run(work.pid, timeout=30)
    (nursery,) = nurseries()
    # Stopped, the nursery forks nobody: the pipe of the worker to come is closed by killing it before it lives.
    nursery.suspend()
    running = asyncio.create_task(standing_by.run(work.sleep, timeout=30))
    await asyncio.sleep(0.1)
    nursery.kill()
    with pytest.raises(WorkerDied, match="killed by SIGKILL"):
        await running


async def test_closing_in_the_midst_of_a_work_ends_it(standing_by: LocalExecutor) -> None:
    running = asyncio.create_task(standing_by.run(work.sleep, timeout=30))
    await forked_one()
    await standing_by.close()
    with pytest.raises(WorkerDied, match="killed by SIGKILL"):
        await running


async def test_a_work_that_wants_too_much_memory_is_told_so_and_hurts_no_other(
    standing_by: LocalExecutor,
) -> None:
    with pytest.raises(ResourceExhausted, match="more memory than a worker may take") as told:
        await standing_by.run(work.hoard, 2 * LIMIT, timeout=30)
    assert told.value.reason == "WORKER_OUT_OF_MEMORY"
    assert await standing_by.run(work.hoard, 1 << 20, timeout=30) == 1 << 20


async def test_cancelling_and_the_timeout_kill_the_worker_at_once(standing_by: LocalExecutor) -> None:
    await standing_by.run(work.pid, timeout=30)
    running = asyncio.create_task(standing_by.run(work.sleep, timeout=30))
    worker = await forked_one()
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 0.5
    assert await gone(worker)
    with pytest.raises(DeadlineExceeded):
        await standing_by.run(work.sleep, timeout=0.3)
    assert forked() == []


async def test_a_work_given_up_before_the_standby_is_ready_is_not_done(tmp_path: Path) -> None:
    executor = LocalExecutor(1, Readiness(PREPARE))
    mark = tmp_path / "done"
    running = asyncio.create_task(executor.run(work.write, str(mark), timeout=30))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await executor.run(work.pid, timeout=30)
    assert not mark.exists()
    await executor.close()


async def test_a_standby_that_died_is_replaced(standing_by: LocalExecutor) -> None:
    running = asyncio.create_task(standing_by.run(work.sleep, timeout=30))
    worker, (nursery,) = await forked_one(), nurseries()
    os.kill(nursery.pid, signal.SIGKILL)
    with pytest.raises(WorkerDied):
        await running
    assert await gone(worker)
    assert await standing_by.run(work.pid, timeout=30)
    assert [each.pid for each in nurseries()] != [nursery.pid]


async def test_closing_ends_everything() -> None:
    executor = LocalExecutor(1, Readiness(PREPARE))
    await executor.run(work.pid, timeout=30)
    await executor.close()
    assert nurseries() == []


async def test_the_standby_and_its_worker_die_with_their_parent(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = (
        "import asyncio; from fieldwise_executor.local import LocalExecutor; "
        "from fieldwise_executor.standby import Readiness; from tests.executor import work_for_standby as work; "
        f"asyncio.run(LocalExecutor(1, Readiness({PREPARE!r})).run(work.write_and_sleep, {str(file)!r}, timeout=60))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    parent = subprocess.Popen([sys.executable, "-c", code], env=environment)
    while not (file.exists() and file.read_text()):  # noqa: ASYNC110  # a process, which sets no event
        await asyncio.sleep(0.02)
    worker = psutil.Process(int(file.read_text()))
    nursery = worker.parent()
    parent.kill()
    parent.wait()
    assert await gone(worker)
    assert nursery is not None
    assert await gone(nursery)


async def test_the_trace_goes_on_and_spans_have_ids_of_their_own(standing_by: LocalExecutor) -> None:
    tracing.configure("fieldwise-test", "")
    with tracing.step("above"):
        own = tracing.current_trace_id()
        told = [await standing_by.run(work.tell_span, timeout=30) for _ in range(2)]
    assert {trace for trace, _ in told} == {own}
    assert len({span for _, span in told}) == 2
