"""Rows of a simulated log: one compact record for each event; knows no contract and no truth."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# `time` is microseconds since 1970; the meaning of `number`, `extra`, `third`, `ref` and `flag` is the kind's (see messages.py).
ROW: Final = np.dtype(
    [
        ("time", "i8"),
        ("customer", "i4"),
        ("kind", "i1"),
        ("category", "i1"),
        ("product", "i1"),
        ("channel", "i1"),
        ("flag", "i1"),
        ("ref", "i4"),
        ("number", "i8"),
        ("extra", "i8"),
        ("third", "i8"),
    ]
)
Rows = NDArray[np.void]

MICROS_PER_DAY: Final = 86_400_000_000


class Kind(IntEnum):
    """What happened in a row."""

    PURCHASE = 0
    VIEW = 1
    CLICK = 2
    SEARCH = 3
    MESSAGE = 4
    VISIT = 5
    CALL = 6
    COUPON_RECEIVED = 7
    REDEMPTION = 8
    REVIEW = 9
    SERVICE_CASE = 10
    SATISFACTION = 11
    IDENTIFICATION = 12
    CONSENT = 13


BROWSING: Final = (Kind.VIEW, Kind.CLICK)


def rows_of(kind: Kind, days: NDArray[np.float64], **columns: Any) -> Rows:
    """Rows of one kind at the given days (as fractions, since the world's start); columns not named are 0."""
    made = np.zeros(len(days), ROW)
    made["kind"] = kind
    made["time"] = np.round(np.asarray(days, dtype=float) * MICROS_PER_DAY).astype(np.int64)
    for name, values in columns.items():
        made[name] = values
    return made


def in_order(rows: Rows) -> Rows:
    """By time, then customer; rows of one customer at one moment stay as they came."""
    return rows[np.lexsort((rows["customer"], rows["time"]))]
