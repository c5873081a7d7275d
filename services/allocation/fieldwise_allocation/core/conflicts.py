"""Which rules cannot hold together, and what would help; each named conflict is verified by solving again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.instance import Bools, Floats, Ints, build
from fieldwise_allocation.core.linear import Infeasible, Programme, Unsolved, solve_integer, solve_linear
from fieldwise_allocation.core.question import Question

# Hours missing above this share of the whole workload are no rounding of the solver.
TOLERANCE = 1e-7
# The exact test of a set of rules is for questions of this many pairs: it is asked dozens of times.
EXACT_PAIRS = 20_000
EXACT_WORK = 2.0
EXACT_SECONDS = 5.0


@dataclass(frozen=True, order=True)
class Rule:
    """One rule of a question: ``floor`` or ``ceiling`` of a rep, the ``lock``s on a rep, or a ``skill``."""

    kind: str
    subject: str


@dataclass(frozen=True)
class Conflict:
    """Rules that cannot hold together, each with its value and remedy in words; dropping any one helps."""

    rules: tuple[Rule, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class _Field:
    """The question with accounts of equal needs and equal lock taken together: enough for divisible accounts.

    Args:
        hours: Workload of each group, shape (g,).
        needs, lock: What the group needs, and the rep it is locked to or -1.
    """

    question: Question
    hours: Floats
    needs: tuple[frozenset[str], ...]
    lock: tuple[int, ...]
    target: Floats

    def allowed(self, rules: frozenset[Rule]) -> Bools:
        """Pairs of group and rep that the rules among these permit, shape (g, r)."""
        skills = frozenset(rule.subject for rule in rules if rule.kind == "skill")
        reps = self.question.reps
        able = np.array([[needs & skills <= rep.skills for rep in reps] for needs in self.needs])
        for group, rep in enumerate(self.lock):
            if rep >= 0 and Rule("lock", reps[rep].name) in rules:
                able[group] &= np.arange(len(reps)) == rep
        return able

    def band(self, rules: frozenset[Rule]) -> tuple[Floats, Floats]:
        """Fewest and most hours of each rep under these rules, each of shape (r,)."""
        reps, width = self.question.reps, self.question.rules.band
        floors = np.array([Rule("floor", rep.name) in rules for rep in reps])
        ceilings = np.array([Rule("ceiling", rep.name) in rules for rep in reps])
        low = np.where(floors, (1 - width) * self.target, 0.0)
        return low, np.where(ceilings, (1 + width) * self.target, self.hours.sum() + 1.0)


def divisible_plan_exists(question: Question) -> bool:
    """Whether the rules could hold if accounts could be split: a small programme, whatever the size."""
    return _fits(_field(question, split=False), frozenset(_rules(question)))


def explain(question: Question, hurry: Callable[[], bool] = lambda: False) -> Conflict:
    """The rules in conflict, minimal as far as the tests can tell, verified; all rules where no test is conclusive.

    Args:
        hurry: Asked before each test; once True, all rules are the answer.
    """
    every = frozenset(_rules(question))
    joined = _field(question, split=False)
    if not _fits(joined, every):
        return _conflict(question, joined, lambda rules: hurry() or _fits(joined, rules))
    single = _field(question, split=True)
    too_large = _too_large(question)
    if too_large is not None:
        return too_large
    if single.hours.size * len(question.reps) <= EXACT_PAIRS:
        return _conflict(question, single, lambda rules: hurry() or _fits_whole(single, rules))
    return Conflict(tuple(sorted(every)), _sentences(question, sorted(every)))


def _conflict(question: Question, field: _Field, holds: Callable[[frozenset[Rule]], bool]) -> Conflict:
    found = _smallest(sorted(_rules(question)), holds)
    return Conflict(tuple(found), _sentences(field.question, found))


def _smallest(rules: Sequence[Rule], holds: Callable[[frozenset[Rule]], bool]) -> list[Rule]:
    """A set that cannot hold although every proper subset does.

    Source: Junker (2004), QuickXplain: preferred explanations and relaxations for over-constrained problems.
    """

    def search(base: frozenset[Rule], added: bool, rest: Sequence[Rule]) -> list[Rule]:
        if added and not holds(base):
            return []
        if len(rest) == 1:
            return list(rest)
        half = len(rest) // 2
        second = search(base | set(rest[:half]), True, rest[half:])
        first = search(base | set(second), bool(second), rest[:half])
        return first + second

    found = sorted(search(frozenset(), False, rules))
    # A test that ran out of time counts as "holds" and may hide a member: all rules are then the honest answer.
    return found if not holds(frozenset(found)) else list(rules)


def _rules(question: Question) -> set[Rule]:
    rules = {Rule(kind, rep.name) for rep in question.reps for kind in ("floor", "ceiling")}
    rules |= {Rule("skill", skill) for account in question.accounts for skill in account.needs}
    return rules | {Rule("lock", account.incumbent) for account in question.accounts if account.locked}


def _field(question: Question, *, split: bool) -> _Field:
    """Groups of accounts; with ``split`` each account is a group of its own."""
    index = {rep.name: i for i, rep in enumerate(question.reps)}
    groups: dict[tuple[frozenset[str], int, int], float] = {}
    for j, account in enumerate(question.accounts):
        key = (account.needs, index[account.incumbent] if account.locked else -1, j if split else 0)
        groups[key] = groups.get(key, 0.0) + account.hours
    hours = np.array(list(groups.values()))
    share = np.array([rep.hours for rep in question.reps])
    needs, lock = tuple(key[0] for key in groups), tuple(key[1] for key in groups)
    return _Field(question, hours, needs, lock, hours.sum() * share / share.sum())


def _fits(field: _Field, rules: frozenset[Rule]) -> bool:
    """Whether divisible groups fit: the least hours that must lie outside a band are none."""
    allowed = field.allowed(rules)
    if not allowed.any(axis=1).all():
        return False
    programme = _programme(field, rules, allowed, field.hours, elastic=True)
    return solve_linear(programme).objective <= TOLERANCE * (float(field.hours.sum()) + 1e-9)


def _fits_whole(field: _Field, rules: frozenset[Rule]) -> bool:
    """Whether whole accounts fit; True as well when the test does not finish."""
    allowed = field.allowed(rules)
    if not allowed.any(axis=1).all():
        return False
    try:
        programme = _programme(field, rules, allowed, np.ones_like(field.hours), elastic=False)
        solve_integer(programme, work=EXACT_WORK, seconds=EXACT_SECONDS)
    except Infeasible:
        return False
    except Unsolved:
        return True
    return True


def _programme(
    field: _Field, rules: frozenset[Rule], allowed: Bools, supply: Floats, *, elastic: bool
) -> Programme:
    """Give out each group's ``supply``; with ``elastic`` a rep may leave his band at a cost of 1 per hour."""
    group, rep = np.nonzero(allowed)
    low, high = field.band(rules)
    hair = TOLERANCE * (field.target + 1e-9) * (not elastic)
    g, r, k = len(supply), len(low), len(group)
    slack = np.arange(2 * r if elastic else 0)
    hours_each: Floats = (field.hours / np.where(supply > 0, supply, 1.0))[group]
    entries: tuple[Ints, Ints, Floats] = (
        np.concatenate([group, g + rep, g + slack % r]),
        np.concatenate([np.arange(k), np.arange(k), k + slack]),
        np.concatenate([np.ones(k), hours_each, np.where(slack < r, 1.0, -1.0)]),
    )
    return Programme(
        cost=np.concatenate([np.zeros(k), np.ones(len(slack))]),
        high=np.concatenate([supply[group], np.full(len(slack), np.inf)]),
        row_low=np.concatenate([supply, low - hair]),
        row_high=np.concatenate([supply, high + hair]),
        entries=entries,
    )


