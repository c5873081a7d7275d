"""Boosted trees trained and applied in blocks: the same model and the same scores here and on a Dask cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from fieldwise_executor.executor import Executor, opened
from fieldwise_executor.kept import Kept
from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.light_xgboost import xgb
from fieldwise_forecast.spreading import scored, trained
from tests.forecast import made_blocks

PARAMETERS = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.1, "nthread": 1, "seed": 1}
BLOCKS = [(seed, 1_500) for seed in range(4)]


@pytest_asyncio.fixture
async def closing() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def probabilities(raw: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-raw)))


async def all_scores(executor: Executor, booster: bytes, kept: Kept | None = None) -> Floats:
    found = dict([one async for one in scored(executor, booster, made_blocks.load, BLOCKS, kept=kept)])
    return np.concatenate([found[index] for index in range(len(BLOCKS))])


@pytest.fixture(scope="module")
def whole() -> xgb.Booster:  # type: ignore[name-defined]  # xgboost is imported without types
    """The plain training on all rows at once."""
    features, labels = (np.concatenate(part) for part in zip(*map(made_blocks.load, BLOCKS), strict=True))
    return xgb.train(PARAMETERS, xgb.QuantileDMatrix(features, labels, nthread=1), 30)


async def test_blocks_give_the_model_of_all_rows_at_once(whole: xgb.Booster) -> None:  # type: ignore[name-defined]  # see above
    local = await opened("local", 2)
    raw = await trained(local, made_blocks.load, BLOCKS, PARAMETERS, 30, timeout=60)
    features = np.concatenate([made_blocks.load(block)[0] for block in BLOCKS])
    ours = await all_scores(local, raw)
    theirs = whole.inplace_predict(features, predict_type="margin")
    assert np.abs(probabilities(ours) - probabilities(theirs)).max() < 1e-5


async def test_a_cluster_gives_the_same_model_and_scores_it_the_same(
    cluster: str, closing: AsyncExitStack
) -> None:
    local, on_cluster = await opened("local", 2), await opened(cluster, 2)
    closing.push_async_callback(on_cluster.close)
    ours = await trained(on_cluster, made_blocks.load, BLOCKS, PARAMETERS, 30, timeout=60)
    theirs = await trained(local, made_blocks.load, BLOCKS, PARAMETERS, 30, timeout=60)
    here, there = await all_scores(local, ours), await all_scores(on_cluster, ours)
    assert np.array_equal(here, there)
    difference = np.abs(probabilities(here) - probabilities(await all_scores(local, theirs)))
    assert difference.max() < 1e-3


async def test_a_scoring_that_was_broken_off_goes_on_where_it_was(tmp_path: Path) -> None:
    local = await opened("local", 1)
    raw = await trained(local, made_blocks.load, BLOCKS, PARAMETERS, 5, timeout=60)
    kept = Kept(tmp_path / "kept")
    running = scored(local, raw, made_blocks.load, BLOCKS, kept=kept)
    await anext(running)
    await running.aclose()
    begun = len(kept)
    assert 1 <= begun < len(BLOCKS)
    assert len(await all_scores(local, raw, kept)) == sum(rows for _, rows in BLOCKS)
    assert len(kept) == len(BLOCKS)
