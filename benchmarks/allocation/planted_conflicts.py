"""Questions with one planted conflict each, whose smallest set of rules is known by how it was made; knows no solver."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fieldwise_allocation.core.question import Account, Band, Place, Question, Rep, Rules, Staffing

BAND = 0.15
SKILL = "cold"
AREA = "north"
WORKLOAD = "band:workload"


@dataclass(frozen=True)
class Planted:
    """A question without a plan, and the rules that are to blame."""

    kind: str
    question: Question
    rules: frozenset[str]


def planted_cases(count: int, *, seed: int) -> Iterator[Planted]:
    """So many cases of 40 to 400 accounts, every kind in turn."""
    rng = np.random.default_rng(seed)
    kinds = list(KINDS)
    for number in range(count):
        reps = int(rng.integers(4, 11))
        accounts = int(reps * rng.integers(14, 41))
        yield planted(kinds[number % len(kinds)], accounts, reps, seed=int(rng.integers(1 << 30)))


def planted(kind: str, accounts: int, reps: int, *, seed: int) -> Planted:
    """One case of a kind."""
    rng = np.random.default_rng([seed, accounts, reps])
    question, rules = KINDS[kind](_sound(accounts, reps, rng), rng)
    return Planted(kind, question, frozenset(rules))


def _sound(accounts: int, reps: int, rng: np.random.Generator) -> Question:
    """A question with a plan: even workloads, some needs and some locks that are in nobody's way."""
    hours = 0.5 + rng.gamma(4.0, 0.12, accounts)
    force = tuple(
        Rep(
            f"reps/{i}",
            float(rng.choice([30, 40])),
            Place(*_somewhere(rng)),
            frozenset({"tea"} if i % 2 else {"tea", "wine"}),
        )
        for i in range(reps)
    )
    today = rng.permutation(np.arange(accounts) % reps)
    locked = set(rng.choice(accounts, max(1, accounts // 60), replace=False).tolist())
    return Question(
        tuple(
            Account(
                f"customers/{j}",
                float(hours[j]),
                value=float(rng.gamma(2.0, 500.0)),
                place=Place(*_somewhere(rng)),
                needs=frozenset({"tea"} if rng.random() < 0.1 else ()),
                incumbent=force[int(today[j])].name,
                locked=j in locked,
            )
            for j in range(accounts)
        ),
        force,
        Rules(band=BAND),
    )


def _somewhere(rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.uniform(40, 50)), float(rng.uniform(0, 10))


def _share(question: Question, rep: int) -> float:
    """Hours of a rep's share."""
    whole = sum(account.hours for account in question.accounts)
    return whole * question.reps[rep].capacity / sum(each.capacity for each in question.reps)


def _with(question: Question, changed: Mapping[int, Mapping[str, Any]], **rules: Any) -> Question:
    accounts = tuple(
        dataclasses.replace(account, **changed.get(j, {})) for j, account in enumerate(question.accounts)
    )
    return Question(accounts, question.reps, dataclasses.replace(question.rules, **rules))


def _teach(question: Question, reps: set[int]) -> Question:
    """The skill for these reps."""
    force = tuple(
        dataclasses.replace(rep, skills=rep.skills | {SKILL}) if i in reps else rep
        for i, rep in enumerate(question.reps)
    )
    return Question(question.accounts, force, question.rules)


def _until(
    question: Question, hours: float, rng: np.random.Generator, keep: Callable[[Account], bool]
) -> list[int]:
    """Accounts at random whose workload together just passes so many hours."""
    chosen, total = [], 0.0
    for j in rng.permutation(len(question.accounts)).tolist():
        if total > hours:
            break
        if keep(question.accounts[j]):
            chosen.append(j)
            total += question.accounts[j].hours
    return chosen


Made = tuple[Question, set[str]]


def _locks_above_a_ceiling(question: Question, rng: np.random.Generator) -> Made:
    rep = question.reps[0].name
    held = _until(question, 1.3 * _share(question, 0), rng, lambda a: not a.locked)
    return _with(question, {j: {"incumbent": rep, "locked": True} for j in held}), {WORKLOAD, f"lock:{rep}"}


def _a_skill_that_nobody_has(question: Question, rng: np.random.Generator) -> Made:
    j = int(rng.integers(len(question.accounts)))
    return _with(question, {j: {"needs": frozenset({SKILL}), "locked": False}}), {f"skill:{SKILL}"}


def _a_skill_that_too_few_have(question: Question, rng: np.random.Generator) -> Made:
    question = _teach(question, {0})
    needy = _until(question, 1.35 * _share(question, 0), rng, lambda a: not a.locked)
    return _with(question, {j: {"needs": frozenset({SKILL})} for j in needy}), {WORKLOAD, f"skill:{SKILL}"}


def _an_account_above_every_ceiling(question: Question) -> Made:
    j = next(j for j, account in enumerate(question.accounts) if not account.locked)
    # Half as much again as the highest ceiling; it is part of the whole that is shared out.
    others = sum(account.hours for k, account in enumerate(question.accounts) if k != j)
    highest = max(rep.capacity for rep in question.reps) / sum(rep.capacity for rep in question.reps)
    part = 1.5 * (1 + BAND) * highest
    hours = others * part / (1 - part)
    return _with(question, {j: {"hours": hours}}), {WORKLOAD}


def _an_account_too_large_for_the_skilled(question: Question) -> Made:
    question = _teach(question, {0})
    small = dataclasses.replace(question.reps[0], hours=10.0)
    question = Question(question.accounts, (small, *question.reps[1:]), question.rules)
    j = next(j for j, account in enumerate(question.accounts) if not account.locked)
    hours = 1.6 * _share(question, 0)
    # What is locked to the small rep could be a conflict of its own.
    free: dict[int, dict[str, Any]] = {
        k: {"locked": False} for k, a in enumerate(question.accounts) if a.incumbent == small.name
    }
    return _with(question, {**free, j: {"hours": hours, "needs": frozenset({SKILL}), "locked": False}}), {
        WORKLOAD,
        f"skill:{SKILL}",
    }


def _floors_above_the_whole(question: Question) -> Made:
    whole = sum(account.hours for account in question.accounts)
    floor = Band("least", "workload", low=1.1 * whole / len(question.reps))
    return _with(question, {}, bands=(floor,)), {"least"}


def _too_few_moves_for_a_new_rep(question: Question) -> Made:
    """All accounts of one rep go to the others: he counts as new."""
    others = [rep.name for rep in question.reps[1:]]
    moved = {
        j: {"incumbent": others[j % len(others)], "locked": False}
        for j, account in enumerate(question.accounts)
        if account.incumbent == question.reps[0].name
    }
    hours = sorted((account.hours for account in question.accounts), reverse=True)
    needed = int(np.searchsorted(np.cumsum(hours), (1 - BAND) * _share(question, 0)))
    return _with(question, moved, most_moves=max(needed // 2, 0)), {WORKLOAD, "moves"}


def _too_few_moves_for_a_skill(question: Question) -> Made:
    question = _teach(question, set(range(1, len(question.reps))))
    mine = [j for j, a in enumerate(question.accounts) if a.incumbent == question.reps[0].name]
    needy = {j: {"needs": frozenset({SKILL}), "locked": False} for j in mine[:6]}
    return _with(question, needy, band=0.6, most_moves=4), {"moves", f"skill:{SKILL}"}


def _area(question: Question, count: int) -> list[int]:
    return [j for j, account in enumerate(question.accounts) if not account.locked][:count]


def _more_reps_than_are_able(question: Question) -> Made:
    question = _teach(question, {0, 1})
    there = {j: {"area": AREA, "needs": frozenset({SKILL})} for j in _area(question, 6)}
    return _with(question, there, staffing=(Staffing(AREA, 3),)), {f"staffing:{AREA}", f"skill:{SKILL}"}


def _more_reps_than_accounts(question: Question) -> Made:
    there = {j: {"area": AREA} for j in _area(question, 2)}
    return _with(question, there, staffing=(Staffing(AREA, 3),)), {f"staffing:{AREA}"}


def _an_area_locked_to_one_rep(question: Question) -> Made:
    rep = question.reps[1].name
    there = {j: {"area": AREA, "incumbent": rep, "locked": True} for j in _area(question, 3)}
    return _with(question, there, staffing=(Staffing(AREA, 2),)), {f"staffing:{AREA}", f"lock:{rep}"}


def _two_bands_apart(question: Question) -> Made:
    rep, share = question.reps[0].name, _share(question, 0)
    bands = (
        Band("at least", "workload", low=1.05 * share, reps=frozenset({rep})),
        Band("at most", "workload", high=0.95 * share, reps=frozenset({rep})),
    )
    return _with(question, {}, bands=bands), {"at least", "at most"}


def _hours_in_too_few_accounts(question: Question) -> Made:
    hours = sorted((account.hours for account in question.accounts), reverse=True)
    needed = int(np.searchsorted(np.cumsum(hours), (1 - BAND) * _share(question, 0)))
    few = Band("few", "accounts", high=max(needed - 1, 0), reps=frozenset({question.reps[0].name}))
    # What is locked to him could be more accounts than the band allows.
    free = {
        j: {"locked": False} for j, a in enumerate(question.accounts) if a.incumbent == question.reps[0].name
    }
    return _with(question, free, bands=(few,)), {WORKLOAD, "few"}


def _locked_to_one_who_cannot(question: Question) -> Made:
    question = _teach(question, set(range(1, len(question.reps))))
    rep = question.reps[0].name
    j = _area(question, 1)[0]
    held = {"needs": frozenset({SKILL}), "incumbent": rep, "locked": True}
    return _with(question, {j: held}), {f"lock:{rep}", f"skill:{SKILL}"}


def _the_skilled_are_full_of_locks(question: Question, rng: np.random.Generator) -> Made:
    """Two reps could carry the skilled work, were one of them not full of other accounts that are locked to him."""
    question = _teach(question, {0, 1})
    rep = question.reps[0].name
    held = _until(question, 0.9 * _share(question, 0), rng, lambda a: not a.locked)
    taken = set(held)
    needy = _until(
        question,
        1.25 * _share(question, 1) + 0.25 * _share(question, 0),
        rng,
        lambda a: not a.locked and int(a.name.removeprefix("customers/")) not in taken,
    )
    changed: dict[int, dict[str, Any]] = {j: {"incumbent": rep, "locked": True} for j in held}
    changed |= {j: {"needs": frozenset({SKILL})} for j in needy}
    return _with(question, changed), {WORKLOAD, f"lock:{rep}", f"skill:{SKILL}"}


def _drawing_nothing(make: Callable[[Question], Made]) -> Callable[[Question, np.random.Generator], Made]:
    return lambda question, _: make(question)


KINDS: dict[str, Callable[[Question, np.random.Generator], Made]] = {
    "locks above a ceiling": _locks_above_a_ceiling,
    "a skill that nobody has": _a_skill_that_nobody_has,
    "a skill that too few have": _a_skill_that_too_few_have,
    "an account above every ceiling": _drawing_nothing(_an_account_above_every_ceiling),
    "an account too large for the skilled": _drawing_nothing(_an_account_too_large_for_the_skilled),
    "floors above the whole": _drawing_nothing(_floors_above_the_whole),
    "too few moves for a new rep": _drawing_nothing(_too_few_moves_for_a_new_rep),
    "too few moves for a skill": _drawing_nothing(_too_few_moves_for_a_skill),
    "more reps than are able": _drawing_nothing(_more_reps_than_are_able),
    "more reps than accounts": _drawing_nothing(_more_reps_than_accounts),
    "an area locked to one rep": _drawing_nothing(_an_area_locked_to_one_rep),
    "two bands apart": _drawing_nothing(_two_bands_apart),
    "hours in too few accounts": _drawing_nothing(_hours_in_too_few_accounts),
    "locked to one who cannot": _drawing_nothing(_locked_to_one_who_cannot),
    "the skilled are full of locks": _the_skilled_are_full_of_locks,
}
