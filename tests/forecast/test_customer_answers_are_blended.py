"""Blends, calibrations and the parts of an answer: against what is known of them, and against slower rivals."""

from __future__ import annotations

import numpy as np
import pytest

from fieldwise_forecast.core import calibration
from fieldwise_forecast.core.blending import BLEND, Window, best_mix, fitted_weights
from fieldwise_forecast.core.calibration import Calibration, chosen
from fieldwise_forecast.core.features import FeatureSet, Floats
from fieldwise_forecast.core.learners import boost
from fieldwise_forecast.core.linear import logistic, signed_log
from fieldwise_forecast.core.measures import chance_ece, debiased_ece, log_loss_of_log_odds
from fieldwise_forecast.core.probability import (
    BG_NBD,
    LOGISTIC,
    XGBOOST,
    About,
    assembled,
    from_file,
    probability,
)
from fieldwise_forecast.core.repeat_buying import RepeatBuying, repeat_buying
from fieldwise_forecast.core.spend import UNTRAINED

HISTORY = FeatureSet("s", 1, ("purchase_days", "days_since_first_purchase", "days_since_purchase"))


def drawn(log_odds: Floats, seed: int) -> Floats:
    return (np.random.default_rng(seed).random(len(log_odds)) < probability(log_odds)).astype(np.float64)


def two_views(seed: int, rows: int = 3000) -> Window:
    """Labels whose log-odds are the sum of what two parts see; each part alone sees half."""
    seen = np.random.default_rng(seed).normal(0, 1.5, (rows, 2))
    return Window(seen, drawn(seen.sum(axis=1), seed + 100))


def test_parts_that_see_different_things_are_blended_with_the_weights_of_the_truth() -> None:
    mix = best_mix([XGBOOST, LOGISTIC], [two_views(seed) for seed in range(3)])
    assert mix.learner == BLEND
    # The standard error of a weight on 9,000 rows is about .03; the ridge draws them towards a half by less than that.
    assert mix.weights == pytest.approx({XGBOOST: 1.0, LOGISTIC: 1.0}, abs=0.12)


def test_a_part_of_pure_noise_stays_out() -> None:
    rng = np.random.default_rng(3)
    truth = [rng.normal(0, 1.5, 2000) for _ in range(3)]
    windows = [Window(np.column_stack([t, rng.normal(0, 2, 2000)]), drawn(t, i)) for i, t in enumerate(truth)]
    mix = best_mix([XGBOOST, BG_NBD], windows)
    assert mix.weights.get(BG_NBD, 0.0) < 0.05
    assert mix.weights[XGBOOST] == pytest.approx(1.0, abs=0.1)


def test_without_a_window_the_first_part_serves_alone() -> None:
    assert best_mix([XGBOOST, LOGISTIC], []).weights == {XGBOOST: 1.0}


def test_weights_are_never_negative() -> None:
    window = two_views(5)
    turned = Window(window.log_odds * [1, -1], window.labels)
    assert fitted_weights(turned)[1] == 0.0


@pytest.mark.parametrize("kind", ["platt", "beta", "isotonic"])
def test_a_calibrator_mends_boasts(kind: str) -> None:
    truth = np.random.default_rng(7).normal(0.5, 1.2, 8000)
    labels, boasts = drawn(truth, 8), 2 * truth + 1
    curve = calibration.CALIBRATORS[kind](boasts[:6000], labels[:6000])
    mended = curve.applied(boasts[6000:])
    held = labels[6000:]
    assert log_loss_of_log_odds(held, mended) < log_loss_of_log_odds(held, boasts[6000:]) - 0.02
    assert debiased_ece(held, probability(mended), np.random.default_rng(1)) < 0.02
    # A curve rises: no customer overtakes another.
    assert (np.diff(curve.applied(np.linspace(-6, 6, 500))) >= -1e-12).all()


