"""A conflict of rules in words: what of each matters, its value and a remedy; knows no wire and no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.question import WORKLOAD, Account, Question
from fieldwise_allocation.core.territory.conflicts import Conflict, Trials, conflict_in
from fieldwise_allocation.core.territory.elastic import Prices
from fieldwise_allocation.core.territory.possible import Answer, impossible
from fieldwise_allocation.core.territory.problem import Floats
from fieldwise_allocation.core.territory.relaxing import Relaxation, relaxations
from fieldwise_allocation.core.territory.stated_rules import LOCK, MOVES, SKILL, STAFFING, Stated

# Parts of one rule that are named one by one.
MOST_PARTS = 10


@dataclass(frozen=True)
class Named:
    """A rule in conflict: ``parts`` are what of it matters, empty when all of it does."""

    rule: str
    parts: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class Changed:
    """A rule's value now and after a change, in words as well."""

    rule: str
    value: float
    becomes: float
    sentence: str


@dataclass(frozen=True)
class Way:
    """Changes that, made together, make a plan possible; ``size`` as in ``Relaxation``."""

    changes: tuple[Changed, ...]
    size: float


@dataclass(frozen=True)
class Explanation:
    """Why there is no plan, and what would help."""

    answer: Answer
    rules: tuple[Named, ...]
    minimal: bool
    ways: tuple[Way, ...]


def explain(
    question: Question,
    hurry: Callable[[], bool] = lambda: False,
    *,
    hurry_ways: Callable[[], bool] | None = None,
    home: Floats | None = None,
) -> Explanation:
    """The smallest conflict and the smallest changes.

    Args:
        hurry: Asked before each trial; once True, what is proven by then is answered.
        hurry_ways: The same for the search of changes.
        home: The homes that were chosen, as ``Stated`` takes them.
    """
    stated = Stated(question, home)
    found = conflict_in(Trials(stated, hurry))
    named = tuple(_named(stated, found, rule) for rule in found.rules)
    ways = relaxations(stated, found, hurry_ways or hurry) if found.rules else ()
    return Explanation(found.answer, named, found.minimal, tuple(_way(stated, each) for each in ways))


# ---- rules --------------------------------------------------------------------------------------------------------


def _named(stated: Stated, found: Conflict, rule: str) -> Named:
    if rule in stated.bands:
        parts = _band_parts(stated, found, rule)
        return Named(rule, parts, _band(stated, found, rule))
    if rule == MOVES:
        most = stated.question.rules.most_moves
        return Named(rule, (), f"rules.most_moves: got {most}; more accounts must move; allow more moves")
    if rule.startswith(LOCK):
        parts = _lock_parts(stated, found, rule)
        return Named(rule, parts, _lock(stated, rule))
    if rule.startswith(SKILL):
        return Named(rule, (), _skill(stated, rule))
    return Named(rule, (), _staffing(stated, rule))


