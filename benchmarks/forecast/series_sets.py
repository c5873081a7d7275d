"""Sets of series: sums, intervals and targets on Complete Journey, new series, parts and feasts of worlds that are known.

At every origin the whole set is trained anew on what was known; nothing of the eight weeks after it is seen. Learner, way to
coherence and distribution are those that the service would have chosen that day.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from hierarchicalforecast.methods import MinTrace

from benchmarks.forecast.journey_series import HORIZON, MONDAY, ORIGINS, Floats, known
from benchmarks.forecast.journey_set import JOURNEY, cells
from benchmarks.report import Row
from fieldwise_forecast.core.series.calendar import calendar_inputs
from fieldwise_forecast.core.series.classical import CLASSICAL
from fieldwise_forecast.core.series.decomposition import Events, decomposed
from fieldwise_forecast.core.series.hierarchy import Method, reconciled
from fieldwise_forecast.core.series.nodes import node_values
from fieldwise_forecast.core.series.panel import Frequency, Known, Panel
from fieldwise_forecast.core.series.reach import total
from fieldwise_forecast.core.series.set_model import SetForecast, fit_set, forecast_set, some_series
from fieldwise_forecast.core.series.sets import Definition, Dimension

PEERS = {
    Method.OLS: "ols",
    Method.WLS_STRUCTURE: "wls_struct",
    Method.WLS_VARIANCE: "wls_var",
    Method.MINT_SHRINK: "mint_shrink",
}
SEED = 20170101
WORLDS = 200
EFFECT = 25.0
SHARES = (0.9, 0.95, 1.0, 1.05, 1.1)


@dataclass(frozen=True)
class Tried:
    """One origin: what was forecast, the base forecasts, what came, of all nodes."""

    forecast: SetForecast
    base: Floats
    actual: Floats


def rows(*, quick: bool) -> Iterator[Row]:
    """Every figure; the quick run takes fewer series and three origins."""
    panel = cells(60.0 if quick else 25.0)
    origins = (28, 36, 44) if quick else ORIGINS
    begun = time.process_time()
    tried = [at_origin(panel, known(week)) for week in origins]
    spent = (time.process_time() - begun) / len(tried)
    yield Row(f"one training and forecast, {len(tried[0].actual):,} nodes", spent, "CPU s")
    yield from sums(tried)
    yield from accuracy(panel, tried, [known(week) for week in origins])
    yield from coverage(tried, origins)
    yield from targets(tried)
    yield from new_series(panel, [known(week) for week in origins])
    yield from parts()
    yield from feasts()


def at_origin(panel: Panel, length: int) -> Tried:
    history = panel.until(length)
    model, _ = fit_set(JOURNEY, history, time.process_time, lambda _: None)
    made = forecast_set(model, history, HORIZON)
    levels = [made.hierarchy.levels[level] for level in made.hierarchy.level_of]
    base = model.base.forecast(made.panel, HORIZON, levels)
    actual = node_values(made.hierarchy, panel.values)[:, length : length + HORIZON]
    return Tried(made, base, actual)


def sums(tried: list[Tried]) -> Iterator[Row]:
    off = max(one.forecast.incoherence for one in tried)
    yield Row("sums differ from their parts by at most", off, "USD", "must", "<= 1e-6")
    one = tried[-1]
    hierarchy, made = one.forecast.hierarchy, one.base
    rng = np.random.default_rng(SEED)
    seen = one.forecast.panel.values[:, -20:]
    fitted = seen * rng.normal(1.0, 0.1, seen.shape)
    worst = 0.0
    for method, name in PEERS.items():
        ours = reconciled(hierarchy, made, method, seen - fitted)
        peer = MinTrace(method=name).fit_predict(
            S=hierarchy.summing.toarray(), y_hat=made, y_insample=seen, y_hat_insample=fitted
        )
        worst = max(worst, float(np.abs(ours - peer["mean"]).max() / np.abs(peer["mean"]).max()))
    yield Row(
        "four ways to coherence, largest relative difference",
        worst,
        "",
        "must",
        "<= 1e-6",
        "hierarchicalforecast",
        0.0,
    )


def accuracy(panel: Panel, tried: list[Tried], lengths: list[int]) -> Iterator[Row]:
    hierarchy = tried[0].forecast.hierarchy
    ratios = []
    for level, name in enumerate(hierarchy.levels):
        of_level = hierarchy.rows_of(level)
        ours = pooled([(one.actual[of_level], one.forecast.points[of_level]) for one in tried])
        base = pooled([(one.actual[of_level], one.base[of_level]) for one in tried])
        simple = pooled(
            [
                (one.actual[of_level], CLASSICAL["ses"](one.forecast.panel.values[of_level], 1, HORIZON))
                for one in tried
            ]
        )
        ratios.append(ours / base)
        yield Row(f"WAPE, {name}", ours, "", peer="SES of each node by itself", peer_value=simple)
    naive = pooled(
        [
            (one.actual[hierarchy.sums :], panel.values[:, length - 1 : length])
            for one, length in zip(tried, lengths, strict=True)
        ]
    )
    ours = pooled([(one.actual[hierarchy.sums :], one.forecast.points[hierarchy.sums :]) for one in tried])
    yield Row("finest level, WAPE over naive", ours / naive, "x", "must", "< 1", "naive", naive)
    yield Row(
        "coherent over base forecasts, mean of the levels", float(np.mean(ratios)), "x", "must", "<= 1.01"
    )
    yield Row("coherent over base forecasts, worst level", max(ratios), "x", "stretch", "<= 1.01")


def pooled(pairs: list[tuple[Floats, Floats]]) -> float:
    return float(
        sum(np.abs(actual - made).sum() for actual, made in pairs) / sum(actual.sum() for actual, _ in pairs)
    )


def coverage(tried: list[Tried], origins: tuple[int, ...]) -> Iterator[Row]:
    """Christmas lies in the windows of the last origin."""
    for nominal in (0.8, 0.95):
        shares = [covered(one, nominal) for one in tried]
        percent = f"{nominal:.0%}".replace("%", " %")
        mean = float(np.mean(shares))
        yield Row(f"{percent} intervals: share inside, all levels, origins pooled", mean, "")
        yield Row(f"{percent} intervals: off by", abs(mean - nominal), "", "must", "<= 0.04")
        for week, share in zip(origins, shares, strict=True):
            christmas = " (Christmas ahead)" if week + HORIZON >= 52 else ""
            yield Row(f"{percent} intervals: share inside, from week {week}{christmas}", share, "")


def covered(one: Tried, nominal: float) -> float:
    ends = one.forecast.quantiles(np.arange(len(one.actual)), ((1 - nominal) / 2, (1 + nominal) / 2))
    return float(((one.actual >= ends[:, :, 0]) & (one.actual <= ends[:, :, 1])).mean())


def targets(tried: list[Tried]) -> Iterator[Row]:
    """The sum of eight weeks of each node above the finest level against targets around its forecast."""
    said, came = [], []
    for one in tried:
        for row in range(one.forecast.hierarchy.sums):
            sum_ahead = total(one.forecast.distribution, series=[row])
            for share in SHARES:
                target = share * one.forecast.points[row].sum()
                said.append(sum_ahead.probability(target))
                came.append(float(one.actual[row].sum() >= target))
    told, reached = np.array(said), np.array(came)
    known_rate = float(np.mean((reached - reached.mean()) ** 2))
    yield Row(
        "targets of eight weeks: Brier score", float(np.mean((told - reached) ** 2)), "", "must",
        f"< {known_rate:.4f}", "share reached, told to all", known_rate,
    )  # fmt: skip
    yield Row(
        "targets of eight weeks: mean probability less share reached", float(told.mean() - reached.mean()), ""
    )


def new_series(panel: Panel, lengths: list[int]) -> Iterator[Row]:
    """A fifth of the cells is new at each of two origins: it has none, one or four weeks."""
    pairs: dict[tuple[int, str], list[tuple[Floats, Floats]]] = {}
    names = np.array([key[1] for key in panel.keys])
    for length in lengths[:2]:
        young = np.random.default_rng(SEED + length).random(panel.size) < 0.2
        old = some_series(panel.until(length), np.flatnonzero(~young))
        model, _ = fit_set(JOURNEY, old, time.process_time, lambda _: None)
        usual = panel.values[:, length - HORIZON : length].mean(axis=1)
        means = [mean_of(usual[~young & (names == name)], usual[~young]) for name in names[young]]
        actual = panel.values[young, length : length + HORIZON]
        for weeks in (0, 1, 4):
            values = panel.values[:, :length].copy()
            values[young, : length - weeks] = np.nan
            made = forecast_set(model, replace(panel, values=values), HORIZON)
            ours = made.points[made.hierarchy.sums :][young]
            own = values[young, length - weeks :].mean(axis=1) if weeks else np.array(means)
            for kind, said in (("ours", ours), ("category", np.array(means)[:, None]), ("own", own[:, None])):
                pairs.setdefault((weeks, kind), []).append((actual, said))
    for weeks in (0, 1, 4):
        found = {kind: pooled(pairs[weeks, kind]) for kind in ("ours", "category", "own")}
        label, rival = min((found["category"], "mean of the category"), (found["own"], "own mean"))[::-1]
        yield Row(
            f"new series, weeks known {weeks}: WAPE over that of the better rival",
            found["ours"] / rival, "x", "must", "< 1", label, rival,
        )  # fmt: skip


def mean_of(own: Floats, every: Floats) -> float:
    return float(own.mean() if len(own) else every.mean())


def parts() -> Iterator[Row]:
    """Worlds of three years of weeks: trend, season, a promotion of known effect, noise; and wandering ones without season."""
    inside, found, false, off = [], [], [], 0.0
    for seed in range(WORLDS):
        rng = np.random.default_rng(SEED + seed)
        week = np.arange(156)
        promotion = (rng.random(156) < 0.15).astype(np.float64)
        season = 15 * np.cos(2 * np.pi * week / 52.18)
        values = 100 + 20 * np.sin(week / 60) + season + EFFECT * promotion + rng.normal(0, 6, 156)
        one = decomposed(Frequency.WEEK, MONDAY, values, Events(("promotion",), promotion[:, None]))
        whole = one.trend + one.season + one.events + one.remainder
        off = max(off, float(np.abs(whole - values).max()))
        inside.append(one.effects[0].low95 <= EFFECT <= one.effects[0].high95)
        found.append(one.season_known)
        wandering = 100 + np.cumsum(rng.normal(0, 4, 156)) + rng.normal(0, 6, 156)
        nothing = Events((), np.zeros((156, 0)))
        false.append(decomposed(Frequency.WEEK, MONDAY, wandering, nothing).season_known)
    yield Row("parts add up to the series within", off, "", "must", "<= 1e-9")
    yield Row(
        "95 % interval holds the true effect of a promotion", float(np.mean(inside)), "", "must", ">= 0.92"
    )
    yield Row("seasons that are there and are found", float(np.mean(found)), "", "must", ">= 0.95")
    yield Row("seasons found where there are none", float(np.mean(false)), "", "must", "<= 0.15")


def feasts() -> Iterator[Row]:
    """Twelve series of two years whose weeks before Spring Festival sell half more, the feast 60 % less, promotions 40 % more."""
    rng = np.random.default_rng(SEED)
    begin, weeks = datetime(2020, 1, 6, tzinfo=UTC), 106
    days = calendar_inputs(Frequency.WEEK, begin, weeks + HORIZON, ["CN"])
    column = dict(zip(days.names, days.values.T / 7, strict=True))
    planted = 1 + 0.5 * column["spring_festival_before"] - 0.6 * column["spring_festival"]
    promotion = (rng.random((12, weeks + HORIZON)) < 0.1).astype(np.float64)
    level = rng.lognormal(5, 0.7, (12, 1))
    values = level * planted * (1 + 0.4 * promotion) * rng.lognormal(0, 0.1, promotion.shape)
    keys = tuple((f"d{i // 4}", f"c{i}") for i in range(12))
    plain = Definition(
        "feasts", "sales", "", Frequency.WEEK, (Dimension("product", ("department", "category")),)
    )
    informed = replace(plain, inputs=("promotion",), holiday_countries=("CN",))
    errors = []
    for definition in (informed, plain):
        known_plan = Known(("promotion",), promotion[:, :, None]) if definition.inputs else Known()
        panel = Panel(keys, begin, Frequency.WEEK, values[:, :weeks], known_plan)
        model, _ = fit_set(definition, panel, time.process_time, lambda _: None)
        made = forecast_set(model, panel, HORIZON)
        errors.append(pooled([(values[:, weeks:], made.points[made.hierarchy.sums :])]))
    yield Row(
        "planted feast and promotions ahead: WAPE told of them over not told",
        errors[0] / errors[1], "x", "must", "<= 0.7", "without calendar and plan", errors[1],
    )  # fmt: skip
