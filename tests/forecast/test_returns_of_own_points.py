"""Curves of sales against accuracy: gains never increase, and no other such curve is nearer to the points."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, minimize

from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.returns.concave import Curve, curve_through, verdict


def drawn(seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    accuracy = rng.choice(np.arange(30.0, 100.0), size=int(rng.integers(2, 9)), replace=False)
    return accuracy, 20 * np.sqrt(accuracy - 29) * rng.choice([-0.2, 0.5, 1.0]) + rng.normal(
        0, 8, len(accuracy)
    )


def heights(curve: Curve, accuracy: Floats, sales: Floats) -> Floats:
    """The curve at the points, its level chosen as least squares does."""
    knots = [curve.pieces[0].begin, *(piece.end for piece in curve.pieces)]
    rises = np.cumsum([0.0, *(piece.gain * (piece.end - piece.begin) for piece in curve.pieces)])
    found = np.interp(accuracy, knots, rises)
    return np.asarray(found + (sales - found).mean())


def nearest_by_quadratic_programme(accuracy: Floats, sales: Floats) -> float:
    """Sum of squares of the nearest concave, never falling curve, by a general solver."""
    order = np.argsort(accuracy)
    x, y = accuracy[order], sales[order]
    slopes = np.diff(np.eye(len(x)), axis=0) / np.diff(x)[:, None]
    conditions = np.vstack([slopes[-1:], -np.diff(slopes, axis=0)])
    found = minimize(
        lambda f: float(((f - y) ** 2).sum()),
        np.full(len(y), y.mean()),
        jac=lambda f: 2 * (f - y),
        constraints=LinearConstraint(conditions, 0, np.inf),
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    return float(found.fun)


def test_the_articles_points_give_three_quarters_and_then_half_a_percent() -> None:
    curve = curve_through([50, 70, 80], [0, 15, 20])
    assert [(piece.begin, piece.end, piece.gain) for piece in curve.pieces] == [
        (50, 70, 0.75),
        (70, 80, 0.5),
    ]
    assert curve.misfit == 0
    assert (curve.stop(0.4), curve.stop(0.5), curve.stop(0.6), curve.stop(0.8)) == (None, None, 70, 50)
    assert "stop at 70 %" in verdict(curve, 0.6)


@pytest.mark.parametrize("seed", range(40))
def test_gains_never_increase_and_no_such_curve_is_nearer(seed: int) -> None:
    accuracy, sales = drawn(seed)
    curve = curve_through(accuracy.tolist(), sales.tolist())
    gains = [piece.gain for piece in curve.pieces]
    assert all(after < before for before, after in pairwise(gains))
    assert min(gains) >= 0
    missed = sales - heights(curve, accuracy, sales)
    assert curve.misfit == pytest.approx(np.abs(missed).max(), abs=1e-7)
    # The solver stops near the best, never below it.
    assert float(missed @ missed) <= nearest_by_quadratic_programme(accuracy, sales) + 1e-4


@pytest.mark.parametrize("seed", range(10))
def test_points_that_are_concave_are_met_exactly_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    accuracy = np.sort(rng.uniform(0, 100, 8))
    gains = np.sort(rng.uniform(0, 2, 7))[::-1]
    sales = np.concatenate([[0.0], np.cumsum(gains * np.diff(accuracy))])
    order = rng.permutation(8)
    curve = curve_through(accuracy[order].tolist(), sales[order].tolist())
    assert curve.misfit == 0
    assert [piece.gain for piece in curve.pieces] == pytest.approx(gains.tolist())


def test_two_points_of_one_accuracy_are_averaged() -> None:
    curve = curve_through([50, 60, 60], [0, 4, 6])
    assert [piece.gain for piece in curve.pieces] == pytest.approx([0.5])
    assert curve.misfit == pytest.approx(1)


def test_a_thousand_points_are_fitted() -> None:
    rng = np.random.default_rng(1)
    accuracy = rng.uniform(0, 100, 1000)
    curve = curve_through(accuracy.tolist(), (10 * np.log1p(accuracy) + rng.normal(0, 1, 1000)).tolist())
    # The derivative of 10 ln(1 + x).
    at_fifty = next(piece.gain for piece in curve.pieces if piece.begin <= 50 <= piece.end)
    assert at_fifty == pytest.approx(10 / 51, abs=0.06)
