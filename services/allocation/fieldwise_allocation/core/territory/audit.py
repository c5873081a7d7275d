"""Any assignment of a question measured against all its rules, from the question alone; knows no solver and no problem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.question import VALUE, WORKLOAD, Band
from fieldwise_allocation.core.territory.contiguity import Connected, connected
from fieldwise_allocation.core.territory.ledger import Bools, Floats, Indices, Ledger, road_km

# Hours or units outside a band that are no fault: sums of floats differ by their order.
RELATIVE = 1e-8

Reps = npt.NDArray[np.integer]


@dataclass(frozen=True)
class RuleCost:
    """What one rule costs in plan units, and what was measured for it; hard rules cost nothing."""

    rule: str
    cost: float
    amount: float
    unit: str
    hard: bool


@dataclass(frozen=True)
class Broken:
    """A hard rule that does not hold: ``subject`` is a rep, an account or an area, ``amount`` by how much.

    Args:
        kind: ``band``, ``skill``, ``lock``, ``moves`` or ``staffing``.
    """

    rule: str
    kind: str
    subject: str
    amount: float
    unit: str


@dataclass(frozen=True)
class Audit:
    """An assignment in figures; accounts and reps in the order of the question.

    Args:
        km: One way from home to account, shape (n,).
        moved: Accounts that lose an incumbent, shape (n,).
        loads: Hours each rep carries, the way to visits included, shape (r,).
        targets: His share of the whole, shape (r,).
        bands: What each rep has of each band's measure, and its limits; (amount, low, high) by band, (r,) each.
        connected: None without places.
    """

    objective: float
    travel_km: float
    km: Floats
    moved: Bools
    moves: int
    loads: Floats
    targets: Floats
    values: Floats
    worst_deviation: float
    rule_costs: tuple[RuleCost, ...]
    broken: tuple[Broken, ...]
    bands: tuple[tuple[Floats, Floats, Floats], ...]
    connected: Connected | None

    def counts(self) -> dict[str, int]:
        """Broken hard rules by kind, as ``BrokenRules`` of the contract counts them."""
        found: dict[str, int] = {}
        for each in self.broken:
            by = round(each.amount) if each.kind in {"moves", "staffing"} else 1
            found[each.kind] = found.get(each.kind, 0) + by
        return dict(sorted(found.items()))


def audited(ledger: Ledger, rep_of: Reps) -> Audit:
    """The figures of one assignment of the ledger's question.

    Args:
        rep_of: Index of each account's rep, -1 for nobody, shape (n,).
    """
    question, rules = ledger.question, ledger.question.rules
    held = np.flatnonzero(rep_of >= 0)
    reps = rep_of[held].astype(np.int64)
    km = np.zeros(len(rep_of))
    km[held] = road_km(ledger.degrees[held], ledger.homes[reps])
    moved = (ledger.incumbent != -1) & (ledger.incumbent != rep_of) & (rep_of >= 0)
    loads = _per_rep(ledger, held, reps, ledger.hours + 2 * ledger.visits * km / rules.speed)
    bands = tuple(_band(ledger, band, held, reps, loads) for band in rules.all_bands())
    parts = None
    if question.travels:
        parts = connected(ledger.chart, ledger.hours, rep_of, len(question.reps))
    costs = tuple(_costs(ledger, km, moved, held, bands, parts))
    targets = ledger.targets
    return Audit(
        objective=sum(each.cost for each in costs),
        travel_km=float(km.sum()),
        km=km,
        moved=moved,
        moves=int(moved.sum()),
        loads=loads,
        targets=targets,
        values=_per_rep(ledger, held, reps, ledger.amount(VALUE)),
        worst_deviation=float((np.abs(loads - targets) / np.where(targets > 0, targets, 1.0)).max()),
        rule_costs=costs,
        broken=tuple(_broken(ledger, rep_of, moved, bands)),
        bands=bands,
        connected=parts,
    )


def _per_rep(ledger: Ledger, held: Indices, reps: Indices, amount: Floats) -> Floats:
    return np.bincount(reps, amount[held], len(ledger.question.reps)).astype(np.float64)


def _band(
    ledger: Ledger, band: Band, held: Indices, reps: Indices, loads: Floats
) -> tuple[Floats, Floats, Floats]:
    """What each rep has of the band's measure, and the limits."""
    has = loads if band.measure == WORKLOAD else _per_rep(ledger, held, reps, ledger.amount(band.measure))
    return (has, *ledger.limits(band))


