"""One batch in flight: questions that come meanwhile wait and go together in the next, so that load makes each cheaper; knows no question.

A question that finds nothing under way is asked at once, in its own task: alone it costs no more than without all this. Those
that waited are asked in a trace of their own, to which the span of each one's waiting is linked.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from opentelemetry.trace import Span

from fieldwise_runtime import deadlines, tracing

# A batch that takes longer is stuck, or behind something that is: the next goes beside it.
_PATIENCE_SECONDS: Final = 0.25

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Q, A]):
    """A question in the queue; ``seconds_left`` is asked again when its batch begins."""

    question: Q
    answer: asyncio.Future[A]
    ends: float
    span: Span


class Coalescer(Generic[Q, A]):
    """Asks one question, or as many as wait, and gives each its answer.

    Args:
        name: Of the batch, in spans: ``batch <name>``.
        send: Answers questions in their order; within the deadline of its task. Must not raise for one question alone.
        most: Questions in one batch.
        observe: Is told the size of each batch.
    """

    def __init__(
        self,
        name: str,
        send: Callable[[Sequence[Q]], Awaitable[Sequence[A]]],
        most: int,
        observe: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._send = send
        self._most = most
        self._observe = observe
        self._queue: list[_Waiting[Q, A]] = []
        self._turn: object | None = None
        self._overdue: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Questions in the queue now."""
        return len(self._queue)

    async def ask(self, question: Q) -> A:
        """The answer, alone or among others. Whoever is cancelled takes his question with him."""
        if self._turn is not None:
            return await self._among_others(question)
        turn = self._begun()
        try:
            self._observe(1)
            (answer,) = await self._send([question])
            return answer
        finally:
            self._ended(turn)

    async def _among_others(self, question: Q) -> A:
        loop = asyncio.get_running_loop()
        left = deadlines.remaining()
        ends = float("inf") if left is None else loop.time() + left
        span = tracing.internal_span(f"wait for batch {self._name}")
        waiting: _Waiting[Q, A] = _Waiting(question, loop.create_future(), ends, span)
        self._queue.append(waiting)
        try:
            return await waiting.answer
        finally:
            # Of one who left while he waited; the span of one who was asked has ended.
            span.end()

    def _begun(self) -> object:
        turn = self._turn = object()
        # What is stuck must not keep everybody waiting who comes after it.
        self._overdue = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._ended, turn)
        return turn

    def _ended(self, turn: object) -> None:
        """The questions that wait go next; called again for a turn that was overdue, it does nothing."""
        if self._turn is not turn:
            return
        if self._overdue is not None:
            self._overdue.cancel()
        self._turn = None
        some = self._taken()
        if not some:
            return
        following = self._begun()
        # A context of its own: the batch is no part of the call that happened to come before it.
        asking = asyncio.get_running_loop().create_task(
            self._asked(some, following), context=contextvars.Context()
        )
        _cancel_when_nobody_waits(asking, some)
        _asking.add(asking)

        def done(task: asyncio.Task[None]) -> None:
            _asking.discard(task)
            if not task.cancelled():
                # Told to those who waited for it.
                task.exception()
            self._ended(following)

        asking.add_done_callback(done)

    def _taken(self) -> list[_Waiting[Q, A]]:
        waiting = [each for each in self._queue if not each.answer.done()]
        self._queue = waiting[self._most :]
        return waiting[: self._most]

    async def _asked(self, some: list[_Waiting[Q, A]], turn: object) -> None:
        latest = max(each.ends for each in some)
        if latest != float("inf"):
            deadlines.begin(latest - asyncio.get_running_loop().time())
        links = [each.span.get_span_context() for each in some]
        self._observe(len(some))
        with tracing.batch_span(f"batch {self._name}", links) as batch:
            for each in some:
                each.span.add_link(batch.get_span_context())
                each.span.end()
            try:
                answers = await self._send([each.question for each in some])
            except BaseException as error:
                for each in some:
                    if not each.answer.done():
                        each.answer.set_exception(_told(error))
                raise
        self._ended(turn)
        for each, answer in zip(some, answers, strict=True):
            if not each.answer.done():
                each.answer.set_result(answer)
                # grpc takes one call in with each turn of the loop: with a hundred answers in one turn, those who come
                # meanwhile would wait unseen, even to be refused.
                await asyncio.sleep(0)


def _told(error: BaseException) -> BaseException:
    """What those who wait are told; only their own caller cancels them."""
    if isinstance(error, asyncio.CancelledError):
        return TimeoutError("the batch was cancelled; ask again")
    return error


def _cancel_when_nobody_waits(asking: asyncio.Task[None], some: Sequence[_Waiting[Q, A]]) -> None:
    """Ends the work when everybody who wanted it has left."""
    staying = len(some)

    def left(answer: asyncio.Future[A]) -> None:
        nonlocal staying
        staying -= answer.cancelled()
        if not staying:
            asking.cancel()

    for each in some:
        each.answer.add_done_callback(left)


# The loop keeps only weak references to tasks.
_asking: set[asyncio.Task[Any]] = set()
