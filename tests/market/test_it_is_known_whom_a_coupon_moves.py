"""Trials of a coupon hold what was planted in them."""

from __future__ import annotations

import pytest

from fieldwise_market.persuasion import (
    ACTIONS,
    KINDS,
    NOTHING_WORKS,
    SOME_PERSUADABLE,
    SURE_BUYERS,
    experiment,
)

COUPON = ACTIONS.index("coupon")


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_trial(kind: str) -> None:
    first, again = experiment(kind, 1, 500), experiment(kind, 1, 500)
    assert (first.facts == again.facts).all()
    assert (first.rewards == again.rewards).all()
    assert not (experiment(kind, 2, 500).facts == first.facts).all()


def test_where_nothing_works_every_action_loses_its_cost() -> None:
    made = experiment(NOTHING_WORKS, 1, 2000)
    assert not made.persuadable.any()
    assert (made.expected[:, 1:] < made.expected[:, :1]).all()


def test_a_coupon_pays_with_the_persuadable_and_loses_with_everybody_else() -> None:
    made = experiment(SOME_PERSUADABLE, 1, 5000)
    beside = made.expected[:, COUPON] - made.expected[:, 0]
    assert beside[made.persuadable].mean() > 1.0
    assert (beside[~made.persuadable] < 0.0).all()


def test_a_sure_buyer_is_never_persuadable() -> None:
    made = experiment(SURE_BUYERS, 1, 5000)
    assert 0.3 < made.sure.mean() < 0.4
    assert not (made.sure & made.persuadable).any()


def test_another_kind_of_world_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing works"):
        experiment("all buy", 1)
