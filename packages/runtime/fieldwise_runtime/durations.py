"""Seconds of what every call does, counted at a third of a histogram's cost, with a trace for each bucket; knows no call."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from fieldwise_runtime.metrics import REGISTRY, SECONDS

_INFINITY: Final = "+Inf"


class Child:
    """The seconds under one set of labels. Counted in one thread (the event loop's); read in any."""

    __slots__ = ("_bounds", "_counts", "_exemplars", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        # The newest of each bucket: trace, seconds, when.
        self._exemplars: list[tuple[int, float, float] | None] = [None] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float, trace_id: int = 0) -> None:
        """Counts one.

        Args:
            trace_id: The trace in which it was, as an integer; 0 for none.
        """
        place = bisect_left(self._bounds, seconds)
        self._counts[place] += 1
        self._sum += seconds
        if trace_id:
            self._exemplars[place] = (trace_id, seconds, time.time())

    def told(self) -> tuple[list[tuple[str, float] | tuple[str, float, Exemplar]], float]:
        """Buckets as Prometheus has them, each with all below it, and the sum."""
        counts, exemplars, total = list(self._counts), list(self._exemplars), self._sum
        names = [*map(str, self._bounds), _INFINITY]
        buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
        for name, count, newest in zip(names, accumulate(counts), exemplars, strict=True):
            if newest is None:
                buckets.append((name, float(count)))
            else:
                trace_id, seconds, moment = newest
                buckets.append(
                    (name, float(count), Exemplar({"trace_id": f"{trace_id:032x}"}, seconds, moment))
                )
        return buckets, total


class Durations(Collector):
    """A histogram of seconds by labels."""

    def __init__(
        self, name: str, meaning: str, labels: Sequence[str], bounds: Sequence[float] = SECONDS
    ) -> None:
        self._name = name
        self._meaning = meaning
        self._labels = tuple(labels)
        self._bounds = tuple(bounds)
        self._children: dict[tuple[str, ...], Child] = {}
        REGISTRY.register(self)

    def child(self, *values: str) -> Child:
        """Where the seconds under these values are counted; whoever counts often keeps it."""
        found = self._children.get(values)
        if found is None:
            found = self._children[values] = Child(self._bounds)
        return found

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(self._name, self._meaning, labels=self._labels)
        # A copy: the event loop may meet a new method meanwhile.
        for values, child in list(self._children.items()):
            buckets, total = child.told()
            family.add_metric(values, buckets, total)
        yield family
