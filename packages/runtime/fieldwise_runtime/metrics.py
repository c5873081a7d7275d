"""Figures of this process for Prometheus: where they are kept and how they are told; knows no figure.

Labels have few values, all of them from code: never a customer, a rep, a request or an error's text.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import disable_created_metrics
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# Series of the moment in which a figure was first counted double the page and tell nobody anything.
disable_created_metrics()  # type: ignore[no-untyped-call]  # published so

# Bounds of seconds, from a hop to the longest plan. 0.1 and 0.25 are limits of objectives (docs/slo.md).
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
# Most values of a label that comes from elsewhere; what comes later is counted under OTHER.
MOST_VALUES: Final = 200
OTHER: Final = "(other)"

F = TypeVar("F", bound=Collector)

REGISTRY: Final = CollectorRegistry(auto_describe=True)
ProcessCollector(registry=REGISTRY)


# The module that made each figure.
_makers: Final[dict[Collector, str]] = {}


def _made(figure: F) -> F:
    """Notes who made it: the caller of the function that calls this."""
    _makers[figure] = str(sys._getframe(2).f_globals["__name__"])
    return figure


def keep_only(modules: Collection[str]) -> None:
    """Tell no figure any more but those of these modules: for a process forked from one that imported every process's program."""
    for figure, maker in list(_makers.items()):
        if maker not in modules:
            REGISTRY.unregister(figure)
            del _makers[figure]


def counter(name: str, meaning: str, *labels: str) -> Counter:
    """What only grows; ``name`` without ``_total``."""
    return _made(Counter(name, meaning, labels, registry=REGISTRY))


def gauge(name: str, meaning: str, *labels: str) -> Gauge:
    """What goes up and down."""
    return _made(Gauge(name, meaning, labels, registry=REGISTRY))


def histogram(name: str, meaning: str, *labels: str, bounds: Sequence[float] = SECONDS) -> Histogram:
    """How often a figure lay between bounds. For what is counted by every call, see `durations.Durations`."""
    return _made(Histogram(name, meaning, labels, buckets=bounds, registry=REGISTRY))


class Watched(Collector):
    """A gauge whose value is looked at when somebody asks for the page; ``value`` must neither wait nor raise."""

    def __init__(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        self._name = name
        self._meaning = meaning
        self._value = value
        REGISTRY.register(_made(self))

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(self._name, self._meaning, self._value())


class Few:
    """Values of a label that comes from elsewhere, such as the reason of a peer's error, kept few."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def of(self, value: str) -> str:
        """The value itself, or OTHER when there are too many already."""
        if value in self._known:
            return value
        if len(self._known) >= MOST_VALUES:
            return OTHER
        self._known.add(value)
        return value


def page(accept: str = "") -> tuple[bytes, str]:
    """All figures as they are now, and their content type: OpenMetrics where ``accept`` names it, else plain text.

    Only OpenMetrics has the exemplars, which lead from a bucket to a trace. Takes some milliseconds: not for an event loop.
    """
    try:
        encoder, content_type = choose_encoder(accept)
        return encoder(REGISTRY), content_type
    except (ValueError, TypeError):  # a version or an escaping that is none
        encoder, content_type = choose_encoder("")
        return encoder(REGISTRY), content_type


_Send = Callable[[dict[str, Any]], Awaitable[None]]


class MetricsRoute:
    """The page as an ASGI application, to be mounted where a process has an HTTP face: `Route("/metrics", MetricsRoute())`."""

    async def __call__(self, scope: Any, receive: Any, send: _Send) -> None:
        accept = b"".join(value for name, value in scope.get("headers", ()) if name == b"accept")
        allowed = scope.get("method", "GET") in ("GET", "HEAD")
        body, content_type = await asyncio.to_thread(page, accept.decode("latin-1"))
        if not allowed:
            body, content_type = b"give GET\n", "text/plain; charset=utf-8"
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        sent = b"" if scope.get("method") == "HEAD" else body
        await send({"type": "http.response.start", "status": 200 if allowed else 405, "headers": headers})
        await send({"type": "http.response.body", "body": sent})


def route() -> MetricsRoute:
    """What answers ``/metrics`` on an HTTP face."""
    return MetricsRoute()
