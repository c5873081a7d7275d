"""A trial on a world gives both futures of each chosen customer."""

from __future__ import annotations

import numpy as np
import pytest

from fieldwise_market.population import ACTIONS
from fieldwise_market.trial import respond
from tests.market.builders import world

EVERYBODY = np.arange(800)


def test_whom_nothing_moves_does_the_same_with_a_contact_and_without() -> None:
    unmoved = np.flatnonzero((world().truth.effect == 0).all(axis=1))
    for action in ACTIONS:
        answers = respond(world(), unmoved, action, seed=1)
        assert np.array_equal(answers.without, answers.with_contact)
        assert answers.spend_with.sum() == answers.spend_without.sum()


def test_the_drawn_uplift_agrees_with_the_planted_one_over_many_draws() -> None:
    drawn = [respond(world(), EVERYBODY, "coupon", seed).uplift() for seed in range(40)]
    planted = respond(world(), EVERYBODY, "coupon", 1).expected_uplift()
    # 40 draws of 800: the mean is good to about a tenth of a point.
    assert abs(np.mean(drawn) - planted) < 0.004


def test_a_customer_answers_alike_whoever_else_is_chosen() -> None:
    alone = respond(world(), [7], "email", 3)
    among = respond(world(), EVERYBODY, "email", 3)
    assert alone.with_contact[0] == among.with_contact[7]
    assert alone.spend_with[0] == among.spend_with[7]


def test_choosing_by_behaviour_can_pay_more_than_by_age_and_gender_and_that_more_than_chance() -> None:
    truth = world().truth
    effect = truth.effect[:, truth.actions.index("coupon")]
    cell = np.digitize(truth.age, (35, 60)) * 2 + (truth.gender == "f")

    def uplift_by(group: np.ndarray) -> float:
        worth = np.array([effect[group == each].mean() for each in range(group.max() + 1)])[group]
        chosen = np.argsort(-worth, kind="stable")[:160]
        return respond(world(), chosen, "coupon", 5).expected_uplift()

    everybody = respond(world(), EVERYBODY, "coupon", 5).expected_uplift()
    assert uplift_by(truth.segment) > uplift_by(cell) > 0
    assert uplift_by(truth.segment) > 1.5 * everybody


def test_an_unknown_action_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="action='fax'"):
        respond(world(), [1], "fax", 1)
