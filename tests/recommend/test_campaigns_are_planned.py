"""Contacts over weeks: plans know what tires, greed does not, and the gate lets out what the models are sure of."""

from __future__ import annotations

import numpy as np
import pytest

from fieldwise_recommend.core.arrays import Bools, Floats, Ints
from fieldwise_recommend.core.campaigns.fitted_value import Planned, fitted, q_values
from fieldwise_recommend.core.campaigns.gate import cadence, imagined, let_out
from fieldwise_recommend.core.campaigns.response import Response, Weeks, learned
from fieldwise_recommend.core.campaigns.standing import MEMORY, Standing, joined

WEEKS = 6
COSTS = (0.0, 0.1)


def beginning(count: int, seed: int = 0) -> Standing:
    draw = np.random.default_rng(seed)
    return Standing(
        0,
        draw.uniform(0.2, 0.5, count),
        draw.standard_normal((count, 1)),
        draw.uniform(5.0, 15.0, count),
        draw.integers(1, 5, count),
        np.zeros((count, MEMORY), dtype=np.int64),
        np.ones(count, dtype=np.bool_),
    )


class Tiring(Response):
    """A mail adds .1 to buying, takes .12 in each of the two weeks after it, and nobody ever leaves."""

    def __init__(self) -> None:
        super().__init__(2, np.zeros(1), np.zeros(1))

    def bought(self, standing: Standing, actions: Ints) -> Floats:
        weary = (standing.contacts[:, :2] != 0).sum(axis=1)
        chance: Floats = np.clip(standing.rate + 0.1 * (actions == 1) - 0.12 * weary, 0.0, 1.0)
        return chance

    def left(self, standing: Standing, actions: Ints) -> Floats:
        return np.zeros(len(actions))


def visited(count: int) -> list[Standing]:
    draw = np.random.default_rng(1)
    standing, found = beginning(count), []
    for _ in range(WEEKS):
        found.append(standing)
        actions = (draw.random(count) < 0.3).astype(np.int64)
        standing = standing.after(actions, draw.random(count) < 0.3, np.zeros(count, dtype=np.bool_))
    return found


def test_greed_mails_what_a_plan_leaves_alone() -> None:
    plan = fitted(Tiring(), COSTS, visited(1_500))
    start = beginning(300, seed=5)
    assert (q_values(Tiring(), COSTS, start, None).argmax(axis=1) == 1).all()
    assert plan.choose(start).mean() < 0.05
    luck = np.random.default_rng(2).random((WEEKS, 2, 300))
    alone = imagined(Tiring(), COSTS, start, cadence(0, 1), luck).mean()
    every_week = imagined(Tiring(), COSTS, start, cadence(1, 1), luck).mean()
    assert imagined(Tiring(), COSTS, start, plan.choose, luck).mean() >= alone > every_week


def test_in_the_last_week_nothing_is_spared() -> None:
    plan = fitted(Tiring(), COSTS, visited(1_500))
    last = visited(300)[-1]
    fresh = last.contacts[:, :2].sum(axis=1) == 0
    assert plan.choose(last)[fresh].all()


def test_a_value_is_that_of_following_the_plan() -> None:
    """The naive rival plays the plan out on luck; the fitted value of week 0 is what it gets."""
    plan = fitted(Tiring(), COSTS, visited(3_000))
    start = beginning(3_000)
    luck = np.random.default_rng(3).random((WEEKS, 2, 3_000))
    played = imagined(Tiring(), COSTS, start, plan.choose, luck).mean()
    assert plan.q(start).max(axis=1).mean() == pytest.approx(played, rel=0.01)


def test_who_opted_out_is_never_contacted_and_caution_contacts_fewer() -> None:
    start = beginning(400)
    gone = Standing(0, start.rate, start.traits, start.worth, start.idle, start.contacts, ~start.reachable)
    plan = fitted(Tiring(), COSTS, visited(500))
    assert not plan.choose(gone).any()
    last = visited(400)[-1]
    careful = Planned(plan.response, plan.costs, plan.values, 0.2)
    assert careful.choose(last).sum() < plan.choose(last).sum()
    assert not cadence(1, 1)(gone).any()


def recorded(count: int, lift: float) -> Weeks:
    """Six weeks in which chance mails a third, and a mail adds to buying for those with a trait above 0."""
    draw = np.random.default_rng(7)
    standing = beginning(count, 7)
    parts: list[Standing] = []
    actions: list[Ints] = []
    bought: list[Bools] = []
    left: list[Bools] = []
    for _ in range(WEEKS):
        done = ((draw.random(count) < 0.33) & standing.reachable).astype(np.int64)
        chance = standing.rate + lift * done * (standing.traits[:, 0] > 0)
        buys = draw.random(count) < chance
        leaves = (done == 1) & (draw.random(count) < 0.02)
        parts.append(standing)
        actions.append(done)
        bought.append(buys)
        left.append(leaves)
        standing = standing.after(done, buys, leaves)
    whose = np.tile(np.arange(count), WEEKS)
    joint = (np.concatenate(actions), np.concatenate(bought), np.concatenate(left))
    return Weeks(joined(parts), *joint, whose)


def test_responses_are_learned_from_drawn_weeks() -> None:
    response = learned(recorded(4_000, 0.2), 2)
    start = beginning(1_000, 9)
    mail, nothing = np.ones(1_000, dtype=np.int64), np.zeros(1_000, dtype=np.int64)
    adds = response.bought(start, mail) - response.bought(start, nothing)
    answers = start.traits[:, 0] > 0.5
    assert adds[answers].mean() == pytest.approx(0.2, abs=0.05)
    assert adds[start.traits[:, 0] < -0.5].mean() == pytest.approx(0.0, abs=0.05)
    assert response.left(start, mail).mean() == pytest.approx(0.02, abs=0.01)
    assert not response.left(start, nothing).any()
    assert not response.left(start.after(mail, mail > 0, mail > 0), mail).any()


def test_the_gate_keeps_the_cadence_unless_all_models_are_sure() -> None:
    start = beginning(300)
    luck = np.random.default_rng(4).random((WEEKS, 2, 300))
    rungs = {"nothing": cadence(0, 1), "weekly": cadence(1, 1)}
    worse = let_out([Tiring(), Tiring()], COSTS, start, rungs, {"plan": cadence(1, 2)}, luck)
    assert (worse.name, worse.rung) == ("nothing", "nothing")
    assert worse.gain < 0

    def at_the_end(standing: Standing) -> Ints:
        return np.full(len(standing.rate), int(standing.week == WEEKS - 1))

    better = let_out([Tiring(), Tiring()], COSTS, start, rungs, {"plan": at_the_end}, luck)
    assert better.name == "plan"
    assert better.lower > 0
