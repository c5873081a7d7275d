"""Questions of planners, compiled, solved and answered in their own order."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest

from fieldwise_allocation.core.question import Account, Question, Rep
from fieldwise_allocation.core.territory.compile import compiled
from fieldwise_allocation.core.territory.found import Found, Watch
from fieldwise_allocation.core.territory.problem import Ints, feasible
from fieldwise_allocation.core.territory.solve import solve
from tests.allocation.builders import question
from tests.allocation.territory_problems import watch


def plan(asked: Question, within: Watch | None = None) -> tuple[Ints, Found]:
    """The rep of each account in the order of the question, and what was found."""
    frame = compiled(asked)
    found = solve(frame.problem, within or watch())
    assert feasible(frame.problem, found.rep_of)
    return frame.asked(found.rep_of), found


def test_shuffling_accounts_and_reps_gives_the_same_plan() -> None:
    asked = question(80, 5, band=0.15)
    order = np.random.default_rng(1).permutation(80)
    other = Question(tuple(asked.accounts[j] for j in order), asked.reps[::-1], asked.rules)
    (first, found), (second, again) = plan(asked, watch(60)), plan(other, watch(60))
    who = {a.name: asked.reps[i].name for a, i in zip(asked.accounts, first, strict=True)}
    assert who == {a.name: other.reps[i].name for a, i in zip(other.accounts, second, strict=True)}
    assert (found.objective, found.bound) == (again.objective, again.bound)


def test_without_places_and_incumbents_workload_is_spread_evenly_at_no_cost() -> None:
    rng = np.random.default_rng(3)
    accounts = tuple(Account(f"customers/{j}", float(0.02 + rng.gamma(1, 0.1))) for j in range(800))
    rep_of, found = plan(Question(accounts, tuple(Rep(f"reps/{i}", 40) for i in range(8))))
    loads = np.bincount(rep_of, [account.hours for account in accounts])
    assert (found.objective, found.bound) == (0, 0)
    assert loads.max() / loads.min() < 1.01


def test_nobody_moves_when_today_is_balanced_and_nothing_is_gained() -> None:
    reps = tuple(Rep(f"reps/{i}", 40) for i in range(3))
    accounts = tuple(Account(f"customers/{j}", 1.0, 10.0, incumbent=reps[j % 3].name) for j in range(30))
    rep_of, _ = plan(Question(accounts, reps))
    assert (rep_of == np.arange(30) % 3).all()


def test_an_account_whose_workload_triples_pushes_others_to_their_neighbours() -> None:
    reps = tuple(Rep(f"reps/{i}", 40) for i in range(2))
    accounts = [Account(f"customers/{j}", 1.0, 10.0 + j, incumbent=reps[j % 2].name) for j in range(20)]
    accounts[0] = dataclasses.replace(accounts[0], hours=6.0)
    rep_of, _ = plan(Question(tuple(accounts), reps))
    assert 1 <= (rep_of != np.arange(20) % 2).sum() <= 3


def test_an_hour_of_a_full_rep_near_the_accounts_saves_travel() -> None:
    asked = question(200, 4, band=0.1, incumbents=False)
    rep_of, found = plan(asked)
    frame = compiled(asked)
    saves = -found.price[0]
    hours = np.bincount(rep_of, [account.hours for account in asked.accounts])[frame.seats]
    full = int(np.argmax(saves))
    assert saves[full] > 0
    assert hours[full] == pytest.approx(frame.problem.high[0, full], rel=0.02)


def test_the_time_limit_ends_the_search_with_a_plan() -> None:
    asked = question(600, 12, band=0.05)
    plan(question(24, 3))  # the compiled code is loaded once per process
    start = time.process_time()
    plan(asked, Watch(lambda: start + 0.5 - time.process_time()))
    assert time.process_time() - start < 2.5
