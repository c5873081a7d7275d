"""The randomised e-mail trial as arrays: no mail, men's mail, women's mail, each a third; knows no learner."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats, Ints
from fieldwise_recommend.core.offpolicy.choices import Choices

FILE: Final = Path(__file__).parents[3] / "shared" / "data" / "email_trial" / "trial.csv"
NOTHING, MENS, WOMENS = 0, 1, 2
FACTS: Final = ("recency", "log history", "mens", "womens", "urban", "rural", "newbie", "phone", "web")
BOUGHT_WOMENS: Final = FACTS.index("womens")
_ARMS: Final = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")


@dataclass(frozen=True)
class Trial:
    """Customers of some arms.

    Args:
        arms: Position of each customer's mail among the arms, shape (n,).
        rewards: What came of it, shape (n,).
        costs: Of each arm.
    """

    facts: Floats
    arms: Ints
    rewards: Floats
    costs: Floats

    def at(self, rows: Bools) -> Trial:
        return Trial(self.facts[rows], self.arms[rows], self.rewards[rows], self.costs)

    def choices(self) -> Choices:
        """Each arm had the same chance."""
        count = len(self.costs)
        even = np.full((len(self.arms), count), 1.0 / count)
        return Choices(self.rewards, self.arms, even, self.facts, np.arange(len(self.arms)))

    def value(self, chosen: Ints) -> float:
        """Mean reward less cost where the trial did what was chosen."""
        return float(self._met(chosen).mean())

    def error(self, chosen: Ints) -> float:
        """Standard error of that."""
        met = self._met(chosen)
        return float(met.std(ddof=1) / np.sqrt(len(met)))

    def _met(self, chosen: Ints) -> Floats:
        met = self.arms == chosen
        came: Floats = self.rewards[met] - self.costs[self.arms[met]]
        return came


def trial(outcome: str, arms: tuple[int, ...], costs: tuple[float, ...]) -> Trial:
    """The customers of some arms, and one outcome: `visit`, `conversion` or `spend`."""
    facts, arm, outcomes = _read()
    kept = np.isin(arm, arms)
    return Trial(facts[kept], np.searchsorted(arms, arm[kept]), outcomes[outcome][kept], np.array(costs))


@cache
def _read() -> tuple[Floats, Ints, dict[str, Floats]]:
    with FILE.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    facts = [
        [
            float(row["recency"]),
            np.log(float(row["history"])),
            float(row["mens"]),
            float(row["womens"]),
            float(row["zip_code"] == "Urban"),
            float(row["zip_code"] == "Rural"),
            float(row["newbie"]),
            float(row["channel"] == "Phone"),
            float(row["channel"] == "Web"),
        ]
        for row in rows
    ]
    outcomes = {
        name: np.array([float(row[name]) for row in rows]) for name in ("visit", "conversion", "spend")
    }
    return np.array(facts), np.array([_ARMS.index(row["segment"]) for row in rows]), outcomes
