"""Lifecycle: places, steps, the matrix with its intervals, and the next stage."""

from __future__ import annotations

from itertools import pairwise
from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldwise_profile.core.lifecycle import (
    STAGES,
    Place,
    Step,
    matrix,
    place_of,
    share_with_interval,
    steps,
)
from fieldwise_profile.core.portrait import Stage

places = st.builds(
    place_of, st.integers(0, 5).map(float), st.one_of(st.just(nan), st.floats(0, 20, allow_nan=False))
)


def test_the_stage_of_a_place_is_the_stage_of_the_rhythm() -> None:
    assert place_of(0, nan).stage is Stage.PROSPECT
    assert place_of(2, nan).stage is Stage.NEW
    assert place_of(9, 1.0).stage is Stage.ACTIVE
    assert place_of(9, 1.01).stage is Stage.SILENT


@given(st.lists(st.lists(st.one_of(st.none(), places), max_size=8), max_size=12))
def test_cells_count_what_a_plain_loop_counts(histories: list[list[Place | None]]) -> None:
    counted = [step for number, each in enumerate(histories) for step in steps(f"customers/{number}", each)]

    found = matrix(counted, 0, 3)

    for cell in found.cells:
        plain = 0
        for each in histories:
            for before, after in pairwise(each):
                if before is not None and after is not None:
                    plain += (before.stage, after.stage) == (cell.before, cell.after)
        assert cell.count == plain
        assert 0 <= cell.low <= cell.probability <= cell.high <= 1 or not cell.count


@given(st.lists(st.builds(Step, st.just("customers/1"), places, st.sampled_from(Stage)), max_size=30), places)
def test_probabilities_of_the_next_stage_sum_to_one(counted: list[Step], place: Place) -> None:
    found = matrix(counted, 0, 1).next_stage(place)

    assert sum(found) == pytest.approx(1.0)
    assert min(found) >= 0


def test_without_anything_counted_a_customer_stays() -> None:
    assert matrix([], 0, 0).next_stage(Place(Stage.SILENT, 5))[STAGES.index(Stage.SILENT)] == 1


def test_who_is_nearly_silent_falls_silent_more_often() -> None:
    early, late = place_of(9, 0.1), place_of(9, 0.9)
    counted = [
        Step(f"customers/{n}", early, Stage.SILENT if n % 10 == 0 else Stage.ACTIVE) for n in range(200)
    ]
    counted += [Step(f"customers/{n}", late, Stage.SILENT if n % 2 else Stage.ACTIVE) for n in range(200)]
    found = matrix(counted, 0, 1)

    silent = STAGES.index(Stage.SILENT)
    assert found.next_stage(early)[silent] == pytest.approx(0.1, abs=0.02)
    assert found.next_stage(late)[silent] == pytest.approx(0.5, abs=0.02)


def test_intervals_hold_the_truth_when_a_customer_resembles_himself() -> None:
    chance = np.random.default_rng(3)
    covered = 0
    for _ in range(400):
        # Each customer has a share of his own around 0.3, and twelve steps.
        own = chance.beta(1.5, 3.5, 150)
        low, high = share_with_interval([(int(chance.binomial(12, share)), 12) for share in own])[1:]
        covered += low <= 0.3 <= high
    # 95 % of 400, less three standard deviations; taking steps as independent covers about 75 %.
    assert covered >= 0.917 * 400


def test_few_customers_give_a_wide_interval() -> None:
    share, low, high = share_with_interval([(12, 12)])
    assert share == 1
    assert low < 0.3
    assert high == 1
