"""Departments by clusters of stores, 8 weeks ahead from five origins: every level forecast, then made coherent; beside the libraries."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from benchmarks.report import Row
from fieldwise_forecast.core.series import engine
from fieldwise_forecast.core.series.hierarchy import (
    Backtest,
    Hierarchy,
    compared,
    reconciled,
    without_negatives,
)
from fieldwise_forecast.core.series.panel import Known, Panel
from fieldwise_forecast.core.series.pool import POOL

from .journey_series import HORIZON, ORIGINS, clusters, known
from .series_peers import learned, statistical

Floats = npt.NDArray[np.float64]

SES, ETS, XGB = "SES", "AutoETS", "mlforecast + XGBoost"
# Two learners that decide nothing here and take most of the time.
SLOW = ("random-forest", "decision-tree")


@dataclass(frozen=True)
class Told:
    """Forecasts of all nodes from one origin, shape (n_nodes, horizon), and the CPU seconds they took."""

    base: Floats
    coherent: Floats
    method: str
    cpu_seconds: float


def rows(*, quick: bool) -> Iterator[Row]:
    bottom = clusters()
    hierarchy = Hierarchy.of(bottom.keys, (("department",), ("cluster",)))
    nodes = all_nodes(hierarchy, bottom)
    told, peers = {}, {}
    for week in ORIGINS:
        seen = nodes.until(known(week))
        told[week] = ours(hierarchy, seen, quick=quick)
        peers[week] = rivals(bottom.until(known(week)), seen)
    actual = {week: nodes.values[:, known(week) : known(week) + HORIZON] for week in ORIGINS}
    yield from finest(hierarchy, actual, told, peers)
    yield from by_level(hierarchy, actual, told, peers)
    off = max(incoherence(hierarchy, each.coherent) for each in told.values())
    yield Row("sums over parts, largest difference, of the total", off, "share", "must", "<= 1e-6")
    yield Row("fit, backtest, forecast, reconcile", mean(each.cpu_seconds for each in told.values()), "CPU s")


def all_nodes(hierarchy: Hierarchy, bottom: Panel) -> Panel:
    """Every node as a series; its plan is the sum over its parts, logarithmic."""
    inputs = bottom.known.values
    summed = np.stack([hierarchy.summed(inputs[:, :, i]) for i in range(inputs.shape[2])], axis=2)
    plan = Known(bottom.known.names, np.log1p(summed))
    return replace(bottom, keys=hierarchy.keys, values=hierarchy.summed(bottom.values), known=plan)


def ours(hierarchy: Hierarchy, nodes: Panel, *, quick: bool) -> Told:
    begun = time.process_time()
    labels = [hierarchy.levels[level] for level in hierarchy.level_of.tolist()]
    pool = [name for name in POOL if not (quick and name in SLOW)]
    fitted = engine.fit(nodes, HORIZON, levels=labels, cpu_seconds=time.process_time, pool=pool)
    base = fitted.forecast(nodes, HORIZON, labels)
    test = fitted.backtest
    tests = Backtest(test.origins, test.actual, test.forecast)
    method = compared(hierarchy, tests, lambda _: None)[0].method
    coherent = reconciled(hierarchy, base, method, tests.misses_before(nodes.length))
    coherent = without_negatives(hierarchy, coherent)
    return Told(base, coherent, method.value, time.process_time() - begun)


def rivals(bottom: Panel, nodes: Panel) -> dict[str, Floats]:
    """SES and AutoETS of all nodes; mlforecast of the finest level, where it has all series alike."""
    found = statistical(nodes.values, HORIZON)
    found[XGB] = learned(replace(bottom, known=Known()), HORIZON)["XGBoost"]
    return found


def finest(
    hierarchy: Hierarchy,
    actual: dict[int, Floats],
    told: dict[int, Told],
    peers: dict[int, dict[str, Floats]],
) -> Iterator[Row]:
    last = slice(-hierarchy.bottom, None)
    truth = {week: each[last] for week, each in actual.items()}
    scores = {
        name: wape(truth, {week: peers[week][name][last] for week in ORIGINS}) for name in (SES, ETS, XGB)
    }
    value = wape(truth, {week: told[week].coherent[last] for week in ORIGINS})
    for level, limit in (("must", 0.97), ("stretch", 0.92)):
        ratio = value / scores[SES]
        yield Row(
            "department x cluster, WAPE over that of SES", ratio, "x", level, f"<= {limit}", SES, scores[SES]
        )
    for name in (ETS, XGB):
        ratio = value / scores[name]
        yield Row(
            f"department x cluster, WAPE over that of {name}", ratio, "x", peer=name, peer_value=scores[name]
        )


def by_level(
    hierarchy: Hierarchy,
    actual: dict[int, Floats],
    told: dict[int, Told],
    peers: dict[int, dict[str, Floats]],
) -> Iterator[Row]:
    for level, name in enumerate(hierarchy.levels):
        nodes = hierarchy.rows_of(level)
        truth = {week: each[nodes] for week, each in actual.items()}
        base = wape(truth, {week: each.base[nodes] for week, each in told.items()})
        coherent = wape(truth, {week: each.coherent[nodes] for week, each in told.items()})
        ses = wape(truth, {week: each[SES][nodes] for week, each in peers.items()})
        yield Row(f"{name}: WAPE, coherent", coherent, "share", peer=SES, peer_value=ses)
        yield Row(f"{name}: WAPE, coherent over not reconciled", coherent / base, "x")
    methods = sorted({each.method for each in told.values()})
    yield Row(f"methods of reconciliation chosen ({', '.join(methods)})", len(methods), "methods")


def incoherence(hierarchy: Hierarchy, coherent: Floats) -> float:
    summed = hierarchy.summed(coherent[-hierarchy.bottom :])
    return float(np.abs(summed - coherent).max() / np.abs(coherent).max())


def wape(actual: dict[int, Floats], forecasts: dict[int, Floats]) -> float:
    missed = sum(float(np.abs(actual[week] - forecasts[week]).sum()) for week in ORIGINS)
    return missed / sum(float(actual[week].sum()) for week in ORIGINS)


def mean(values: Iterator[float]) -> float:
    return float(np.mean(list(values)))
