"""Chance in choices: probabilities add up, frequencies follow them, the control group is stable and of the stated size."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise.recommend.v1.decision_pb2 import VERDICT_LEAVE_ALONE, DecisionInputs
from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.choice import Options, choose, draw_of, in_control_group, probabilities
from fieldwise_recommend.core.policy import Policy
from fieldwise_recommend.core.situation import Chance
from tests.recommend.recommend_builders import inputs_for, made_from, prices, random_inputs, random_prices


@settings(max_examples=100, deadline=None)
@given(random_inputs(), random_prices(), st.floats(0, 0.99), st.floats(0, 0.99))
def test_probabilities_of_all_candidates_add_up_to_one(
    inputs: DecisionInputs, price_set: PriceSet | None, exploration: float, share: float
) -> None:
    made = made_from(inputs, price_set, Policy(exploration=exploration, control_share=share))
    total = math.fsum(candidate.probability for candidate in made.ruling.candidates)
    assert math.isclose(total, 1.0, abs_tol=1e-12)
    decision = made.decision
    assert decision.choice_probability == made.ruling.chosen.probability > 0
    assert decision.deterministic == (decision.choice_probability == 1.0)


def test_choices_over_many_decisions_follow_the_logged_probabilities() -> None:
    policy = Policy(exploration=0.4, control_share=0.0)
    inputs = inputs_for("customers/1")
    counts: Counter[str] = Counter()
    expected: dict[str, float] = {}
    decisions = 3000
    for number in range(decisions):
        inputs.decision = f"decisions/{number:036x}"
        made = made_from(inputs, prices(), policy)
        counts[made.decision.chosen_action] += 1
        expected = {each.action.name: each.probability * decisions for each in made.ruling.candidates}
    possible = {name: value for name, value in expected.items() if value}
    assert counts.keys() <= possible.keys()
    chi_square = sum((counts[name] - value) ** 2 / value for name, value in possible.items())
    # The draws are hashes of fixed names, so this never flickers; 0.999 quantiles of chi-square lie below 2 df + 15 here.
    assert chi_square < 2 * (len(possible) - 1) + 15


def test_costly_actions_are_never_chosen_by_chance() -> None:
    policy = Policy(exploration=0.9, control_share=0.0)
    inputs = inputs_for("customers/1")
    best = made_from(inputs, prices(), Policy(exploration=0.0, control_share=0.0)).decision.chosen_action
    for number in range(300):
        inputs.decision = f"decisions/{number:036x}"
        made = made_from(inputs, prices(), policy)
        assert made.ruling.chosen.action.explorable or made.decision.chosen_action == best


@given(st.integers(1, 12), st.data())
def test_a_draw_falls_only_on_what_has_probability(count: int, data: st.DataObject) -> None:
    alone = data.draw(st.integers(0, count - 1))
    others = data.draw(st.sets(st.integers(0, count - 1)))
    options = Options(0, alone, sorted(others | {alone}))
    chance = Chance(
        data.draw(st.booleans()), data.draw(st.floats(0, 0.999)), data.draw(st.floats(0, 0.9999999))
    )
    assert probabilities(options, chance, count)[choose(options, chance)] > 0


def test_the_control_group_has_the_stated_share_and_never_changes() -> None:
    customers = [f"customers/{number}" for number in range(20_000)]
    group = {customer for customer in customers if in_control_group(customer, "salt", 0.05)}
    # Five standard deviations of a binomial around 1,000.
    assert abs(len(group) - 1000) < 5 * math.sqrt(20_000 * 0.05 * 0.95)
    assert group == {customer for customer in customers if in_control_group(customer, "salt", 0.05)}
    larger = {customer for customer in customers if in_control_group(customer, "salt", 0.10)}
    assert group < larger
    other = {customer for customer in customers if in_control_group(customer, "another salt", 0.05)}
    assert len(group & other) < 120


def test_the_control_group_is_left_alone_without_chance_and_says_so() -> None:
    made = made_from(inputs_for("customers/1"), prices(), Policy(control_share=0.999999))
    decision = made.decision
    assert (decision.verdict, decision.chosen_action) == (VERDICT_LEAVE_ALONE, LEAVE_ALONE)
    assert decision.control_group
    assert decision.deterministic
    assert decision.choice_probability == 1.0
    assert not decision.HasField("best_time")
    alone = next(ranked for ranked in decision.actions if ranked.chosen)
    assert [reason.code for reason in alone.reasons] == ["CONTROL_GROUP"]
    assert decision.actions[0].value.micros > 0


def test_a_draw_depends_on_the_name_of_the_decision_only() -> None:
    assert draw_of("decisions/a") == draw_of("decisions/a") != draw_of("decisions/b")
    mean = math.fsum(draw_of(f"decisions/{number}") for number in range(5000)) / 5000
    assert abs(mean - 0.5) < 0.02
