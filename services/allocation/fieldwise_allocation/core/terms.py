"""On what terms a customer is decided about: his rep, and the prices of the moment; knows nothing of the wire."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


class Standing(enum.Enum):
    """How the prices stand at the moment of a decision."""

    FRESH = "in force"
    LAST_VALID = "run out"
    MISSING = "none yet"


@dataclass(frozen=True)
class Window(Generic[T]):
    """Prices of one version and the time they hold for; moments are nanoseconds since 1970, UTC."""

    version: int
    valid_from: int
    valid_until: int
    prices: T

    def __post_init__(self) -> None:
        if self.valid_until <= self.valid_from:
            raise ValueError(f"valid_until {self.valid_until} is not after valid_from {self.valid_from}")


@dataclass(frozen=True)
class Terms(Generic[T]):
    """Reps of the customers asked for, in their order and empty for none, and the prices."""

    reps: tuple[str, ...]
    window: Window[T] | None
    standing: Standing


def look_up(
    customers: Sequence[str], reps: Mapping[str, str], windows: Sequence[Window[T]], moment: int
) -> Terms[T]:
    """The terms at a moment.

    Args:
        reps: Rep of each customer who has one.
        windows: All price windows that may matter, oldest version first.
    """
    window, standing = in_force(windows, moment)
    return Terms(tuple([reps.get(name, "") for name in customers]), window, standing)


def in_force(windows: Sequence[Window[T]], moment: int) -> tuple[Window[T] | None, Standing]:
    """The newest version that holds at the moment; else, of those that have ended, the one that ended last."""
    for window in reversed(windows):
        if window.valid_from <= moment < window.valid_until:
            return window, Standing.FRESH
    ended = [window for window in windows if window.valid_until <= moment]
    if not ended:
        return None, Standing.MISSING
    return max(ended, key=lambda window: (window.valid_until, window.version)), Standing.LAST_VALID
