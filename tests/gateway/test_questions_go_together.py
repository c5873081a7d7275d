"""One batch in flight: who asks meanwhile waits for the next, gets his own answer, and nobody's fate is another's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fieldwise_gateway.coalescing import Coalescer
from fieldwise_runtime import deadlines, tracing


class Service:
    """Answers twice the number, slowly; notes how many batches were under way at once, and how large each was."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds
        self.batches: list[list[int]] = []
        self.under_way = 0
        self.most_under_way = 0
        self.cancelled = 0
        self.left: list[float | None] = []

    async def answer(self, questions: Sequence[int]) -> list[int]:
        self.batches.append(list(questions))
        self.left.append(deadlines.remaining())
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1
        if -1 in questions:
            raise ValueError("told to")
        return [2 * question for question in questions]


async def test_everybody_gets_his_own_answer_and_one_batch_is_under_way() -> None:
    service = Service()
    coalescer = Coalescer[int, int]("of doubles", service.answer, 16)
    answers = await asyncio.gather(*(coalescer.ask(number) for number in range(100)))
    assert answers == [2 * number for number in range(100)]
    assert service.most_under_way == 1
    assert [len(batch) for batch in service.batches] == [1, 16, 16, 16, 16, 16, 16, 3]


async def test_who_asks_alone_is_asked_for_at_once_each_time() -> None:
    service = Service(0.0)
    coalescer = Coalescer[int, int]("of doubles", service.answer, 16)
    for number in range(3):
        assert await coalescer.ask(number) == 2 * number
    assert service.batches == [[0], [1], [2]]


async def test_one_who_leaves_takes_his_question_with_him_and_nobody_elses() -> None:
    service = Service()
    coalescer = Coalescer[int, int]("of doubles", service.answer, 16)
    asking = [asyncio.create_task(coalescer.ask(number)) for number in range(4)]
    await asyncio.sleep(0)
    asking[2].cancel()
    done = await asyncio.gather(*asking, return_exceptions=True)
    assert [done[0], done[1], done[3]] == [0, 2, 6]
    assert isinstance(done[2], asyncio.CancelledError)
    assert service.batches == [[0], [1, 3]]


async def test_work_that_nobody_waits_for_any_more_is_ended() -> None:
    service = Service(0.02)
    coalescer = Coalescer[int, int]("of doubles", service.answer, 16)
    asking = [asyncio.create_task(coalescer.ask(number)) for number in range(4)]
    await asking[0]
    await asyncio.sleep(0.001)
    assert len(service.batches) == 2
    for each in asking[1:]:
        each.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await asyncio.sleep(0.01)
    assert service.cancelled == 1
    assert service.under_way == 0
    service.seconds = 0.0
    assert await coalescer.ask(21) == 42, "and the next is asked as ever"


async def test_the_first_who_leaves_does_not_keep_the_others_waiting() -> None:
    service = Service(10.0)
    coalescer = Coalescer[int, int]("of doubles", service.answer, 16)
    first, second = (asyncio.create_task(coalescer.ask(number)) for number in (1, 2))
    await asyncio.sleep(0.01)
    service.seconds = 0.0
    first.cancel()
    assert await second == 4


async def test_a_batch_that_is_stuck_does_not_keep_those_waiting_who_come_after_it() -> None:
    service = Service(10.0)
    coalescer = Coalescer[int, int]("of doubles", service.answer, 16)
    stuck = asyncio.create_task(coalescer.ask(1))
    await asyncio.sleep(0)
    service.seconds = 0.0
    async with asyncio.timeout(1.0):
        assert list(await asyncio.gather(coalescer.ask(2), coalescer.ask(3))) == [4, 6]
        assert await coalescer.ask(4) == 8, "and the next waits for nothing"
    stuck.cancel()
    assert service.most_under_way == 2


async def test_a_fault_reaches_those_it_belongs_to_and_the_queue_goes_on() -> None:
    service = Service()
    coalescer = Coalescer[int, int]("of doubles", service.answer, 2)
    done = await asyncio.gather(*(coalescer.ask(n) for n in (0, -1, 1, 2, 3)), return_exceptions=True)
    assert [each if isinstance(each, int) else type(each) for each in done] == [
        0,
        ValueError,
        ValueError,
        4,
        6,
    ]


async def test_a_batch_has_as_long_as_the_most_patient_of_its_members() -> None:
    service = Service()
    coalescer = Coalescer[int, int]("of doubles", service.answer, 16)

    async def ask(number: int, seconds: float) -> int:
        deadlines.begin(seconds)
        return await coalescer.ask(number)

    await asyncio.gather(*(asyncio.create_task(ask(n, 1.0 + n)) for n in range(3)))
    first, batch = service.left
    assert first is not None
    assert batch is not None
    assert 0.9 < first <= 1.0
    assert 2.9 < batch <= 3.0


@pytest.fixture
def spans() -> InMemorySpanExporter:
    kept = InMemorySpanExporter()
    tracing.configure("fieldwise-gateway", "", spans_to=SimpleSpanProcessor(kept))
    return kept


async def test_a_batch_has_a_trace_of_its_own_and_waiting_is_a_span_linked_to_it(
    spans: InMemorySpanExporter,
) -> None:
    coalescer = Coalescer[int, int]("of doubles", Service().answer, 16)

    async def ask(number: int) -> str:
        tracing.server_span(f"call {number}", "", {})
        await coalescer.ask(number)
        return tracing.current_trace_id()

    try:
        traces = await asyncio.gather(*(asyncio.create_task(ask(number)) for number in range(3)))
    finally:
        tracing.configure("fieldwise-gateway", "").shutdown()
    ended = spans.get_finished_spans()
    (batch,) = [span for span in ended if span.name == "batch of doubles"]
    waits = [span for span in ended if span.name == "wait for batch of doubles"]
    assert [f"{wait.context.trace_id:032x}" for wait in waits] == traces[1:]
    assert {link.context.span_id for link in batch.links} == {wait.context.span_id for wait in waits}
    assert all([link.context for link in wait.links] == [batch.context] for wait in waits)
    assert batch.parent is None
