"""Waiting or lost: probabilities that order and that hold; on customers drawn here, not in a market."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fieldwise_profile.core import waiting
from fieldwise_profile.core.event import DAY
from fieldwise_profile.core.waiting import History, WaitingParams, learned, standing

TRUE = WaitingParams(lost_share=0.03, pause_share=0.05, pause_gaps=5.0, pause_shape=4.0, lost_signs=0.1)
DAYS = 360


def customer(rng: np.random.Generator, params: WaitingParams) -> tuple[History, str]:
    """One who lives by the model, and what he is on the last day."""
    mean, shape = rng.uniform(5, 15), 5.0
    time, purchases, status = rng.uniform(0, mean), [], "active"
    while time < DAYS:
        purchases.append(int(time))
        if rng.random() < params.lost_share:
            status = "lost"
            break
        pauses = rng.random() < params.pause_share
        gap = (
            rng.gamma(params.pause_shape, params.pause_gaps * mean / params.pause_shape)
            if pauses
            else rng.gamma(shape, mean / shape)
        )
        time += max(gap, 1.0)
        status = "waiting" if pauses else "active"
    pace = rng.gamma(4, 0.2 / 4)
    lives = np.where(np.arange(DAYS) > purchases[-1], params.lost_signs if status == "lost" else 1.0, 1.0)
    signs = np.flatnonzero(rng.random(DAYS) < pace * lives)
    return History(tuple(sorted(set(purchases))), tuple(int(day) for day in signs)), status


@pytest.fixture(scope="module")
def people() -> list[tuple[History, str]]:
    rng = np.random.default_rng(3)
    return [customer(rng, TRUE) for _ in range(800)]


def test_the_parameters_are_learned_from_days_alone(people: list[tuple[History, str]]) -> None:
    found = learned([history for history, _ in people], DAYS * DAY)
    assert found.lost_share == pytest.approx(TRUE.lost_share, rel=0.3)
    assert found.pause_share == pytest.approx(TRUE.pause_share, rel=0.4)
    assert found.pause_gaps == pytest.approx(TRUE.pause_gaps, rel=0.4)
    assert found.lost_signs <= 0.3


def test_probabilities_order_customers_and_hold_on_average(people: list[tuple[History, str]]) -> None:
    histories = [history for history, _ in people]
    params = learned(histories, DAYS * DAY)
    judged = [(standing(history, DAYS * DAY, params), status) for history, status in people]
    known = [(found, status) for found, status in judged if found is not None]
    lost = np.array([status == "lost" for _, status in known])
    probability = np.array([found.lost for found, _ in known])
    assert roc_auc_score(lost, probability) > 0.95
    assert probability.mean() == pytest.approx(lost.mean(), abs=0.03)


def test_the_three_probabilities_sum_to_one(people: list[tuple[History, str]]) -> None:
    for history, _ in people[:200]:
        found = standing(history, DAYS * DAY)
        assert found is None or sum(found) == pytest.approx(1.0)


def test_the_longer_he_stays_away_the_likelier_he_is_lost() -> None:
    history = History(tuple(range(0, 100, 5)))
    seen = [standing(history, (96 + days) * DAY) for days in (0, 5, 15, 40, 120)]
    lost = [each.lost for each in seen if each is not None]
    assert len(lost) == len(seen)
    assert lost == sorted(lost)
    assert lost[0] < 0.05
    assert lost[-1] > 0.9


def test_between_his_rhythm_and_the_end_he_waits() -> None:
    found = standing(History(tuple(range(0, 100, 5))), (95 + 14) * DAY)
    assert found is not None
    assert found.waiting > max(found.active, found.lost)


def test_one_who_still_looks_is_less_likely_lost() -> None:
    purchases = tuple(range(0, 100, 5))
    before = tuple(range(2, 100, 10))
    silent = standing(History(purchases, before), 130 * DAY)
    looking = standing(History(purchases, (*before, 104, 112, 121, 127)), 130 * DAY)
    assert silent is not None
    assert looking is not None
    assert looking.lost < silent.lost


def test_without_a_rhythm_nothing_is_said() -> None:
    assert standing(History((1, 5, 9)), 100 * DAY) is None


def test_of_nobody_nothing_is_learned() -> None:
    assert learned([], DAYS * DAY) == waiting.DEFAULT_PARAMS
