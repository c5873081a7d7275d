"""Two assignments of accounts side by side; knows nothing of rules, costs or the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Held:
    """One account in one plan: its rep, empty for nobody, and the kilometres from his home."""

    rep: str
    km: float


@dataclass(frozen=True)
class Moved:
    """An account that has another rep; ``km_more`` than before, one way."""

    account: str
    before: str
    now: str
    km_more: float


@dataclass(frozen=True)
class Difference:
    """What lies between two plans.

    Args:
        moved: Accounts of both that have different reps, in the order of the plan looked at.
        added: Accounts of the plan looked at alone.
        removed: Accounts of the plan compared with alone.
        gained, lost: Accounts that come to each rep and leave him, those added and removed included.
        km, base_km: Kilometres of each rep in either plan.
    """

    moved: tuple[Moved, ...]
    added: int
    removed: int
    gained: Mapping[str, int]
    lost: Mapping[str, int]
    km: Mapping[str, float] = field(default_factory=dict)
    base_km: Mapping[str, float] = field(default_factory=dict)


def difference(plan: Mapping[str, Held], base: Mapping[str, Held]) -> Difference:
    """What ``plan`` does otherwise than ``base``; accounts by name."""
    moved = tuple(_moves(plan, base))
    added = [account for account in plan if account not in base]
    removed = [account for account in base if account not in plan]
    gained = Counter([move.now for move in moved] + [plan[account].rep for account in added])
    lost = Counter([move.before for move in moved] + [base[account].rep for account in removed])
    return Difference(
        moved=moved,
        added=len(added),
        removed=len(removed),
        gained=gained,
        lost=lost,
        km=_km_per_rep(plan),
        base_km=_km_per_rep(base),
    )


def _moves(plan: Mapping[str, Held], base: Mapping[str, Held]) -> Sequence[Moved]:
    both = ((account, held, base[account]) for account, held in plan.items() if account in base)
    return [
        Moved(account, before.rep, held.rep, held.km - before.km)
        for account, held, before in both
        if held.rep != before.rep
    ]


def _km_per_rep(plan: Mapping[str, Held]) -> dict[str, float]:
    km: dict[str, float] = {}
    for held in plan.values():
        km[held.rep] = km.get(held.rep, 0.0) + held.km
    return km