def _too_large(question: Question) -> Conflict | None:
    """One account that exceeds the ceiling of everyone who may have it: seen without a solver."""
    instance = build(question)
    room = np.where(instance.allowed, instance.high, 0.0).max(axis=1)
    over = np.flatnonzero(instance.workload > room * (1 + TOLERANCE))
    if not len(over):
        return None
    j = int(over[np.argmax(instance.workload[over] - room[over])])
    reps = [question.reps[i].name for i in np.flatnonzero(instance.allowed[j])]
    rules = tuple(Rule("ceiling", name) for name in reps)
    account = question.accounts[j]
    sentence = (
        f"accounts[{j}].workload_hours: got {account.hours:g}; no rep who may have {account.name} can carry more than "
        f"{room[j]:g} h; split the account or widen rules.workload_band"
    )
    return Conflict(rules, (sentence,))


def _sentences(question: Question, rules: Sequence[Rule]) -> tuple[str, ...]:
    words = {"floor": _floor, "ceiling": _ceiling, "lock": _lock, "skill": _skill}
    return tuple(words[rule.kind](question, rule.subject) for rule in rules)


def _band_of(question: Question, name: str) -> tuple[float, float]:
    field = _field(question, split=False)
    target = float(field.target[[rep.name for rep in question.reps].index(name)])
    return (1 - question.rules.band) * target, (1 + question.rules.band) * target


def _floor(question: Question, name: str) -> str:
    low, _ = _band_of(question, name)
    return (
        f"rules.workload_band: got {question.rules.band:g}; {name} must have at least {low:.4g} h; "
        "widen the band or lower his hours_per_week"
    )


def _ceiling(question: Question, name: str) -> str:
    _, high = _band_of(question, name)
    return (
        f"rules.workload_band: got {question.rules.band:g}; {name} may have at most {high:.4g} h; "
        "widen the band or raise his hours_per_week"
    )


def _lock(question: Question, name: str) -> str:
    held = [account.hours for account in question.accounts if account.locked and account.incumbent == name]
    return f"accounts.locked: got {len(held)} accounts of {sum(held):.4g} h on {name}; unlock some of them"


def _skill(question: Question, skill: str) -> str:
    need = [account.hours for account in question.accounts if skill in account.needs]
    have = sum(skill in rep.skills for rep in question.reps)
    return (
        f"accounts.needs_skills: got {skill!r} on {len(need)} accounts of {sum(need):.4g} h; {have} of "
        f"{len(question.reps)} reps have it; give it to more reps or drop the need"
    )
