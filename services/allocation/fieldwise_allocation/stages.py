"""Stages of a solve as spans of its trace; knows no solver.

A worker keeps them until its end: spans that left it before would lose their parent when it is killed. What it told of them
on the way is then recorded by the server that cut it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from fieldwise_runtime import tracing

# Gives the context of a stage by its name, such as `tracing.step`.
Stages = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True)
class Stage:
    """One stage; nanoseconds since 1970 on the wall clock, ``ended`` None while it lasts."""

    name: str
    began: int
    ended: int | None = None


@dataclass
class Kept:
    """Stages of this process or of another one, in the order in which they began.

    Args:
        tell: Gets each stage when it begins and when it ends.
    """

    tell: Callable[[Stage], object] = lambda _: None
    _stages: dict[tuple[str, int], Stage] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A stage from here to the end of the block."""
        began = time.time_ns()
        self.hear(Stage(name, began))
        try:
            yield
        finally:
            self.hear(Stage(name, began, time.time_ns()))

    def hear(self, stage: Stage) -> None:
        """Keeps what is known of a stage now, and tells it."""
        self._stages[stage.name, stage.began] = stage
        self.tell(stage)

    def record(self) -> None:
        """Makes them spans below the current one; those that have not ended end now."""
        for stage in self._stages.values():
            span = tracing.tracer().start_span(stage.name, start_time=stage.began)
            span.end(end_time=stage.ended or time.time_ns())
        self._stages.clear()