def _prices_of(stated: Stated, found: Conflict, rule: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The prices of one band in the proof, shape (r,)."""
    prices: Prices | None = found.proof.prices if found.proof else None
    active = [band.id for band in stated.way.bands if band.hard and band.id in found.rules]
    if prices is None or len(prices.band) != len(active):
        return np.zeros(len(stated.reps))
    return np.asarray(prices.band[active.index(rule)])


def _band_parts(stated: Stated, found: Conflict, rule: str) -> tuple[str, ...]:
    price = _prices_of(stated, found, rule)
    least = 1e-6 * float(np.abs(price).max(initial=0.0)) + 1e-12
    parts = []
    for side, where in (("floor", price > least), ("ceiling", price < -least)):
        names = [stated.reps[i].name for i in np.flatnonzero(where).tolist()]
        if len(names) > MOST_PARTS:
            parts.append(f"{side} of {len(names)} reps")
        else:
            parts += [f"{side} of {name}" for name in names]
    return tuple(parts)


def _band(stated: Stated, found: Conflict, rule: str) -> str:
    band = stated.bands[rule]
    usual = band.id == "band:workload" and band not in stated.question.rules.bands
    path = "rules.workload_band" if usual else f"rules.bands[{stated.question.rules.bands.index(band)}]"
    value = f"{band.width:g}" if band.width is not None else f"{band.low:g} to {band.high:g}"
    large = _too_large(stated, found, rule)
    if large:
        return f"{path}: got {value}; {large}"
    return f"{path}: got {value}; {_reach(stated, found, rule)}; widen the band"


def _reach(stated: Stated, found: Conflict, rule: str) -> str:
    """What the band asks of those who matter."""
    price = _prices_of(stated, found, rule)
    b = [band.id for band in stated.way.bands].index(rule)
    unit = "h" if stated.bands[rule].measure == WORKLOAD else stated.bands[rule].measure
    low, high = stated.way.problem.low[b], stated.way.problem.high[b]
    words = []
    if (price > 0).any():
        words.append(f"at least {low[price > 0].sum():.4g} {unit} for {_who(stated, price > 0)}")
    if (price < 0).any():
        words.append(f"at most {high[price < 0].sum():.4g} {unit} for {_who(stated, price < 0)}")
    return (
        " and ".join(words)
        or f"whole accounts do not fit between {low.min():.4g} and {high.max():.4g} {unit}"
    )


def _who(stated: Stated, which: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    names = [stated.reps[i].name for i in np.flatnonzero(which).tolist()]
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} reps together"


def _too_large(stated: Stated, found: Conflict, rule: str) -> str:
    """One account above every ceiling that it could come under."""
    problem = stated.problem(found.rules)
    measure = stated.way.measures.index(stated.bands[rule].measure)
    active = [band.id for band in stated.way.bands if band.hard and band.id in found.rules]
    ceiling = problem.high[active.index(rule)]
    room = np.where(problem.able, ceiling, 0.0).max(axis=1)[problem.kind]
    held = np.flatnonzero(problem.locked)
    room[held] = ceiling[problem.incumbent[held]]
    over = np.flatnonzero((problem.amount[measure] > room * (1 + 1e-9)) & (room > 0))
    if not len(over):
        return ""
    j = int(over[np.argmax(problem.amount[measure, over] - room[over])])
    account = _account(stated, j)
    unit = "h" if measure == 0 else stated.bands[rule].measure
    return (
        f"{account.name} alone has {problem.amount[measure, j]:.4g} {unit}, and no rep who may have it can carry more than "
        f"{room[j]:.4g}; split the account or widen the band"
    )


def _account(stated: Stated, row: int) -> Account:
    return stated.question.accounts[int(stated.way.rows[row])]


def _lock_parts(stated: Stated, found: Conflict, rule: str) -> tuple[str, ...]:
    """The fewest locks of a rep, the heaviest first, that are a conflict with the other rules."""
    rows = stated.locks[rule]
    low, high = 0, len(rows)
    # Unlocking from the back: the lightest go first, so that what is left is as few as can be.
    while high - low > 1:
        middle = (low + high) // 2
        problem = stated.problem(found.rules)
        problem.locked[rows[middle:]] = False
        if impossible(problem):
            high = middle
        else:
            low = middle
    if high > MOST_PARTS:
        return ()
    return tuple(f"{LOCK}{_account(stated, j).name}" for j in rows[:high].tolist())


def _lock(stated: Stated, rule: str) -> str:
    rows = stated.locks[rule]
    hours = float(stated.way.problem.amount[0, rows].sum())
    rep = rule.removeprefix(LOCK)
    return f"accounts.locked: got {len(rows)} accounts of {hours:.4g} h on {rep}; unlock some of them"


def _skill(stated: Stated, rule: str) -> str:
    skill = rule.removeprefix(SKILL)
    need = [account.hours for account in stated.question.accounts if skill in account.needs]
    have = sum(skill in rep.skills for rep in stated.reps)
    return (
        f"accounts.needs_skills: got {skill!r} on {len(need)} accounts of {sum(need):.4g} h; {have} of "
        f"{len(stated.reps)} reps have it; give it to more reps or drop the need"
    )


def _staffing(stated: Stated, rule: str) -> str:
    each = stated.staffing[rule]
    accounts = sum(account.area == each.area for account in stated.question.accounts)
    return (
        f"rules.staffing: got {each.least} reps for {each.area!r}, which has {accounts} accounts; ask for fewer reps, or let "
        "more of them serve it"
    )


# ---- changes ------------------------------------------------------------------------------------------------------


def _way(stated: Stated, each: Relaxation) -> Way:
    return Way(tuple(_changed(stated, rule, change) for rule, change in each.changes), each.size)


def _changed(stated: Stated, rule: str, change: float) -> Changed:
    if rule in stated.bands:
        width = stated.bands[rule].width
        if width is not None:
            return Changed(rule, width, width + change, f"widen {rule} from {width:g} to {width + change:g}")
        return Changed(rule, 0.0, change, f"widen the limits of {rule} by {change:.2%}")
    if rule == MOVES:
        most = stated.question.rules.most_moves or 0
        return Changed(rule, most, most + change, f"allow {most + change:g} moves instead of {most}")
    if rule.startswith(LOCK):
        rows = stated.locks[rule][: int(change)]
        return Changed(rule, len(stated.locks[rule]), len(stated.locks[rule]) - change, _unlock(stated, rows))
    if rule.startswith(STAFFING):
        least = stated.staffing[rule].least
        return Changed(rule, least, least - change, f"ask for {least - change:g} reps in {rule}")
    have = sum(rule.removeprefix(SKILL) in rep.skills for rep in stated.reps)
    names = [stated.reps[i].name for i in stated.pupils(rule)[: int(change)]]
    return Changed(rule, have, have + change, f"give {rule} to {_some(names)}")


def _unlock(stated: Stated, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> str:
    return f"unlock {_some([_account(stated, j).name for j in rows.tolist()])}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:MOST_PARTS]) + (
        f" and {len(names) - MOST_PARTS} more" if len(names) > MOST_PARTS else ""
    )
