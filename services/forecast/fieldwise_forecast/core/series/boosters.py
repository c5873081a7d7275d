"""Trees on rows of series: the boosters, one tree, a forest; knows no series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..features import Floats, Singles
from ..light_xgboost import xgb

if TYPE_CHECKING:
    from xgboost import Booster

Settings = Mapping[str, Any]

# Absolute errors, as WAPE counts them: one wholesale order must not outweigh a year.
COMMON: dict[str, Any] = {"objective": "reg:absoluteerror", "tree_method": "hist", "nthread": 1}
# Few columns for each split: lags say nearly the same, and trees that see different ones average better.
DIRECT: Settings = COMMON | {
    "eta": 0.08,
    "max_depth": 4,
    "min_child_weight": 20,
    "subsample": 0.5,
    "colsample_bynode": 0.3,
}
RECURSIVE: Settings = COMMON | {
    "eta": 0.08,
    "max_depth": 4,
    "min_child_weight": 10,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "colsample_bynode": 0.5,
}
TREE: Settings = COMMON | {"eta": 1.0, "max_depth": 5, "min_child_weight": 50}
FOREST: Settings = COMMON | {
    "eta": 1.0,
    "max_depth": 8,
    "min_child_weight": 5,
    # More trees cost seconds and gain less than .001 in WAPE.
    "num_parallel_tree": 20,
    "subsample": 0.63,
    "colsample_bynode": 0.33,
}
FEWEST_ROWS = 50
# For an update: fewer and larger steps, on coarser bins.
UPDATE_TREES = 30
HASTE: Settings = {"eta": 0.12, "max_bin": 64}
USUAL_BINS = 256


def grown(settings: Settings, rounds: int, features: Singles, targets: Floats, seed: int) -> Booster | None:
    """Trees fitted on rows; None where the rows are too few to learn from."""
    if len(targets) < FEWEST_ROWS:
        return None
    bins = settings.get("max_bin", USUAL_BINS)
    rows = xgb.QuantileDMatrix(features, targets.astype(np.float32), nthread=1, max_bin=bins)
    booster: Booster = xgb.train({**settings, "seed": seed}, rows, rounds)
    return booster


def hastened(settings: Settings, rounds: int) -> tuple[Settings, int]:
    """What an update grows with; a single tree or forest stays as it is."""
    return ({**settings, **HASTE}, UPDATE_TREES) if rounds > UPDATE_TREES else (settings, rounds)


def loaded(raw: bytes) -> Booster:
    booster: Booster = xgb.Booster({"nthread": 1})
    booster.load_model(bytearray(raw))
    return booster


def saved(booster: Booster) -> bytes:
    return bytes(booster.save_raw("ubj"))
