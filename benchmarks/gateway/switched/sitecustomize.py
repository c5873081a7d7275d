"""Makes tracing of a running process switchable by a file, for the benchmark of its cost; Python imports it at start.

Modes: `store` is what the process does anyway; `drop` records every span and drops it where it would be queued; `off` makes no span
and passes no context on, which no setting can: the harshest thing to be compared with.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import INVALID_SPAN_CONTEXT

from fieldwise_runtime import tracing
from fieldwise_runtime.rpc_spans import RpcSpan

_LOOK_SECONDS = 0.05


class Dropping(SpanProcessor):
    """Takes spans and does nothing."""


class Untraced(RpcSpan):
    """Holds what metrics read of a call's span, and nothing else."""

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self._attributes = attributes
        self._context = INVALID_SPAN_CONTEXT
        self._ended = False
        self._start = time.time_ns()

    def is_recording(self) -> bool:
        return False

    def set_attribute(self, key: str, value: Any) -> None: ...

    def set_attributes(self, attributes: Mapping[str, Any]) -> None: ...

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None: ...

    def add_link(self, context: Any, attributes: Any = None) -> None: ...

    def set_status(self, status: Any, description: str | None = None) -> None: ...

    def end(self, end_time: int | None = None) -> None:
        self._ended = True


@contextmanager
def _no_batch(_name: str, _members: Any) -> Iterator[trace.Span]:
    yield trace.INVALID_SPAN


def _no_client(_name: str, attributes: Mapping[str, Any]) -> trace.Span:
    return Untraced(attributes)


def _no_server(_name: str, _header: str, attributes: Mapping[str, Any], **_more: Any) -> trace.Span:
    return Untraced(attributes)


class Switch:
    """The modes of this process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._mode = "store"
        self._own: dict[str, Any] = {}
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(Dropping())
        self._dropping = {"_processor": Dropping(), "_tracer": provider.get_tracer("fieldwise")}
        self._off: dict[str, Any] = {
            "_tracer": trace.NoOpTracer(),
            "client_span": _no_client,
            "server_span": _no_server,
            "internal_span": lambda _: trace.INVALID_SPAN,
            "batch_span": _no_batch,
        }

    def follow(self) -> None:
        """Keep what the process has set up, and look at the file from now on."""
        self._own = {name: getattr(tracing, name) for name in {**self._dropping, **self._off}}
        threading.Thread(target=self._look, daemon=True, name="tracing-switch").start()

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            mode = self._file.read_text(encoding="ascii").strip() if self._file.exists() else "store"
            if mode != self._mode:
                changed = {"store": {}, "drop": self._dropping, "off": self._off}[mode]
                for name, value in (self._own | changed).items():
                    setattr(tracing, name, value)
                self._mode = mode


def _install(file: str) -> None:
    switch, configure = Switch(Path(file)), tracing.configure

    def configured(*given: Any, **more: Any) -> tracing.Tracing:
        made = configure(*given, **more)
        switch.follow()
        return made

    tracing.configure = configured


if os.environ.get("FIELDWISE_BENCH_TRACING"):
    _install(os.environ["FIELDWISE_BENCH_TRACING"])
