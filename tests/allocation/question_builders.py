"""Questions with every kind of rule, and plans of them that keep all hard rules without a search for good ones."""

from __future__ import annotations

import dataclasses

import numpy as np

from fieldwise_allocation.core.question import Account, Band, Question, Rules, Staffing
from fieldwise_allocation.core.territory.comparisons import compared
from fieldwise_allocation.core.territory.describe import Prepared, prepared
from fieldwise_allocation.core.territory.found import Found
from fieldwise_allocation.core.territory.plan import Plan
from fieldwise_allocation.core.territory.possible import verdict
from tests.allocation.builders import question


def with_every_rule(accounts: int = 60, reps: int = 4, *, seed: int = 0) -> Question:
    """Hard and soft bands on four measures, locks, skills, moves, staffing, visits, contiguity."""
    base = question(accounts, reps, seed=seed)
    rng = np.random.default_rng(seed)
    visited = tuple(
        dataclasses.replace(
            account,
            visit_hours=0.2,
            visits_per_week=float(rng.choice([0.25, 0.5])),
            measures=(("beds", float(rng.integers(1, 9))),),
            area="north" if j % 5 == 0 else "",
        )
        for j, account in enumerate(base.accounts)
    )
    rules = Rules(
        band=0.5,
        bands=(
            Band("band:value", "value", width=0.6),
            Band("beds", "beds", low=2.0, cost=3.0),
            Band("few for r0", "accounts", high=accounts * 0.6, reps=frozenset({"reps/r0"})),
        ),
        most_moves=accounts // 2,
        staffing=(Staffing("north", 2),),
        balance_cost=2.0,
        contiguity_cost=1.5,
    )
    return Question((_locked(visited[0], "reps/r1"), *visited[1:]), base.reps, rules)


def _locked(account: Account, rep: str) -> Account:
    return dataclasses.replace(account, incumbent=rep, locked=True, needs=frozenset())


def some_plan(asked: Question, *, bound: float = 0.0) -> tuple[Prepared, Plan]:
    """A plan that keeps every hard rule, as a search would hand it out."""
    frame = prepared(asked)
    problem = frame.compiled.problem
    rep_of = verdict(problem).rep_of
    assert rep_of is not None, "the question has no plan"
    price = np.linspace(-1, 1, problem.low.size).reshape(problem.low.shape)
    found = Found(rep_of, 0.0, bound, price, 0.5, problem.home)
    return frame, frame.described(found, compared(frame.ledger))