def test_honest_log_odds_are_left_as_they_are_and_boasts_are_not() -> None:
    truth = [np.random.default_rng(i).normal(0.5, 1.2, 2500) for i in range(3)]
    honest = [(t, drawn(t, 20 + i)) for i, t in enumerate(truth)]
    assert chosen(honest).kind == "none"
    assert chosen([(1.8 * raw, labels) for raw, labels in honest]).kind != "none"
    assert chosen(honest[:1]) == Calibration()


@pytest.mark.parametrize(
    "curve",
    [
        Calibration("platt", 0.7, 0.7, 0.3),
        Calibration("beta", 0.6, 1.4, -0.2),
        Calibration("isotonic", knots=(-2.0, 0.0, 1.0), heights=(-1.5, 0.2, 2.0)),
    ],
)
def test_contributions_stay_complete_behind_a_calibration(curve: Calibration) -> None:
    raw, base = np.random.default_rng(2).normal(0, 2, 500), 0.4
    raw[0] = base
    bent = curve.applied(np.array([base]))[0] + (raw - base) * curve.slope_from(base, raw)
    np.testing.assert_allclose(bent, curve.applied(raw), atol=1e-9)


def test_debiased_error_is_none_for_the_honest_and_is_the_gap_for_boasts() -> None:
    rng = np.random.default_rng(4)
    p = rng.uniform(0.05, 0.95, 2000)
    honest = debiased_ece(drawn(np.log(p / (1 - p)), 5), p, rng)
    off = debiased_ece(drawn(np.log(p / (1 - p)), 5), np.clip(p + 0.1, 0, 1), rng)
    # Chance alone shows about .025 on 2,000 rows in 15 bins.
    assert 0.015 < chance_ece(p, rng) < 0.04
    assert honest < 0.01
    assert 0.06 < off < 0.11


def test_the_linear_part_equals_scikit_learns_regression_and_splits_by_column() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(6)
    rows = rng.lognormal(1, 1, (1500, 4)) * rng.choice([-1, 1], (1500, 4))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[:, 3] = 5.0  # says nothing
    labels = drawn(np.nan_to_num(signed_log(rows[:, 0])) - 1.0 * np.isnan(rows[:, 1]), 7)
    linear = logistic(rows, labels)
    logs, blank = signed_log(rows.astype(np.float32)), np.isnan(rows)
    mean, spread = np.nanmean(logs, axis=0), np.maximum(np.nanstd(logs, axis=0), 1e-9)
    wide = np.hstack([np.where(blank, 0.0, (logs - mean) / spread)[:, :3], blank])
    rival = LogisticRegression(C=0.1, max_iter=500).fit(wide, labels)
    np.testing.assert_allclose(
        linear.log_odds(rows.astype(np.float32)), rival.decision_function(wide), atol=1e-2
    )
    total = linear.base + linear.contributions(rows.astype(np.float32)).sum(axis=1)
    np.testing.assert_allclose(total, linear.log_odds(rows.astype(np.float32)), atol=1e-9)
    assert np.abs(linear.contributions(rows.astype(np.float32)).mean(axis=0)).max() < 1e-9


def customers(count: int = 600) -> Floats:
    """Purchase days, days since the first and the last: some have bought once, one never."""
    rng = np.random.default_rng(9)
    first = rng.uniform(30, 350, count)
    repeats = rng.poisson(first * rng.gamma(0.8, 0.03, count))
    last = np.where(repeats > 0, first * rng.beta(1, 2, count), first)
    rows = np.column_stack([repeats + 1, first, last]).astype(np.float64)
    rows[0] = [0, np.nan, np.nan]
    return rows


@pytest.fixture(scope="module")
def repeats() -> RepeatBuying:
    found = repeat_buying(HISTORY, customers(), 0.6, 28, 1)
    assert found is not None
    return found