# ---- costs --------------------------------------------------------------------------------------------------------


def _costs(
    ledger: Ledger,
    km: Floats,
    moved: Bools,
    held: Indices,
    bands: Sequence[tuple[Floats, Floats, Floats]],
    parts: Connected | None,
) -> Iterator[RuleCost]:
    rules = ledger.question.rules
    travel = rules.kilometre_cost * float((ledger.hours * km)[held].sum())
    yield RuleCost("travel", travel, float(km.sum()), "km", False)
    continuity = rules.move_cost * float(ledger.amount(VALUE)[moved].sum())
    yield RuleCost("continuity", continuity, float(moved.sum()), "accounts", False)
    for band, (has, low, high) in zip(rules.all_bands(), bands, strict=True):
        out = 0.0 if band.hard else float(_outside(has, low, high).sum())
        yield RuleCost(band.id, band.cost * out, out, unit_of(band), band.hard)
    if parts is not None:
        apart = float((parts.total - parts.largest).sum())
        yield RuleCost("contiguity", rules.contiguity_cost * apart, apart, "h", False)
    for rule, unit in _hard_rules(ledger):
        yield RuleCost(rule, 0.0, 0.0, unit, True)


def _hard_rules(ledger: Ledger) -> Iterator[tuple[str, str]]:
    rules = ledger.question.rules
    for skill in sorted({skill for needs in ledger.needs[0] for skill in needs}):
        yield f"skill:{skill}", "accounts"
    if ledger.locked.any():
        yield "locks", "accounts"
    if rules.most_moves is not None:
        yield "moves", "accounts"
    for each in rules.staffing:
        yield f"staffing:{each.area}", "reps"


def unit_of(band: Band) -> str:
    """The unit of a band's measure."""
    return "h" if band.measure == WORKLOAD else band.measure


# ---- hard rules ---------------------------------------------------------------------------------------------------


def _broken(
    ledger: Ledger, rep_of: Reps, moved: Bools, bands: Sequence[tuple[Floats, Floats, Floats]]
) -> Iterator[Broken]:
    rules, reps = ledger.question.rules, ledger.question.reps
    yield from _unable(ledger, rep_of)
    for j in np.flatnonzero(ledger.locked & (rep_of != ledger.incumbent)).tolist():
        name = ledger.question.accounts[j].name
        yield Broken(f"lock:{name}", "lock", name, 1.0, "accounts")
    for band, (has, low, high) in zip(rules.all_bands(), bands, strict=True):
        out = _outside(has, low, high) * band.hard
        for i in np.flatnonzero(out).tolist():
            yield Broken(band.id, "band", reps[i].name, float(out[i]), unit_of(band))
    away = int((moved & (ledger.incumbent >= 0)).sum())
    if rules.most_moves is not None and away > rules.most_moves:
        yield Broken("moves", "moves", "", away - rules.most_moves, "accounts")
    yield from _understaffed(ledger, rep_of)


def _unable(ledger: Ledger, rep_of: Reps) -> Iterator[Broken]:
    wrong = (rep_of >= 0) & ~ledger.able[ledger.needs[1], np.maximum(rep_of, 0)]
    for j in np.flatnonzero(wrong).tolist():
        account = ledger.question.accounts[j]
        skill = min(account.needs - ledger.question.reps[rep_of[j]].skills)
        yield Broken(f"skill:{skill}", "skill", account.name, 1.0, "accounts")


def _understaffed(ledger: Ledger, rep_of: Reps) -> Iterator[Broken]:
    if not ledger.question.rules.staffing:
        return
    there: dict[str, set[int]] = {}
    for account, rep in zip(ledger.question.accounts, rep_of.tolist(), strict=True):
        if account.area and rep >= 0:
            there.setdefault(account.area, set()).add(rep)
    for each in ledger.question.rules.staffing:
        short = each.least - len(there.get(each.area, ()))
        if short > 0:
            yield Broken(f"staffing:{each.area}", "staffing", each.area, short, "reps")


def _outside(has: Floats, low: Floats, high: Floats) -> Floats:
    out = np.maximum(np.maximum(low - has, has - high), 0.0)
    hair = RELATIVE * np.maximum(np.where(np.isfinite(high), high, low), 1.0)
    return np.where(out <= hair, 0.0, out)
