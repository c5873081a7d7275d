"""CDNOW: purchases of a cohort of 23,570 customers, as the package lifetimes ships them; knows no model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from fieldwise_forecast.core.lifetimes.histories import Histories, Ints, histories_of

EPOCH = date(1997, 1, 1)
# 39 weeks of calibration, 39 weeks after it, as everybody splits this data.
CALIBRATION_END = (date(1997, 9, 30) - EPOCH).days
OBSERVED_END = (date(1998, 6, 30) - EPOCH).days
HOLDOUT_WEEKS = (OBSERVED_END - CALIBRATION_END) / 7


@dataclass(frozen=True)
class Cohort:
    """Days of purchase, several purchases of a day made one.

    Attributes:
        customer: 0, 1, 2 ... , shape (n,).
        day: Since 1997-01-01, shape (n,).
    """

    customer: Ints
    day: Ints

    def calibration(self) -> Histories:
        """What is known after 39 weeks, times in weeks; all customers had bought by then."""
        return histories_of(self.customer, self.day / 7, CALIBRATION_END / 7)

    def came(self) -> NDArray[np.float64]:
        """Purchases of each customer in the 39 weeks after."""
        later = (self.day > CALIBRATION_END) & (self.day <= OBSERVED_END)
        count = np.bincount(self.customer[later], minlength=int(self.customer.max()) + 1)
        return count.astype(np.float64)


def cohort(name: str) -> Cohort:
    """``master`` (23,570 customers) or ``sample`` (2,357 of them)."""
    text = (files("lifetimes") / "datasets" / f"CDNOW_{name}.txt").read_text()
    # Lines: [id in master,] id, day as YYYYMMDD, discs, dollars; the master has a line of names.
    lines = [line.split() for line in text.splitlines() if line[:7].strip().isdigit()]
    day = np.array([day_of(line[-3]) for line in lines])
    customer = np.array([int(line[-4]) for line in lines])
    rows = np.unique(np.column_stack([customer, day]), axis=0)
    _, number = np.unique(rows[:, 0], return_inverse=True)
    return Cohort(number.astype(np.int64), rows[:, 1].astype(np.int64))


def day_of(text: str) -> int:
    return (date(int(text[:4]), int(text[4:6]), int(text[6:])) - EPOCH).days
