"""Curves of effort: fitted to data whose truth is known, judged by a manager, bounded over every amount."""

from __future__ import annotations

import numpy as np
import pytest

from fieldwise_allocation.core.resources import check
from fieldwise_allocation.core.resources.curves import Curve, Curves, Family
from fieldwise_allocation.core.resources.fitting import fit
from fieldwise_allocation.core.resources.judgement import Judgement
from fieldwise_allocation.core.resources.question import Cell

TRUTHS = (
    Curve(Family.ADBUDG, 10.0, 110.0, 5.0, 2.5),
    Curve(Family.ADBUDG, 0.0, 60.0, 4.0, 0.8),
    Curve(Family.EXPONENTIAL, 20.0, 90.0, 3.0),
    Curve(Family.POWER, 5.0, 60.0, 10.0, 0.5),
)


def drawn(truth: Curve, seed: int, *, noise: float, periods: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    level = rng.uniform(0, 12, periods)
    value = Curves.of([truth]).values(level[None])[0]
    return level, value + rng.normal(0, noise, periods)


def off(fitted: Curve, truth: Curve) -> float:
    """Largest error within the observed levels, as a share of what effort brings there."""
    level = np.linspace(0.5, 12, 40)[None]
    one, other = Curves.of([fitted]).values(level)[0], Curves.of([truth]).values(level)[0]
    return float(np.abs(one - other).max() / (other[-1] - truth.lowest))


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda c: f"{c.family.name}-{c.shape}")
def test_a_fit_finds_the_curve_that_made_the_data(truth: Curve) -> None:
    # Noise of 2 % and 60 periods: the curve is then known to about 1 %, less well at its ends; 5 % are allowed.
    noise = 0.02 * (truth.at(12.0) - truth.lowest)
    assert max(off(fit(*drawn(truth, seed, noise=noise)), truth) for seed in range(3)) < 0.05


def test_a_few_wild_periods_move_a_fit_little() -> None:
    level, value = drawn(TRUTHS[0], 1, noise=1.0)
    value[:5] += 300.0
    fitted = fit(level, value)
    assert off(fitted, TRUTHS[0]) < 0.05
    assert 0.5 < fitted.noise < 3.0


def test_a_fit_tells_its_support_and_its_noise() -> None:
    level, value = drawn(TRUTHS[0], 2, noise=3.0)
    fitted = fit(level, value)
    assert fitted.support is not None
    assert (fitted.support.lowest, fitted.support.highest) == (level.min(), level.max())
    assert fitted.support.observations == 60
    assert not fitted.assumed
    assert 1.8 < fitted.noise < 4.5


def test_the_stated_spread_is_about_what_refits_show() -> None:
    # Bootstrap in the true world: new data for each fit. Delta method and truth agree within a factor of two.
    fits = [fit(*drawn(TRUTHS[0], seed, noise=4.0)) for seed in range(16)]
    brought = np.array([curve.at(9.0) - curve.lowest for curve in fits])
    seen = brought.std() / brought.mean()
    assert 0.5 < np.median([curve.spread for curve in fits]) / seen < 2.0


def test_data_that_fall_give_a_flat_curve() -> None:
    level = np.linspace(0, 10, 20)
    fitted = fit(level, 100 - 5 * level)
    assert fitted.highest == pytest.approx(fitted.lowest)


def test_five_points_give_a_curve_through_today_and_both_ends() -> None:
    curve = Judgement(level_now=4, zero=10, half=20, now=50, half_more=80, saturation=110).curve()
    assert curve.assumed
    assert curve.at(0) == pytest.approx(10)
    assert curve.at(4) == pytest.approx(50)
    assert curve.at(2) == pytest.approx(20, abs=3)
    assert curve.at(6) == pytest.approx(80, abs=5)
    assert curve.at(1e9) == pytest.approx(110)
    assert curve.shape > 1


def test_a_judgement_that_falls_is_refused_by_its_point() -> None:
    wrong = Judgement(level_now=0, zero=10, half=9, now=50, half_more=40, saturation=60).faults("j")
    assert [one.field for one in wrong] == ["j.level_now", "j.half", "j.half_more"]


@pytest.mark.parametrize("seed", range(20))
def test_the_best_amount_at_a_price_is_best_of_all_amounts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    curves = [
        Curve(family, 0.0, float(rng.uniform(1, 50)), float(rng.uniform(0.5, 9)), float(rng.uniform(0.3, 1)))
        if family != Family.ADBUDG
        else Curve(
            family, 0.0, float(rng.uniform(1, 50)), float(rng.uniform(0.5, 9)), float(rng.uniform(0.3, 4))
        )
        for family in Family
    ]
    low, high = np.array([0.0, 0.0, 1.0]), np.array([12.0, 3.0, 20.0])
    worth, price = rng.uniform(0.3, 1.2, 3), rng.uniform(-0.5, 6, 3)
    level, most = Curves.of(curves).peaks(low, high, worth, price)
    tried = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, 4001)
    net = worth[:, None] * Curves.of(curves).values(tried) - price[:, None] * tried
    assert (most >= net.max(axis=1) - 1e-9).all()
    assert most == pytest.approx(net.max(axis=1), rel=1e-4, abs=1e-4)
    assert ((low <= level) & (level <= high)).all()


def test_the_check_has_the_same_curves_by_other_formulas() -> None:
    for truth in TRUTHS:
        for level in (0.0, 0.3, 5.0, 200.0):
            assert check.value_of(Cell("c", truth), level) == pytest.approx(truth.at(level))
