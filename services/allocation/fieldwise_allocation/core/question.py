"""What a planner asks: accounts, reps and rules as plain values; knows nothing of the wire or of solvers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Place:
    """A point on the earth, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class Account:
    """Something a rep can be given.

    Args:
        hours: Workload per week, travel left out.
        value: What it is worth per period, in whole currency units.
        incumbent: The rep who has it today; empty when nobody has.
        locked: It must stay with its incumbent.
    """

    name: str
    hours: float
    value: float = 0.0
    place: Place | None = None
    needs: frozenset[str] = frozenset()
    incumbent: str = ""
    locked: bool = False


@dataclass(frozen=True)
class Rep:
    """A person who serves accounts; ``hours`` per week set his share of the whole workload."""

    name: str
    hours: float
    home: Place | None = None
    skills: frozenset[str] = frozenset()
    display_name: str = ""


@dataclass(frozen=True)
class Rules:
    """What the planner asks of the plan; units as in ``TerritoryRules`` of the contract."""

    band: float = 0.1
    kilometre_cost: float = 1.0
    move_cost: float = 0.1
    seconds: float = 10.0


@dataclass(frozen=True)
class Question:
    """One territory problem, checked by ``checks.faults`` before it gets here."""

    accounts: tuple[Account, ...]
    reps: tuple[Rep, ...]
    rules: Rules = field(default_factory=Rules)
