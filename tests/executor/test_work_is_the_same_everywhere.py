"""Local processes and a Dask cluster do the same work with the same results, errors, progress and traces."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fieldwise_executor.executor import Executor, opened
from fieldwise_executor.kept import Kept
from fieldwise_executor.local import LocalExecutor
from fieldwise_executor.settings import place
from fieldwise_runtime import tracing
from fieldwise_runtime.errors import DeadlineExceeded, NotFound, Unavailable
from fieldwise_runtime.workers import WorkerDied, WorkerFailed
from tests.executor import work_for_executors as work


async def test_a_work_gives_its_result_and_tells_how_far_it_is(executor: Executor) -> None:
    told: list[int] = []
    assert await executor.run(work.told, 3, timeout=60, on_message=told.append) == "done"
    for _ in range(100):
        if len(told) == 3:
            break
        await asyncio.sleep(0.02)
    assert told == [0, 1, 2]


async def test_every_item_is_done_once(executor: Executor) -> None:
    found = [one async for one in executor.each(work.squared, range(30), timeout=60)]
    assert sorted(found) == [(number, number * number) for number in range(30)]


async def test_an_answer_to_the_caller_is_raised_as_it_is(executor: Executor) -> None:
    with pytest.raises(NotFound, match="reps/9 does not exist; create it"):
        await executor.run(work.refuse, timeout=60)


async def test_a_fault_is_told_without_its_text(executor: Executor) -> None:
    with pytest.raises(WorkerFailed, match="ValueError") as caught:
        await executor.run(work.blunder, timeout=60)
    assert "secret" not in caught.value.message


async def test_too_little_time_is_said(executor: Executor, tmp_path: Path) -> None:
    with pytest.raises(DeadlineExceeded, match="did not finish within"):
        await executor.run(work.pid_and_sleep, str(tmp_path / "pid"), 1.5, timeout=0.2)


async def test_work_goes_on_in_the_callers_trace(executor: Executor) -> None:
    recording = tracing.configure("fieldwise-test", "")
    with tracing.step("asked"):
        own = tracing.current_trace_id()
        assert await executor.run(work.trace_id, timeout=60) == own
    recording.shutdown()


async def test_items_are_taken_only_as_they_are_needed(executor: Executor) -> None:
    taken = 0

    def numbers() -> Iterator[int]:
        nonlocal taken
        for number in range(1_000):
            taken += 1
            yield number

    found = executor.each(work.squared, numbers(), timeout=60, at_a_time=2)
    async for _ in found:
        break
    await found.aclose()
    # Two processes, two slices ahead of each, and the slice that is being taken.
    assert taken <= 2 * (2 * 2 + 2)


async def test_a_work_that_was_broken_off_goes_on_where_it_was(executor: Executor, tmp_path: Path) -> None:
    items = [(str(tmp_path / "done"), number) for number in range(12)]
    kept = Kept(tmp_path / "kept")
    found = executor.each(work.noted, items, timeout=60, at_a_time=2, kept=kept)
    first = [(await anext(found)) for _ in range(4)]
    await found.aclose()
    finished = len(kept)
    assert finished >= len(first)
    items = [(str(tmp_path / "again"), number) for number in range(12)]
    again = [one async for one in executor.each(work.noted, items, timeout=60, at_a_time=2, kept=kept)]
    assert sorted(index for index, _ in again) == list(range(12))
    assert len((tmp_path / "again").read_text().split()) == 12 - finished
    kept.forget()
    assert not (tmp_path / "kept").exists()


async def test_an_item_whose_process_dies_is_tried_once_more(tmp_path: Path) -> None:
    executor = LocalExecutor(2)
    items = [str(tmp_path / name) for name in ("a", "b.dies", "c", "d")]
    found = [one async for one in executor.each(work.dies_once, items, timeout=60)]
    assert sorted(found) == [(0, "a"), (1, "b.dies"), (2, "c"), (3, "d")]


async def test_an_item_that_always_kills_its_process_is_given_up() -> None:
    executor = LocalExecutor(1)
    with pytest.raises(WorkerDied, match="SIGKILL"):
        async for _ in executor.each(work.dies, [1], timeout=60):
            pass


async def test_who_leaves_ends_the_work_of_local_processes(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    running = asyncio.create_task(LocalExecutor(1).run(work.pid_and_sleep, str(file), 60, timeout=60))
    for _ in range(500):
        if file.exists() and file.read_text():
            break
        await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


async def test_a_cluster_that_is_not_there_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fieldwise_executor.on_dask._CONNECT_SECONDS", 0.3)
    with pytest.raises(Unavailable, match="fieldwise up --dask"):
        await opened("tcp://127.0.0.1:9", 2)


@pytest.mark.parametrize("text", ["dask", "127.0.0.1:8786", "http://x"])
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="local"):
        place(text)
