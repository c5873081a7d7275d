"""Labels, and the measures that judge them, against brute force."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldwise_forecast.core.features import FeatureSet, Snapshot, faults_of
from fieldwise_forecast.core.measures import auc, ece, log_loss
from fieldwise_forecast.core.questions import (
    BUYS,
    BUYS_IN_7_DAYS,
    CHURN,
    QUESTIONS,
    RETURNS,
    SILENT,
    STEP,
    cutoffs,
    labelled,
    rows_of,
)
from fieldwise_forecast.core.spend import SpendPrior, spend_prior
from tests.forecast.forecast_worlds import FEATURES, NOW, World, aligned_cutoffs

NARROW = FeatureSet("s", 1, ("days_since_purchase", "silence_after_days"), ("d", "d"), ("", "no rhythm"))


def pair(
    now: dict[str, tuple[float, float]], later: dict[str, tuple[float, float]]
) -> tuple[Snapshot, Snapshot]:
    at = [Snapshot(NOW, tuple(rows), np.array(list(rows.values()))) for rows in (now, later)]
    return at[0], at[1]


def test_bought_means_a_purchase_in_the_window_and_later_newcomers_are_no_rows() -> None:
    now, later = pair(
        {"a": (3.0, 20.0), "b": (3.0, 20.0), "c": (40.0, np.nan)},
        {"new": (1.0, np.nan), "c": (28.0, 30.0), "b": (31.0, 20.0), "a": (0.5, 20.0)},
    )
    assert rows_of(BUYS, NARROW, now, later).labels.tolist() == [1.0, 0.0, 1.0]


def test_silence_is_asked_only_within_a_rhythm_and_judged_by_the_rhythm_known_before() -> None:
    now, later = pair(
        {"passes": (3.0, 20.0), "stays": (3.0, 40.0), "silent": (21.0, 20.0), "no rhythm": (1.0, np.nan)},
        {"passes": (31.0, 99.0), "stays": (31.0, 25.0), "silent": (49.0, 20.0), "no rhythm": (29.0, 14.0)},
    )
    rows = rows_of(SILENT, NARROW, now, later)
    assert rows.features[:, 1].tolist() == [20.0, 40.0]
    assert rows.labels.tolist() == [1.0, 0.0]


def test_cutoffs_are_weeks_back_from_the_decision_and_answer_every_question() -> None:
    moments = cutoffs(NOW)
    assert moments[-1] == NOW
    # Profile reads at most 60 at once.
    assert len(moments) <= 60
    assert all(b - a == STEP for a, b in pairwise(moments))
    assert all(question.window % STEP == timedelta(0) for question in QUESTIONS)
    snapshots = World(strength=1.0, customers=60).snapshots(moments)
    for question in QUESTIONS:
        assert labelled(question, FEATURES, snapshots)[-1].cutoff == NOW - question.window


def test_a_shorter_window_asks_for_a_later_purchase() -> None:
    now, later = pair({"a": (3.0, 20.0), "b": (3.0, 20.0)}, {"a": (6.5, 20.0), "b": (8.0, 20.0)})
    assert rows_of(BUYS_IN_7_DAYS, NARROW, now, later).labels.tolist() == [1.0, 0.0]


def test_churn_is_asked_of_the_active_and_return_of_all_others_who_have_bought() -> None:
    now, later = pair(
        {"in rhythm": (3.0, 20.0), "past it": (25.0, 20.0), "new": (9.0, np.nan), "gone": (29.0, np.nan), "none": (np.nan, np.nan)},
        {"in rhythm": (87.0, 20.0), "past it": (2.0, 20.0), "new": (80.0, 20.0), "gone": (40.0, np.nan), "none": (np.nan, np.nan)},
    )  # fmt: skip
    churn, returns = rows_of(CHURN, NARROW, now, later), rows_of(RETURNS, NARROW, now, later)
    assert churn.features[:, 0].tolist() == [3.0, 9.0]
    assert churn.labels.tolist() == [1.0, 0.0]
    assert returns.features[:, 0].tolist() == [25.0, 29.0]
    assert returns.labels.tolist() == [1.0, 0.0]


labels_and_scores = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.1, 0.3, 0.5, 0.9])), min_size=2, max_size=25
)


@given(labels_and_scores)
def test_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[bool, float]]) -> None:
    labels, scores = np.array([float(y) for y, _ in rows]), np.array([p for _, p in rows])
    pairs = [
        (a > b) + (a == b) / 2
        for a, y in zip(scores, labels, strict=True)
        if y
        for b, n in zip(scores, labels, strict=True)
        if not n
    ]
    assert auc(labels, scores) == pytest.approx(float(np.mean(pairs)) if pairs else 0.5)


def test_honest_probabilities_are_calibrated_and_boasts_are_not() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.05, 0.95, 20_000)
    labels = (rng.random(20_000) < p).astype(np.float64)
    assert ece(labels, p) < 0.015
    assert ece(labels, p**3) > 0.1
    assert log_loss(labels, p) < log_loss(labels, p**3)


def test_expected_spend_lies_between_his_own_mean_and_everybodys() -> None:
    prior = SpendPrior(mean=100.0, weight=2.0)
    assert prior.expected_micros(40.0, 2.0) == 70_000_000
    assert prior.expected_micros(np.nan, 0.0) == 100_000_000
    told = [prior.expected_micros(40.0, n) for n in range(20)]
    assert told == sorted(told, reverse=True)


def test_the_weight_of_the_mean_is_recovered_from_a_known_world() -> None:
    snapshots = World(strength=0.5, customers=4000).snapshots(aligned_cutoffs())
    prior = spend_prior(FEATURES, snapshots)
    # Means are gamma with mean 80 and variance 800; a window's variance is a quarter of its squared mean.
    truth = (80**2 + 800) / 4 / 800
    assert prior.mean == pytest.approx(80.0, rel=0.05)
    assert prior.weight == pytest.approx(truth, rel=0.2)


def test_faults_of_a_vector_are_all_told() -> None:
    values = np.array([np.inf, np.nan, np.nan])
    columns = FeatureSet("s", 1, ("a", "b", "c"), ("1", "1", "1"), ("", "", "unknown"))
    assert [i for i, _ in faults_of(values, columns)] == [0, 1]
