"""Feature vectors as numbers with a meaning; knows no wire and no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldwise_runtime.errors import FailedPrecondition

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Mask = NDArray[np.bool_]

DAYS_SINCE_PURCHASE = "days_since_purchase"
SILENCE_AFTER_DAYS = "silence_after_days"
SPEND_WHEN_ACTIVE = "spend_28d_when_active"
ACTIVE_WINDOWS = "active_28d_windows"
NEEDED = (DAYS_SINCE_PURCHASE, SILENCE_AFTER_DAYS, SPEND_WHEN_ACTIVE, ACTIVE_WINDOWS)


@dataclass(frozen=True)
class FeatureSet:
    """Identity and columns of a feature set; a model answers only for the set it was trained on."""

    id: str
    version: int
    names: tuple[str, ...]
    units: tuple[str, ...] = field(default=(), compare=False)
    null_rules: tuple[str, ...] = field(default=(), compare=False)

    def column(self, name: str) -> int:
        return self.names.index(name)

    @cached_property
    def never_nan(self) -> Mask:
        """Columns without a null rule: a NaN there is a fault of the sender."""
        rules = self.null_rules or ("unknown",) * len(self.names)
        return np.array([not rule for rule in rules], dtype=bool)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> FeatureSet:
        """Back from ``dataclasses.asdict`` (JSON turns tuples into lists)."""
        columns = {key: tuple(plain[key]) for key in ("names", "units", "null_rules")}
        return cls(id=plain["id"], version=plain["version"], **columns)


@dataclass(frozen=True)
class Snapshot:
    """Features of all customers known at one cut-off.

    ``values`` has shape (n_customers, n_columns), in the order of ``customers`` and of the set's names.
    """

    cutoff: datetime
    customers: tuple[str, ...]
    values: Floats

    def column(self, feature_set: FeatureSet, name: str) -> Floats:
        return self.values[:, feature_set.column(name)]


def demand_columns(feature_set: FeatureSet) -> None:
    """Refuse a set that lacks what labels and expected spend are read from."""
    missing = [name for name in NEEDED if name not in feature_set.names]
    if missing:
        raise FailedPrecondition(
            "FEATURE_SET_MISMATCH",
            f"feature set '{feature_set.id}' version {feature_set.version} has no column {', '.join(missing)}; "
            "run a profile service and a forecast service of the same release",
        )


def faults_of(values: Floats, feature_set: FeatureSet) -> list[tuple[int, str]]:
    """Faults of one vector, each as (index of the value, what to do)."""
    infinite = [
        (int(i), "send a finite number, or NaN where the column's null rule allows")
        for i in np.flatnonzero(np.isinf(values))
    ]
    unknown = np.flatnonzero(np.isnan(values) & feature_set.never_nan)
    return infinite + [
        (int(i), f"column '{feature_set.names[i]}' has no null rule; send a number") for i in unknown
    ]


def in_order_of(customers: Sequence[str], later: Snapshot) -> Floats:
    """Rows of a later snapshot in the order of ``customers``; NaN where a customer is missing."""
    position = {name: row for row, name in enumerate(later.customers)}
    rows = np.array([position.get(name, -1) for name in customers], dtype=np.int64)
    padded = np.vstack([later.values, np.full((1, later.values.shape[1]), np.nan)])
    return np.asarray(padded[rows], dtype=np.float64)
