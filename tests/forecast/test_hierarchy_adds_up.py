"""Levels, sums and coherent forecasts: equal to hierarchicalforecast, and what that cannot do."""

from __future__ import annotations

import numpy as np
import pytest
from hierarchicalforecast.methods import MinTrace

from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series.hierarchy import (
    ALL,
    Backtest,
    Hierarchy,
    Method,
    compared,
    reconciled,
    reconciled_backtest,
    shrunk_covariance,
    without_negatives,
)
from fieldwise_forecast.core.series.nodes import node_values
from fieldwise_runtime.errors import FailedPrecondition
from tests.forecast.shop_worlds import KEYS, SHOPS, shop_sales

PEERS = {
    Method.OLS: "ols",
    Method.WLS_STRUCTURE: "wls_struct",
    Method.WLS_VARIANCE: "wls_var",
    Method.MINT_SHRINK: "mint_shrink",
}
SHOP_NODES = Hierarchy.of(KEYS, SHOPS.hierarchies)
ACTUAL = SHOP_NODES.summed(shop_sales(68))
HORIZON = 8


def naive_forecasts(seed: int = 3) -> Floats:
    """Base forecasts of all nodes that do not add up, shape as ACTUAL."""
    noise = np.random.default_rng(seed).normal(size=ACTUAL.shape)
    return np.asarray(ACTUAL + noise * 0.1 * ACTUAL.mean(axis=1, keepdims=True))


def brute_sums() -> dict[tuple[str, ...], set[int]]:
    """Which series each node holds, found by trying every combination of cut keys."""
    found: dict[tuple[str, ...], set[int]] = {}
    for row, (department, category, region) in enumerate(KEYS):
        for product in ((ALL, ALL), (department, ALL), (department, category)):
            for place in (ALL, region):
                found.setdefault((*product, place), set()).add(row)
    return found


def test_every_node_holds_exactly_its_series() -> None:
    rows = SHOP_NODES.summing.toarray()
    held = {key: set(np.flatnonzero(rows[i]).tolist()) for i, key in enumerate(SHOP_NODES.keys)}
    assert held == brute_sums()
    assert SHOP_NODES.levels[0] == "total"
    assert SHOP_NODES.levels[-1] == "category x region"
    assert SHOP_NODES.keys[-len(KEYS) :] == KEYS


@pytest.mark.parametrize("method", PEERS)
def test_reconciliation_equals_hierarchicalforecast(method: Method) -> None:
    made = naive_forecasts()
    seen, asked = slice(0, 60), slice(60, 68)
    ours = reconciled(SHOP_NODES, made[:, asked], method, (ACTUAL - made)[:, seen])
    peer = MinTrace(method=PEERS[method]).fit_predict(
        S=SHOP_NODES.summing.toarray(),
        y_hat=made[:, asked],
        y_insample=ACTUAL[:, seen],
        y_hat_insample=made[:, seen],
    )
    assert np.abs(ours - peer["mean"]).max() <= 1e-6


@pytest.mark.parametrize("method", Method)
def test_parts_add_up_and_what_adds_up_is_left_alone(method: Method) -> None:
    made = naive_forecasts()
    misses = (ACTUAL - made)[:, :60]
    coherent = reconciled(SHOP_NODES, made[:, 60:], method, misses)
    assert np.abs(coherent - SHOP_NODES.summed(coherent[SHOP_NODES.sums :])).max() <= 1e-6
    again = reconciled(SHOP_NODES, coherent, method, misses)
    assert np.abs(again - coherent).max() <= 1e-6


def test_negative_parts_become_0_and_the_sums_follow() -> None:
    base = naive_forecasts()[:, :2]
    base[-1] = -50.0
    coherent = without_negatives(SHOP_NODES, reconciled(SHOP_NODES, base, Method.BOTTOM_UP))
    assert coherent[-1].tolist() == [0.0, 0.0]
    assert (coherent >= 0).all()
    assert np.abs(coherent - SHOP_NODES.summed(coherent[SHOP_NODES.sums :])).max() <= 1e-9


def rolling(base: Floats) -> Backtest:
    origins = tuple(range(28, 60, 4))
    windows = [slice(origin, origin + HORIZON) for origin in origins]
    return Backtest(
        origins, np.stack([ACTUAL[:, one] for one in windows]), np.stack([base[:, one] for one in windows])
    )


def test_a_good_total_corrects_its_bad_parts() -> None:
    # Every part is 10 % too high, the sums are right: bottom-up keeps the fault, reconciliation must not be it.
    base = ACTUAL.copy()
    base[SHOP_NODES.sums :] *= 1.1
    found = compared(SHOP_NODES, rolling(base), lambda _: None)
    assert found[0].method is not Method.BOTTOM_UP
    assert found[0].wape[0] < 0.05
    assert {one.method for one in found} == set(Method)


def test_a_bad_total_does_not_spoil_its_parts() -> None:
    base = naive_forecasts() * 0 + ACTUAL
    base[0] *= 1.5
    best = compared(SHOP_NODES, rolling(base), lambda _: None)[0]
    assert best.worst <= 0.01


def test_later_periods_change_no_earlier_weights() -> None:
    made = naive_forecasts()
    whole, cut = rolling(made), rolling(made)
    cut.actual[-1] = np.nan
    for method in (Method.WLS_VARIANCE, Method.MINT_SHRINK):
        ours, theirs = (reconciled_backtest(SHOP_NODES, tests, method) for tests in (whole, cut))
        assert (ours == theirs).all()
    earlier = whole.misses_before(whole.origins[0])
    assert earlier.shape[1] == 0


def test_a_series_that_begins_late_or_misses_a_period_leaves_its_sums_whole() -> None:
    sales = shop_sales(20)
    sales[0, :10] = np.nan
    sales[1, 15] = np.nan
    values = node_values(SHOP_NODES, sales)
    assert values[0, 5] == pytest.approx(np.nansum(sales[:, 5]))
    assert values[0, 15] == pytest.approx(np.nansum(sales[:, 15]) + sales[1, 14])
    # Of its own category in its own region nothing is left to guess from.
    assert np.isnan(values[SHOP_NODES.sums + 1, 15])


def test_too_many_sums_are_refused_but_bottom_up_still_works() -> None:
    keys = [(f"d{i}", f"c{i}") for i in range(1100)]
    wide = Hierarchy.of(keys, (("department",), ("category",)))
    base = np.ones((len(wide.keys), 1))
    with pytest.raises(FailedPrecondition, match="2201 sums") as refused:
        reconciled(wide, base, Method.OLS)
    assert refused.value.reason == "TOO_MANY_SUMS"
    assert reconciled(wide, base, Method.BOTTOM_UP)[0, 0] == 1100


def test_a_node_that_missed_once_weighs_like_the_others() -> None:
    rng = np.random.default_rng(5)
    misses = rng.normal(scale=10.0, size=(len(SHOP_NODES.keys), 9))
    known = rng.random(len(misses)) < 0.3
    misses[~known, 1:] = np.nan
    variance = np.diag(shrunk_covariance(misses))
    usual = np.median(variance[known])
    assert known.any()
    assert variance[~known] == pytest.approx(np.full((~known).sum(), usual))


def test_sums_that_always_missed_alike_still_add_up() -> None:
    misses = np.outer(SHOP_NODES.summing.sum(axis=1), np.tile([1.0, -1.0], 5))
    coherent = reconciled(SHOP_NODES, naive_forecasts(), Method.MINT_SHRINK, misses)
    assert np.isfinite(coherent).all()
    assert coherent == pytest.approx(SHOP_NODES.summing @ coherent[SHOP_NODES.sums :])
