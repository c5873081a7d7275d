"""202 commodities of Complete Journey, 8 weeks ahead from five origins: the engine, every forecaster of its pool, and the libraries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import ParamSpec

import numpy as np
import numpy.typing as npt

from benchmarks.report import Row
from fieldwise_forecast.core.learners import SEED
from fieldwise_forecast.core.series import engine
from fieldwise_forecast.core.series.panel import Known, Panel
from fieldwise_forecast.core.series.pool import POOL
from fieldwise_forecast.core.series.prepared import Prepared

from .journey_series import CHRISTMAS_WEEK, HORIZON, ORIGINS, commodities, known
from .series_peers import learned, statistical

Floats = npt.NDArray[np.float64]
P = ParamSpec("P")

OURS, OURS_WITHOUT_PLAN = "ours", "ours without the plan"
ETS, SES, XGB = "AutoETS", "SES", "mlforecast + XGBoost"
XGB_WITH_PLAN = f"{XGB}, with the plan"
# A quick run leaves out what decides nothing.
SLOW = ("random-forest",)


def rows(*, quick: bool) -> Iterator[Row]:
    panel = commodities()
    forecasts: dict[str, dict[int, Floats]] = {}
    spent: dict[str, float] = {}
    for week in ORIGINS:
        for name, (found, cpu) in forecast_all(panel.until(known(week)), quick=quick).items():
            forecasts.setdefault(name, {})[week] = found
            spent[name] = spent.get(name, 0.0) + cpu
    wapes = {name: wape(panel, found, ORIGINS) for name, found in forecasts.items()}
    yield from targets(wapes)
    if not quick:
        yield from about_the_plan(wapes)
    for name, value in sorted(wapes.items(), key=lambda each: each[1]):
        yield Row(f"WAPE, {name}", value, "share")
    ordinary = [week for week in ORIGINS if week + HORIZON < CHRISTMAS_WEEK]
    for name in (OURS, SES, ETS, XGB):
        yield Row(f"WAPE, {name}, origins without Christmas", wape(panel, forecasts[name], ordinary), "share")
    yield Row("fit, backtest and forecast, one origin", spent[OURS] / len(ORIGINS), "CPU s")


def targets(wapes: dict[str, float]) -> Iterator[Row]:
    ours = wapes[OURS]
    rivals = {name: value for name, value in wapes.items() if name not in (OURS, OURS_WITHOUT_PLAN)}
    for peer, must, stretch in ((ETS, 0.88, 0.80), (SES, 0.95, 0.88)):
        for level, limit in (("must", must), ("stretch", stretch)):
            yield Row(
                f"WAPE over that of {peer}", ours / wapes[peer], "x", level, f"<= {limit}", peer, wapes[peer]
            )
    best = min(rivals, key=lambda name: rivals[name])
    yield Row(
        "WAPE over the best single forecaster's", ours / rivals[best], "x", "must", "<= 1", best, rivals[best]
    )
    yield Row(f"WAPE over that of {XGB}", ours / wapes[XGB], "x", "stretch", "<= 0.95", XGB, wapes[XGB])


def about_the_plan(wapes: dict[str, float]) -> Iterator[Row]:
    """Both with it and both without it: what the learner brings, apart from what is known in advance."""
    pairs = (
        (OURS, XGB_WITH_PLAN, f"WAPE over that of {XGB_WITH_PLAN}"),
        (OURS_WITHOUT_PLAN, XGB, f"WAPE over that of {XGB}, both without the plan"),
    )
    for ours, peer, metric in pairs:
        yield Row(metric, wapes[ours] / wapes[peer], "x", peer=peer, peer_value=wapes[peer])


def forecast_all(panel: Panel, *, quick: bool) -> dict[str, tuple[Floats, float]]:
    """By name: forecasts from the end of the panel, and the CPU seconds they took."""
    bare = replace(panel, known=Known())
    pool = [name for name in POOL if not (quick and name in SLOW)]
    found = {OURS: timed(engine_forecast, panel, pool)}
    if not quick:
        found[OURS_WITHOUT_PLAN] = timed(engine_forecast, bare, pool)
    prepared = Prepared.of(panel, HORIZON)
    for name in pool:
        found[f"{name} (pool)"] = timed(alone, name, prepared)
    for name, forecast in statistical(panel.values, HORIZON).items():
        found[name] = (forecast, 0.0)
    plans = {"": bare} if quick else {"": bare, ", with the plan": panel}
    for suffix, given in plans.items():
        for name, forecast in learned(given, HORIZON).items():
            found[f"mlforecast + {name}{suffix}"] = (forecast, 0.0)
    return found


def timed(forecast: Callable[P, Floats], *args: P.args, **kwargs: P.kwargs) -> tuple[Floats, float]:
    begun = time.process_time()
    found = forecast(*args, **kwargs)
    return found, time.process_time() - begun


def engine_forecast(panel: Panel, pool: list[str]) -> Floats:
    fitted = engine.fit(panel, HORIZON, cpu_seconds=time.process_time, pool=pool)
    return fitted.forecast(panel, HORIZON)


def alone(name: str, prepared: Prepared) -> Floats:
    forecaster = POOL[name].fitted(prepared, SEED)
    assert forecaster is not None
    return forecaster.forecast(prepared)


def wape(panel: Panel, forecasts: dict[int, Floats], weeks: tuple[int, ...] | list[int]) -> float:
    """Pooled over origins, series and weeks ahead."""
    actual = {week: panel.values[:, known(week) : known(week) + HORIZON] for week in weeks}
    missed = sum(float(np.abs(actual[week] - forecasts[week]).sum()) for week in weeks)
    return missed / sum(float(each.sum()) for each in actual.values())
