"""What is asked of a training on a table, and what it gives; knows no file and no learner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..features import Floats
from .contest import Standing
from .splitting import TEST_SHARE
from .table import Places, Times

# Instead of the name of a column: there is no date.
NO_DATE = "-"
MOST_POINTS = 1_000


@dataclass(frozen=True)
class Wish:
    """What a caller says of his file. Empty: guess.

    Attributes:
        date: ``-`` for none.
        before: Rows of this moment and later do not exist; None for all.
    """

    target: str = ""
    date: str = ""
    keys: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    before: np.datetime64 | None = None


@dataclass(frozen=True)
class TableJob:
    """How to train.

    Attributes:
        test_share: Share of rows that test.
        test_dates: So many of the last dates test instead; 0: the share counts.
        learners: Only these; empty: all.
        most_rows: Rows that the learners in one process get at most; None: as many as they can bear.
    """

    wish: Wish = Wish()
    test_share: float = TEST_SHARE
    test_dates: int = 0
    learners: tuple[str, ...] = ()
    most_rows: int | None = None


@dataclass(frozen=True)
class Points:
    """Test rows for a drawing, by time where there is one: what was and what the served learner said."""

    times: Times | None
    actual: Floats
    predicted: Floats


def places_of(tests: int) -> Places:
    """Which of so many test rows are drawn: at most 1,000, evenly taken."""
    return np.unique(np.linspace(0, tests - 1, min(MOST_POINTS, tests)).astype(np.int64))


@dataclass(frozen=True)
class TableFitted:
    """What came of it.

    Attributes:
        file: The model's bytes.
        first_test: Where testing begins; None for a random split.
        unfinished: A learner broke down that may do better when it is asked again.
    """

    standings: tuple[Standing, ...]
    served: str
    file: bytes
    target: str
    date: str
    first_test: np.datetime64 | None
    train_rows: int
    test_rows: int
    rows: int
    encoding: str
    notes: tuple[str, ...]
    points: Points
    cpu_seconds: float
    unfinished: bool = False
