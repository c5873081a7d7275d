"""Boosted trees on a Dask cluster (the extra `dask`); knows no model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from fieldwise_executor.on_dask import DaskExecutor
from fieldwise_runtime.errors import DeadlineExceeded, FailedPrecondition

from .core.features import Floats, Singles

B = TypeVar("B")


async def trained_on(
    executor: Any,
    load: Callable[[B], tuple[Singles, Floats]],
    blocks: Sequence[B],
    parameters: Mapping[str, Any],
    rounds: int,
    *,
    timeout: float,
) -> bytes:
    """A booster trained by the cluster's workers on their own blocks.

    Raises:
        FailedPrecondition: Reason NO_CLUSTER, the executor is none.
        DeadlineExceeded: Reason WORKER_TIMEOUT.
    """
    if not isinstance(executor, DaskExecutor):
        message = f"{type(executor).__name__} is no cluster; set FIELDWISE_EXECUTOR to a Dask scheduler"
        raise FailedPrecondition("NO_CLUSTER", message)
    import dask.array
    import xgboost.dask
    from dask.delayed import delayed

    client = executor.client
    loaded = [delayed(load, pure=False, nout=2)(block) for block in blocks]
    width = await client.compute(delayed(_width)(loaded[0][0]))
    features = dask.array.concatenate(
        [dask.array.from_delayed(part[0], (np.nan, width), np.float32) for part in loaded],
        allow_unknown_chunksizes=True,
    )
    labels = dask.array.concatenate(
        [dask.array.from_delayed(part[1], (np.nan,), np.float64) for part in loaded],
        allow_unknown_chunksizes=True,
    )
    try:
        async with asyncio.timeout(timeout):
            # XGBoost asks Dask for a current client even where it is given one.
            with client.as_current():
                rows = await xgboost.dask.DaskQuantileDMatrix(client, features, labels)
                found = await xgboost.dask.train(client, dict(parameters), rows, rounds)
    except TimeoutError:
        message = (
            f"training on the cluster did not finish within {timeout:g} s; give it more time or more workers"
        )
        raise DeadlineExceeded("WORKER_TIMEOUT", message) from None
    return bytes(found["booster"].save_raw("ubj"))


def _width(features: Singles) -> int:
    return int(features.shape[1])
