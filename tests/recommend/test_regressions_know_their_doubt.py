"""The regression behind off-policy values: solved exactly, as unsure as it is, led by what the logger knew, and found out when wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.recommend.offpolicy_world import a_case, a_log
from fieldwise_recommend.core.arrays import Floats
from fieldwise_recommend.core.offpolicy.choices import Choices
from fieldwise_recommend.core.offpolicy.drawn_lines import learned, refitted
from fieldwise_recommend.core.offpolicy.estimators import DM, DR, SNIPS, Weighed, valued
from fieldwise_recommend.core.offpolicy.outcome_model import outcome_model
from fieldwise_recommend.core.offpolicy.reach import reach, spread_of_actions

ACTIONS, GROUPS = 3, np.array([0, 1, 1])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_lines_and_their_doubt_are_those_of_one_large_system(seed: int) -> None:
    """Against all coefficients in one matrix: the common line's first, then each action's own."""
    draw = np.random.default_rng(seed)
    rows = 60
    lines = np.column_stack([np.ones(rows), draw.standard_normal((rows, 2))])
    actions = draw.integers(0, ACTIONS, rows)
    outcomes = lines @ [1.0, 0.5, 0.0] + actions + draw.standard_normal(rows)
    found = learned(lines, actions, outcomes, ACTIONS, GROUPS, yes_or_no=False)
    wide = np.zeros((rows, 3 + 3 * ACTIONS))
    wide[:, :3] = lines
    for row, action in enumerate(actions):
        wide[row, 3 + 3 * action : 6 + 3 * action] = lines[row]
    # `refitted` takes the pulls that were learned, as the last step of `learned` did.
    held = wide.T @ wide + np.diag([*found.common_pulls, *np.tile(found.pulls, ACTIONS)])
    every = np.linalg.solve(held, wide.T @ outcomes)
    own = every[:3] + every[3:].reshape(ACTIONS, 3)
    assert refitted(found, lines, actions, outcomes) == pytest.approx(own, abs=1e-6)
    gradient = draw.standard_normal((ACTIONS, 3))
    across = np.concatenate([gradient.sum(axis=0), gradient.ravel()])
    variance = found.noise * across @ np.linalg.solve(held, across)
    assert found.doubt(gradient) == pytest.approx(np.sqrt(variance), rel=1e-6)


def test_log_odds_come_near_the_truth_and_never_run_off() -> None:
    draw = np.random.default_rng(3)
    lines = np.column_stack([np.ones(4_000), draw.standard_normal((4_000, 2))])
    actions = draw.integers(0, ACTIONS, 4_000)
    truth = np.array([[2.0, 0.5, 0.0], [1.0, 0.5, -0.5], [3.0, 0.5, 0.5]])
    odds = np.einsum("ij,ij->i", lines, truth[actions])
    happened = (draw.random(4_000) < 1.0 / (1.0 + np.exp(-odds))).astype(float)
    found = learned(lines, actions, happened, ACTIONS, GROUPS, yes_or_no=True)
    assert found.coefficients == pytest.approx(truth, abs=0.35)
    # An action that always brought something, ten times: its odds have no upper end in the data.
    few = np.concatenate(
        [np.flatnonzero(actions != 2), np.flatnonzero((actions == 2) & (happened == 1))[:10]]
    )
    always = learned(lines[few], actions[few], happened[few], ACTIONS, GROUPS, yes_or_no=True)
    assert np.abs(always.coefficients).max() < 8.0


def test_what_the_logger_avoided_is_not_expected_to_be_like_what_it_chose() -> None:
    """The same decisions without the logger's probabilities: constant ones tell nothing of what it knew."""
    errors: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(5_000, 5_012):
        case = replace(a_case(seed), temperature=1.0, chance=0.0)
        log = a_log(case, 1_000, seed)
        for told, found in errors.items():
            logged = log.logged if told else np.full_like(log.logged, 0.1)
            choices = Choices(log.rewards, log.actions, logged, log.facts, np.arange(1_000))
            expected = outcome_model(choices).expected
            found.append(float(np.abs(expected - case.buying(log.facts)).mean()))
    assert np.mean(errors[True]) < 0.85 * np.mean(errors[False])


def weighed(expected_shift: float) -> tuple[Weighed, float]:
    """A policy within reach, valued with a regression that is off by so much, and its true value."""
    case = replace(a_case(5_003), temperature=0.0, chance=0.0)
    log = a_log(case, 4_000, 5_003)
    choices = Choices(log.rewards, log.actions, log.logged, log.facts, np.arange(4_000))
    model = outcome_model(choices)
    expected: Floats = model.expected - expected_shift
    spread = spread_of_actions(choices, expected)
    reached = reach(choices, log.target, expected, spread)
    return Weighed(choices, log.target, reached, replace(model, expected=expected), spread), case.truth()


def test_a_regression_that_is_wrong_is_found_out() -> None:
    told, truth = weighed(0.0)
    wrong, _ = weighed(0.3)
    good, bad = valued(told), valued(wrong)
    assert bad[DM].value == pytest.approx(good[DM].value - 0.3)
    assert bad[DR].value == pytest.approx(good[DR].value, abs=0.01)
    assert bad[DR].value == pytest.approx(bad[SNIPS].value, abs=0.02)
    assert good[DR].value == pytest.approx(truth, abs=0.03)
