"""Contributions: exact, complete, and few enough to read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xgboost as xgb
from hypothesis import given
from hypothesis import strategies as st

from fieldwise_forecast.core.contributions import OTHER, contribution_table, largest
from fieldwise_forecast.core.engines import FEW_ROWS, SingleEngine, batch_engine, onnx_model
from fieldwise_forecast.core.features import Floats, Singles
from fieldwise_forecast.core.learners import BOOSTING, boost
from fieldwise_forecast.core.probability import from_file
from fieldwise_forecast.core.trees import trees_of
from tests.forecast.conftest import Fitted

COLUMNS = 6


def rows_with_gaps(count: int, seed: int) -> Singles:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, COLUMNS)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.15] = np.nan
    return rows


def answers(rows: Singles, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    filled = np.nan_to_num(rows)
    return (
        filled[:, 0] + filled[:, 1] * filled[:, 2] - np.isnan(rows[:, 3]) + rng.normal(size=len(rows)) > 0
    ).astype(np.float64)


@pytest.fixture(scope="module")
def booster() -> xgb.Booster:
    rows = rows_with_gaps(3000, 1)
    return boost(rows.astype(np.float64), answers(rows, 2))


@pytest.fixture(scope="module")
def stunted() -> xgb.Booster:
    """Trees that end before depth 3, some of them in a single leaf."""
    rows = rows_with_gaps(300, 3)
    few = {"min_child_weight": 12, "gamma": 3.0}
    return xgb.train(BOOSTING | few, xgb.DMatrix(rows, answers(rows, 4), nthread=1), 40)


@pytest.mark.parametrize("kind", ["booster", "stunted"])
def test_contributions_equal_those_of_xgboost(kind: str, request: pytest.FixtureRequest) -> None:
    model: xgb.Booster = request.getfixturevalue(kind)
    rows = rows_with_gaps(500, 5)
    table = contribution_table(trees_of(model))
    theirs = model.predict(xgb.DMatrix(rows, nthread=1), pred_contribs=True)
    np.testing.assert_allclose(table.contributions(rows, COLUMNS), theirs[:, :-1], atol=2e-5)
    np.testing.assert_allclose(table.base, theirs[:, -1], atol=2e-5)


@pytest.mark.parametrize("kind", ["booster", "stunted"])
def test_base_and_contributions_add_up_to_the_raw_output(kind: str, request: pytest.FixtureRequest) -> None:
    model: xgb.Booster = request.getfixturevalue(kind)
    rows = rows_with_gaps(500, 6)
    table = contribution_table(trees_of(model))
    total = table.base + table.contributions(rows, COLUMNS).sum(axis=1)
    np.testing.assert_allclose(total, batch_engine(model)(rows), atol=1e-4)


@pytest.mark.parametrize("kind", ["booster", "stunted"])
def test_both_engines_agree_with_values_unknown_and_on_thresholds(
    kind: str, request: pytest.FixtureRequest
) -> None:
    model: xgb.Booster = request.getfixturevalue(kind)
    trees = trees_of(model)
    rows = np.vstack([rows_with_gaps(500, 7), np.full((1, COLUMNS), np.nan, dtype=np.float32)])
    real = np.isfinite(trees.threshold)
    on_threshold = rows_with_gaps(int(real.sum()), 8)
    # A value equal to a threshold goes right in both, or a rounding of the threshold would show here.
    on_threshold[np.arange(len(on_threshold)), trees.feature[real]] = trees.threshold[real]
    both = np.vstack([rows, on_threshold])
    few = SingleEngine(onnx_model(trees, COLUMNS))
    np.testing.assert_allclose(few(both), batch_engine(model)(both), atol=1e-5)


def test_one_row_scores_the_same_alone_and_in_a_batch(fitted: Fitted) -> None:
    model = from_file(fitted.models["buys-28d"].file)
    rows = fitted.snapshots[-1].values.astype(np.float32)
    assert len(rows) > FEW_ROWS
    alone = np.concatenate([model.log_odds(rows[i : i + 1]) for i in range(len(rows))])
    np.testing.assert_allclose(alone, model.log_odds(rows), atol=4e-6)


def test_threads_that_score_at_once_get_their_own_answers(booster: xgb.Booster) -> None:
    few, rows = SingleEngine(onnx_model(trees_of(booster), COLUMNS)), rows_with_gaps(400, 9)
    halves = np.array_split(rows, 2)

    def one_by_one(half: Singles) -> list[float]:
        return [few.of_one(half[i : i + 1]) for _ in range(10) for i in range(len(half))]

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(one_by_one, halves))
    for half, answered in zip(halves, found, strict=True):
        assert answered == np.tile(few(half), 10).tolist()


parts = st.lists(st.floats(-5, 5, allow_nan=False), min_size=1, max_size=30)


@given(parts)
def test_other_holds_at_most_a_fifth_and_nothing_is_lost(values: list[float]) -> None:
    listed = largest(np.array(values), [f"f{i}" for i in range(len(values))])
    weight = sum(abs(value) for value in values)
    shown = [log_odds for _, name, log_odds in listed if name != OTHER]
    assert weight - sum(map(abs, shown)) <= 0.2 * weight + 1e-9
    assert sum(log_odds for _, _, log_odds in listed) == pytest.approx(sum(values), abs=1e-9)
    assert shown == sorted(shown, key=abs, reverse=True)


@given(parts)
def test_one_contribution_fewer_would_leave_too_much_to_other(values: list[float]) -> None:
    listed = largest(np.array(values), [f"f{i}" for i in range(len(values))])
    shown = [abs(log_odds) for _, name, log_odds in listed if name != OTHER]
    weight = sum(abs(value) for value in values)
    if shown:
        assert weight - sum(shown[:-1]) >= 0.2 * weight - 1e-9