def test_repeat_buying_equals_lifetimes_and_itself_for_one_and_for_many(repeats: RepeatBuying) -> None:
    from fieldwise_forecast.core.lifetimes.bg_nbd import BgNbd
    from fieldwise_forecast.core.lifetimes.histories import Histories

    rows = customers()[1:]
    again = rows[:, 0] - 1
    histories = Histories(again, np.where(again > 0, rows[:, 1] - rows[:, 2], 0.0), rows[:, 1])
    expected = BgNbd.fitted(histories).buys_within(histories, 28.0)
    singles = customers().astype(np.float32)
    many = repeats.log_odds(singles)
    np.testing.assert_allclose(probability(many[1:]), expected, atol=1e-5)
    one_by_one = np.concatenate([repeats.log_odds(singles[i : i + 1]) for i in range(len(singles))])
    np.testing.assert_allclose(one_by_one, many, atol=1e-9)
    assert probability(many[:1])[0] == pytest.approx(0.6)


@pytest.mark.parametrize(
    "curve",
    [
        Calibration(),
        Calibration("platt", 1.3, 1.3, -0.4),
        Calibration("beta", 0.6, 1.4, -0.2),
        Calibration("isotonic", knots=(-1.0, 0.0, 1.0), heights=(-1.5, 0.2, 2.0)),
    ],
)
def test_a_blend_says_the_same_of_one_customer_alone_and_among_many(
    repeats: RepeatBuying, curve: Calibration
) -> None:
    rows = customers()
    rows[1:200:7, 1:] *= -1.0
    labels = drawn(1 - np.nan_to_num(rows[:, 2]) / 60, 11)
    booster = boost(rows, labels)
    about = About(HISTORY, 0.6, UNTRAINED, {XGBOOST: 0.5, LOGISTIC: 0.4, BG_NBD: 0.3}, curve)
    model, file = assembled(booster, logistic(rows, labels), repeats, about)
    singles = rows.astype(np.float32)
    alone = np.concatenate([model.log_odds(singles[i : i + 1]) for i in range(len(singles))])
    together = model.log_odds(singles)
    assert np.abs(probability(alone) - probability(together)).max() <= 1e-6
    assert np.ptp(alone) > 1
    np.testing.assert_array_equal(from_file(file).log_odds(singles[:1]), alone[:1])
    told = model.base + model.contributions(singles).sum(axis=1)
    np.testing.assert_allclose(told, alone, atol=1e-4)


def test_impossible_histories_get_a_finite_answer_and_the_same_one_alone_and_among_many(
    repeats: RepeatBuying,
) -> None:
    numbers = (-3e38, -1.0, 0.0, 1.0, 1e9, 3e38)
    rows = np.array([(n, first, last) for n in numbers for first in (*numbers, np.nan) for last in numbers])
    singles = rows.astype(np.float32)
    alone = np.concatenate([repeats.log_odds(singles[i : i + 1]) for i in range(len(singles))])
    assert np.isfinite(alone).all()
    np.testing.assert_allclose(alone, repeats.log_odds(singles), atol=1e-6)


def test_contributions_of_repeat_buying_are_shapley_values(repeats: RepeatBuying) -> None:
    rows = customers(40).astype(np.float32)
    parts = repeats.contributions(rows)
    np.testing.assert_allclose(repeats.base + parts.sum(axis=1), repeats.log_odds(rows), atol=1e-9)
    # Who is like the middling customer in a number gets nothing for it.
    alike = rows[5:6].copy()
    alike[0, 1] = repeats.reference[1]
    near = RepeatBuying(
        **{**vars(repeats), "reference": (repeats.reference[0], float(alike[0, 1]), repeats.reference[2])}
    )
    assert near.contributions(alike)[0, 1] == pytest.approx(0.0, abs=1e-12)


def test_a_set_without_histories_has_no_repeat_buying() -> None:
    assert repeat_buying(FeatureSet("s", 1, ("other",)), customers()[:, :1], 0.5, 28, 1) is None
