"""Chance in choices: probabilities add up, frequencies follow them, the control group is stable and of the stated size."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise.allocation.v1.price_pb2 import PriceSet
from fieldwise.recommend.v1.decision_pb2 import VERDICT_LEAVE_ALONE, DecisionInputs
from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.choice import Options, choose, draw_of, in_control_group, probabilities
from fieldwise_recommend.core.policy import Policy
from fieldwise_recommend.core.ranking import decide
from fieldwise_recommend.core.situation import Chance
from fieldwise_recommend.situation import chance_of, prices_of, supply_of
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


@st.composite
def choices(draw: st.DrawFn) -> tuple[int, Options]:
    """So many candidates, and which of them chance may choose."""
    count = draw(st.integers(1, 60))
    alone = draw(st.integers(0, count - 1))
    others = draw(st.sets(st.integers(0, count - 1)))
    return count, Options(0, alone, sorted(others | {alone}))


FLOORS = st.none() | st.floats(0, 0.0099)


@given(choices(), st.booleans(), st.floats(0, 0.999), st.floats(0, 0.9999999), FLOORS)
def test_a_draw_falls_only_on_what_has_probability(
    made: tuple[int, Options], control: bool, exploration: float, draw: float, floor: float | None
) -> None:
    count, options = made
    chance = Chance(control, exploration, draw, floor=floor)
    assert probabilities(options, chance, count)[choose(options, chance)] > 0


@given(choices(), st.booleans(), st.floats(0, 0.999), st.floats(0, 0.0099))
def test_probabilities_add_up_to_one_exactly_and_none_is_below_the_floor(
    made: tuple[int, Options], control: bool, exploration: float, floor: float
) -> None:
    count, options = made
    chances = probabilities(options, Chance(control, exploration, 0.5, floor=floor), count)
    assert math.fsum(chances) == sum(chances) == sum(reversed(chances)) == 1.0
    if exploration and not control:
        assert all(chances[index] >= floor for index in options.explorable)


@given(choices(), st.floats(0, 0.999), st.floats(0, 0.0099))
def test_the_draws_that_fall_on_a_candidate_are_as_many_as_its_probability_says(
    made: tuple[int, Options], exploration: float, floor: float
) -> None:
    """The ends of each candidate's stretch of draws are looked for where the stated probabilities put them."""
    count, options = made
    chances = probabilities(options, Chance(False, exploration, 0.0, floor=floor), count)
    width = max((chances[index] for index in options.explorable if index != options.best), default=0.0)
    for place, index in enumerate(options.explorable if width else ()):
        for inside in (place * width, (place + 1) * width - 2.0**-53):
            assert choose(options, Chance(False, exploration, inside, floor=floor)) == index


def test_frequencies_over_100000_draws_equal_the_stated_probabilities() -> None:
    for exploration, floor, explorable in ((0.3, 0.0, (0, 2, 3)), (0.02, 0.009, (1, 2, 4, 5, 6, 7))):
        options = Options(0, explorable[-1], explorable)
        stated = probabilities(options, Chance(False, exploration, 0.0, floor=floor), 8)
        draws, counts = 100_000, Counter[int]()
        for number in range(draws):
            chance = Chance(False, exploration, draw_of(f"decisions/{floor}/{number}"), floor=floor)
            counts[choose(options, chance)] += 1
        possible = {index: share * draws for index, share in enumerate(stated) if share}
        assert counts.keys() <= possible.keys()
        chi_square = sum((counts[index] - value) ** 2 / value for index, value in possible.items())
        # 0.999 quantile for 6 degrees of freedom, the most there are; the draws are hashes of fixed names.
        assert chi_square < 22.5, (exploration, floor, chi_square)


def test_chance_chooses_nothing_that_is_much_worse_than_the_best_and_nothing_irreversible() -> None:
    free = made_from(inputs_for("customers/1"), prices(), Policy(exploration=0.5, control_share=0))
    open_ = [each for each in free.ruling.candidates if each.probability > 0]
    gaps = sorted(free.ruling.candidates[0].account.value - each.account.value for each in open_)
    assert gaps[0] == 0 < gaps[1]
    dearest = gaps[-1] - 1
    policy = Policy(exploration=0.5, control_share=0, dearest=dearest)
    guarded = made_from(inputs_for("customers/1"), prices(), policy)
    kept = {each.action.name for each in guarded.ruling.candidates if each.probability > 0}
    near = {
        each.action.name
        for each in open_
        if free.ruling.candidates[0].account.value - each.account.value <= dearest
    }
    assert kept == near < {each.action.name for each in open_}
    offers = [
        offer._replace(action=replace(offer.action, irreversible=not offer.action.is_leave_alone))
        for offer in free.case.offers
    ]
    ruling = decide(
        offers, [], free.case.situation, supply_of(free.inputs, prices_of(prices())), chance_of(free.inputs)
    )
    explored = {each.action.name for each in ruling.candidates[1:] if each.probability > 0}
    assert explored <= {LEAVE_ALONE}


def test_a_decision_made_before_there_was_a_floor_replays_with_its_own_probabilities() -> None:
    made = made_from(inputs_for("customers/1"), prices(), Policy(exploration=0.1, control_share=0))
    made.inputs.ClearField("exploration_floor")
    chance = chance_of(made.inputs)
    options = Options(0, 6, range(7))
    assert chance.floor is None
    assert probabilities(options, chance, 7)[3] == 0.1 / 7


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
