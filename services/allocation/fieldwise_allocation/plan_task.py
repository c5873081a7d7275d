"""What the serving process and a solver's process say to each other about a plan; knows no solver."""

from __future__ import annotations

from dataclasses import dataclass, field

from fieldwise.allocation.v1 import plan_pb2
from fieldwise_executor.executor import LOCAL


@dataclass(frozen=True)
class Start:
    """A plan to start from.

    Args:
        rep_of: The rep of each account, by name.
        hour_prices: Plan units saved by one more hour of each rep, by name.
    """

    rep_of: dict[str, str]
    hour_prices: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Hands:
    """Who may do the regions of a large plan.

    Args:
        where: As in the setting FIELDWISE_EXECUTOR.
        processes: Regions at a time here; 1: the solver's own process does them.
        prepare: ``module:function`` of a standby process; none when empty.
        memory: Bytes that each may allocate; 0 sets no limit.
    """

    where: str = LOCAL
    processes: int = 1
    prepare: str = ""
    memory: int = 0


@dataclass(frozen=True)
class Task:
    """A plan to make. Messages stay bytes: what the serving process need not look into, it need not take apart.

    Args:
        request: PlanTerritoriesRequest with its reps.
        accounts: How many accounts it has or names.
        chunks: Uploaded accounts, as `uploading.packed` makes them, when the request has none of its own.
        quick: Repair the start instead of searching anew.
        spent: Seconds of the time limit that are over already.
        hands: Who may help.
    """

    request: bytes
    accounts: int
    currency: str
    chunks: tuple[bytes, ...] = ()
    start: Start | None = None
    quick: bool = False
    spent: float = 0.0
    hands: Hands = Hands()


@dataclass(frozen=True)
class Step:
    """How far a solve is; None before the first plan or bound."""

    name: str
    objective: float | None = None
    bound: float | None = None

    @property
    def gap(self) -> float | None:
        """(objective - bound) / objective; 0 for a plan that costs nothing."""
        if self.objective is None or self.bound is None:
            return None
        return max(0.0, self.objective - self.bound) / self.objective if self.objective > 0 else 0.0


@dataclass(frozen=True)
class Made:
    """A verified plan: TerritoryPlan with all its assignments, without its name and time."""

    plan: bytes
    stopped: plan_pb2.PlanStopped.ValueType
    seconds: float


def last_look_seconds(accounts: int) -> float:
    """What describing and checking a plan takes at most; measured, with a margin for a busy machine."""
    return 0.05 + 20e-6 * accounts
