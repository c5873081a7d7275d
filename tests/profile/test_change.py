"""A change of behaviour is found soon, and seldom where there is none; on gaps drawn here, not in a market."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import pytest

from fieldwise_profile.core import change
from fieldwise_profile.core.change import ChangeParams, judge
from fieldwise_profile.core.event import DAY


def bought(
    rng: np.random.Generator,
    mean_gap: float,
    shape: float,
    until: int,
    changes_at: float = np.inf,
    factor: float = 1.0,
) -> list[int]:
    """Purchase days of a customer with gamma gaps, ``factor`` times as long from a moment on."""
    time, days = rng.uniform(0, mean_gap), []
    while time < until:
        days.append(int(time))
        pace = mean_gap * (factor if time >= changes_at else 1.0)
        following = time + rng.gamma(shape, pace / shape)
        if time < changes_at < following:
            following = changes_at + (following - changes_at) * factor
        time = following
    return sorted(set(days))


def flagged_days(days: list[int], first: int, last: int, params: ChangeParams) -> list[int]:
    """Days on which a flag was raised, by somebody who looks every midnight."""
    raised, before = [], False
    for day in range(first, last):
        found = judge(days[: bisect_left(days, day)], day * DAY, params)
        now = found is not None and found.changed
        if now and not before:
            raised.append(day)
        before = now
    return raised


@pytest.mark.parametrize("shape", [1.0, 6.0])
def test_false_alarms_stay_near_the_rate_that_was_stated(shape: float) -> None:
    rng = np.random.default_rng(7)
    params = ChangeParams(false_alarms_per_year=1.0)
    customers = 15
    alarms = sum(len(flagged_days(bought(rng, 9, shape, 530), 165, 530, params)) for _ in range(customers))
    # 15 customer-years: at a true rate of 1.2 more than 31 alarms are three standard deviations away.
    assert alarms / customers < 2.1


@pytest.mark.parametrize(("factor", "direction"), [(3.0, "slower"), (0.25, "faster")])
def test_a_rhythm_that_changes_is_flagged_within_the_time_of_three_gaps(
    factor: float, direction: str
) -> None:
    rng = np.random.default_rng(11)
    found = 0
    for _ in range(30):
        days = bought(rng, 10, 6, 400, changes_at=250, factor=factor)
        until = 250 + round(3 * 10 * max(1.0, factor))
        raised = flagged_days(days, 250, until, ChangeParams())
        seen = judge(days[: bisect_left(days, raised[0])], raised[0] * DAY) if raised else None
        found += seen is not None and seen.direction == direction
    assert found >= 26


def test_the_beginning_of_a_change_is_told_to_within_a_few_gaps() -> None:
    rng = np.random.default_rng(13)
    errors = []
    for _ in range(30):
        days = bought(rng, 10, 6, 280, changes_at=250, factor=0.25)
        found = judge(days, 280 * DAY)
        if found is not None and found.since is not None:
            errors.append(abs(found.since / DAY - 250))
    assert len(errors) > 25
    assert np.median(errors) <= 10


def test_the_unit_of_time_does_not_matter_to_the_odds() -> None:
    gaps = np.array([3.0, 5.0, 4.0, 6.0, 5.0, 1.0, 1.0])
    shares = ChangeParams().shape_shares
    odds = change.change_odds(gaps, 2.0, shares)
    np.testing.assert_allclose(change.change_odds(gaps * 24, 48.0, shares), odds, rtol=1e-9)


def test_the_odds_are_those_of_a_brute_force_integral_over_pace() -> None:
    gaps, running = np.array([3.0, 5.0, 4.0, 6.0, 2.0]), 3.0
    shares = np.array(ChangeParams().shape_shares)
    log_paces = np.linspace(-9, 6, 6001)
    from scipy.stats import gamma

    def likelihood(speeds: np.ndarray, last_speed: float) -> float:
        total = 0.0
        for shape, share in zip(change.SHAPES, shares, strict=True):
            paces = np.exp(log_paces)
            logs = sum(
                gamma.logpdf(gap, shape, scale=1 / (paces * speed))
                for gap, speed in zip(gaps, speeds, strict=True)
            ) + gamma.logsf(running, shape, scale=1 / (paces * last_speed))
            total += share * np.exp(logs).sum()
        return total

    alone = likelihood(np.ones(5), 1.0)
    ours = change.change_odds(gaps, running, tuple(shares))
    for column, speed in enumerate(change.SPEEDS):
        expected = np.log(likelihood(np.array([1, 1, 1, 1, speed]), speed) / alone / len(change.SPEEDS))
        assert ours[1, column] == pytest.approx(expected, abs=1e-3)


def test_fewer_false_alarms_allowed_means_less_evidence_of_the_same_days() -> None:
    days = [*range(0, 200, 10), *range(200, 212, 2)]
    careful = judge(days, 213 * DAY, ChangeParams(false_alarms_per_year=0.1))
    bold = judge(days, 213 * DAY, ChangeParams(false_alarms_per_year=2.0))
    assert careful is not None
    assert bold is not None
    assert 0 < careful.evidence < bold.evidence
    assert bold.direction == "faster"


def test_today_is_not_over_and_proves_no_absence() -> None:
    days = list(range(0, 100, 5))
    assert judge(days, 95 * DAY + 1) == judge(days, 96 * DAY)


def test_too_few_purchase_days_are_not_judged() -> None:
    days = list(range(0, 10 * change.LEAST_PURCHASE_DAYS, 10))
    assert judge(days[:-1], 1000 * DAY) is None
    assert judge(days, 1000 * DAY) is not None


def test_learned_shares_say_how_regular_customers_are() -> None:
    rng = np.random.default_rng(17)
    regular = change.learned([bought(rng, 30, 9, 900) for _ in range(60)]).shape_shares
    chancy = change.learned([bought(rng, 30, 1, 900) for _ in range(60)]).shape_shares
    assert np.dot(regular, change.SHAPES) > 6
    assert np.dot(chancy, change.SHAPES) < 2


def test_a_rate_of_no_false_alarms_is_refused() -> None:
    with pytest.raises(ValueError, match="give a rate above 0"):
        ChangeParams(false_alarms_per_year=0.0)
