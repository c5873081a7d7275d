"""Which rows train and which test: by time where there is a date, else drawn; knows no learner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .table import Places, Table

TEST_SHARE = 0.2
SEED = 42


@dataclass(frozen=True)
class Split:
    """Rows that train and rows that test, as places in the table.

    Attributes:
        first_test: The moment at which testing begins; None for a drawn split.
    """

    train: Places
    test: Places
    first_test: np.datetime64 | None

    @property
    def told(self) -> str:
        """The split in words."""
        rows = f"{len(self.train):,} rows train, {len(self.test):,} test"
        if self.first_test is None:
            return f"at random with seed {SEED}: {rows}"
        return f"by time, rows from {shown_time(self.first_test)} on test: {rows}"


def by_time(table: Table, date: str, periods: int, share: float = TEST_SHARE) -> Split | None:
    """The last ``periods`` different moments test; with 0, as many as hold the last ``share`` of the rows.

    All rows of one moment are on one side. None where no two moments would be left on each side.
    """
    times = table.dates(date)
    moments, counts = np.unique(times, return_counts=True)
    if not periods:
        # Rows at or after each moment; the latest moment from which enough rows follow.
        following = np.cumsum(counts[::-1])[::-1]
        periods = len(moments) - int(np.flatnonzero(following >= share * table.rows)[-1])
    if len(moments) - periods < 1:
        return None
    first = moments[len(moments) - periods]
    late = times >= first
    # Oldest first: what is drawn from training rows by place must not depend on the order of the file.
    order = np.argsort(times, kind="stable")
    return Split(order[~late[order]], order[late[order]], first)


def drawn(rows: int, share: float = TEST_SHARE) -> Split:
    """A share of the rows tests, drawn with seed 42."""
    order = np.random.default_rng(SEED).permutation(rows)
    tests = max(1, round(share * rows))
    return Split(np.sort(order[tests:]), np.sort(order[:tests]), None)


def shown_time(moment: np.datetime64) -> str:
    """A moment without hours where it has none."""
    day = moment.astype("datetime64[D]")
    return str(day) if moment == day else str(moment.astype("datetime64[s]")).replace("T", " ")
