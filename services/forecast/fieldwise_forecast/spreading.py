"""Boosted trees on more rows than one process should hold: trained and applied in blocks, here or on a cluster; knows no model.

A block is whatever ``load`` makes rows of, such as a piece of a file: rows are made where they are used, and never pass through this
process.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fieldwise_executor.executor import Executor
from fieldwise_executor.kept import Kept
from fieldwise_runtime.worker_process import report

from .core.features import Floats, Singles
from .core.light_xgboost import xgb

if TYPE_CHECKING:
    from xgboost import Booster

B = TypeVar("B")
# Makes the rows of a block: features, shape (n_rows, n_columns), and labels, shape (n_rows,).
Load = Callable[[B], tuple[Singles, Floats]]
Parameters = Mapping[str, Any]
# Share of the trees that have grown, and the CPU seconds they took.
Grown = Callable[[float, float], None]

_SCORE_SECONDS = 600.0


async def trained(
    executor: Executor,
    load: Load[B],
    blocks: Sequence[B],
    parameters: Parameters,
    rounds: int,
    *,
    timeout: float,
    tell: Grown | None = None,
) -> bytes:
    """A booster on the rows of all blocks, in XGBoost's own form (UBJSON).

    On a cluster each worker holds its own blocks and only sums of gradients travel; the bins of values are found from all workers'
    quantiles, so that the trees may differ a little from those of one process (docs/methods/heavy-work.md says how much).

    Args:
        tell: Is told after each tree; a cluster tells nothing.
    Raises:
        WorkerDied, WorkerFailed, DeadlineExceeded: As from the executor.
    """
    from fieldwise_executor.local import LocalExecutor

    if isinstance(executor, LocalExecutor):
        listener = None if tell is None else lambda message: tell(*message)
        return await executor.run(
            _trained_here, load, blocks, parameters, rounds, timeout=timeout, on_message=listener
        )
    from .cluster_boosting import trained_on

    return await trained_on(executor, load, blocks, parameters, rounds, timeout=timeout)


async def scored(
    executor: Executor,
    booster: bytes,
    load: Load[B],
    blocks: Sequence[B],
    *,
    kept: Kept | None = None,
) -> AsyncGenerator[tuple[int, Floats], None]:
    """(index of the block, raw outputs of its rows) as they come. With ``kept`` a scoring that was broken off goes on where it was."""
    work = partial(_scored, booster, load)
    async for one in executor.each(work, blocks, timeout=_SCORE_SECONDS, at_a_time=1, kept=kept):
        yield one


def _trained_here(load: Load[B], blocks: Sequence[B], parameters: Parameters, rounds: int) -> bytes:
    rows = xgb.QuantileDMatrix(_Blocks(load, blocks), max_bin=parameters.get("max_bin", 256), nthread=1)
    booster: Booster = xgb.train(dict(parameters), rows, rounds, callbacks=[_Telling(rounds)])
    return bytes(booster.save_raw("ubj"))


def _scored(raw: bytes, load: Load[B], block: B) -> Floats:
    booster = xgb.Booster({"nthread": 1})
    booster.load_model(bytearray(raw))
    features, _ = load(block)
    return np.asarray(booster.inplace_predict(features, predict_type="margin"), dtype=np.float64)


class _Telling(xgb.callback.TrainingCallback):  # type: ignore[name-defined, misc]  # as below
    """Tells after each tree how far the training is."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        super().__init__()

    def after_iteration(self, model: Booster, epoch: int, evals_log: Any) -> bool:
        report(((epoch + 1) / self._rounds, time.process_time()))
        return False


class _Blocks(xgb.DataIter):  # type: ignore[name-defined, misc]  # xgboost is imported without types
    """Gives XGBoost one block at a time: it keeps bins of a byte or two for each value, never the rows."""

    def __init__(self, load: Load[B], blocks: Sequence[B]) -> None:
        self._load = load
        self._blocks = blocks
        self._at = 0
        super().__init__()

    def next(self, input_data: Callable[..., None]) -> bool:
        if self._at == len(self._blocks):
            return False
        features, labels = self._load(self._blocks[self._at])
        input_data(data=features, label=labels)
        self._at += 1
        return True

    def reset(self) -> None:
        self._at = 0
