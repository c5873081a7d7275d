"""What others say that such a system costs, as sums, and what ours takes; knows no service and no currency.

The formulas and amounts are those of the articles that Fieldwise grew out of (docs/mission.md, rows 9, 19, 33, 45 and 57): claims, in yuan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Final

# Measured by `make bench NAME=decide` on two shared cores (benchmarks/README.md, a full run): 30,100 events a second, end to end.
CPU_SECONDS_PER_EVENT: Final = 2 / 30_100
CORES: Final = 2
HOURS_PER_YEAR: Final = 8_760


@dataclass(frozen=True)
class Part:
    """One part of what year one costs, from ``low`` to ``high``."""

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class Preset:
    """A company of some size, and what the article says it pays in year one."""

    name: str
    parts: Sequence[Part]

    @property
    def low(self) -> float:
        return sum(part.low for part in self.parts)

    @property
    def high(self) -> float:
        return sum(part.high for part in self.parts)


REALTIME: Final = Preset(
    "real-time prediction, mid-sized e-commerce",
    (
        Part("model", 500_000, 1_000_000),
        Part("training", 100_000, 200_000),
        Part("data", 200_000, 500_000),
    ),
)
DECISION: Final = Preset(
    "decision AI, large company",
    (
        Part("first part", 1_000_000, 2_000_000),
        Part("second part", 200_000, 500_000),
        Part("third part", 500_000, 1_000_000),
    ),
)
RETAIL: Final = Preset(
    "customer system, mid-sized retail",
    (
        Part("first part", 500_000, 1_000_000),
        Part("second part", 200_000, 500_000),
    ),
)


def profile_cost(customers: int, unit: float, times: int) -> float:
    """What keeping profiles up to date costs a year: customers x cost of one update x updates a year (row 9)."""
    return customers * unit * times


def measured_profile_cost(customers: int, times: int, cpu_hour: float) -> float:
    """The same of ours: processor time of as many events, end to end."""
    return customers * times * CPU_SECONDS_PER_EVENT / 3600 * cpu_hour


def ratio(spent: int, gained: int) -> str:
    """Money spent to money gained in the smallest whole numbers, such as ``1:2`` (row 19).

    Raises:
        ValueError: Either is not positive.
    """
    if spent <= 0 or gained <= 0:
        raise ValueError(f"got {spent} and {gained}; give amounts above 0")
    both = gcd(spent, gained)
    return f"{spent // both}:{gained // both}"


def with_campaigns(preset: Preset, campaigns: float) -> Preset:
    """A preset and what campaigns cost a year."""
    if not campaigns:
        return preset
    return Preset(preset.name, (*preset.parts, Part("campaigns", campaigns, campaigns)))


def infrastructure(cpu_hour: float, cores: int = CORES) -> float:
    """What machines of so many cores cost in a year that never sleeps."""
    return cores * HOURS_PER_YEAR * cpu_hour
