"""What a planner asks: accounts, reps and rules as plain values; knows nothing of the wire or of solvers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

# The measures that every account has; a band may limit these or the accounts' own.
WORKLOAD: Final = "workload"
VALUE: Final = "value"
ACCOUNTS: Final = "accounts"


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the earth, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Account:
    """Something a rep can be given.

    Args:
        hours: Workload per week, visits left out.
        value: What it is worth per period, in whole currency units.
        incumbent: The rep who has it today; empty when nobody has.
        locked: It must stay with its incumbent.
        visit_hours: Hours at the account per visit.
        visits_per_week: Each adds its hours and the way there and back.
        measures: Its own measures by name; one left out counts 0.
        area: The area whose staffing it counts for; empty for none.
    """

    name: str
    hours: float
    value: float = 0.0
    place: Place | None = None
    needs: frozenset[str] = frozenset()
    incumbent: str = ""
    locked: bool = False
    visit_hours: float = 0.0
    visits_per_week: float = 0.0
    measures: tuple[tuple[str, float], ...] = ()
    area: str = ""


@dataclass(frozen=True, slots=True)
class Rep:
    """A person who serves accounts; ``hours`` per week x ``share`` of full time set his share of the whole.

    Args:
        free_home: The plan may choose another home.
    """

    name: str
    hours: float
    home: Place | None = None
    skills: frozenset[str] = frozenset()
    display_name: str = ""
    share: float = 1.0
    free_home: bool = False

    @property
    def capacity(self) -> float:
        """What his share of the whole is in proportion to."""
        return self.hours * self.share


@dataclass(frozen=True, slots=True)
class Band:
    """How much of a measure each rep may have: ``width`` around his share, or from ``low`` to ``high``.

    Args:
        reps: Whom it holds for; empty means everyone.
        cost: Plan units per unit outside; 0: it must hold.
    """

    id: str
    measure: str
    width: float | None = None
    low: float = 0.0
    high: float = float("inf")
    reps: frozenset[str] = frozenset()
    cost: float = 0.0

    @property
    def hard(self) -> bool:
        return self.cost == 0


@dataclass(frozen=True, slots=True)
class Staffing:
    """At least so many different reps serve an area."""

    area: str
    least: int


@dataclass(frozen=True)
class Rules:
    """What the planner asks of the plan; units as in ``TerritoryRules`` of the contract.

    Args:
        band: Width of the hard band on workload that everyone has; 0 when ``bands`` hold one instead.
        speed: Kilometres per hour on the way to visits.
    """

    band: float = 0.1
    kilometre_cost: float = 1.0
    move_cost: float = 0.1
    seconds: float = 10.0
    bands: tuple[Band, ...] = ()
    most_moves: int | None = None
    staffing: tuple[Staffing, ...] = ()
    speed: float = 50.0
    balance_cost: float = 0.0
    contiguity_cost: float = 0.0

    def all_bands(self) -> tuple[Band, ...]:
        """Every band by name of rule, the one on workload first and the soft one of balance last."""
        usual = (Band("band:workload", WORKLOAD, self.band),) if self.band else ()
        level = (Band("balance", WORKLOAD, 0.0, cost=self.balance_cost),) if self.balance_cost else ()
        return (*usual, *self.bands, *level)


@dataclass(frozen=True)
class Question:
    """One territory problem, checked by ``checks.faults`` before it gets here."""

    accounts: tuple[Account, ...]
    reps: tuple[Rep, ...]
    rules: Rules = field(default_factory=Rules)

    @property
    def travels(self) -> bool:
        """Whether accounts have places."""
        return any(account.place for account in self.accounts)
