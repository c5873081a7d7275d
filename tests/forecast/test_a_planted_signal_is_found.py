"""The learners against worlds whose truth is known."""

from __future__ import annotations

import time

import numpy as np
import pytest

from fieldwise_forecast.core import fitting
from fieldwise_forecast.core.features import Snapshot
from fieldwise_forecast.core.measures import auc
from fieldwise_forecast.core.probability import from_file, probability
from fieldwise_forecast.core.questions import BUYS, labelled
from fieldwise_runtime.errors import FailedPrecondition
from tests.forecast.conftest import Fitted, silently
from tests.forecast.forecast_worlds import FEATURES, NOW, WINDOW, World, aligned_cutoffs


def test_a_planted_signal_is_found_where_recency_tells_nothing(fitted: Fitted) -> None:
    report = fitted.models["buys-28d"].report
    test = labelled(BUYS, FEATURES, fitted.snapshots)[-1]
    recency = auc(test.labels, -test.features[:, FEATURES.column("days_since_purchase")])
    truth = auc(test.labels, test.features[:, FEATURES.column("signal")])
    found = report.score_of(report.learner, "auc")
    assert found is not None
    # 400 test rows: the standard error of an AUC of .8 is about .022.
    assert abs(recency - 0.5) < 0.08
    assert found > recency + 0.2
    assert truth - found < 0.05
    assert fitted.models["buys-28d"].refusal == ""


def test_a_world_of_pure_noise_gives_the_base_rate_and_no_promotion() -> None:
    snapshots = World(strength=0.0, customers=500, seed=11).snapshots(aligned_cutoffs())
    trained = fitting.fit(BUYS, FEATURES, snapshots, None, time.process_time, silently)
    found = trained.report.score_of(trained.report.learner, "auc")
    assert found is not None
    assert abs(found - 0.5) < 0.08
    rows = labelled(BUYS, FEATURES, snapshots)[-1].features.astype(np.float32)
    mean = probability(from_file(trained.file).log_odds(rows)).mean()
    assert abs(mean - trained.report.base_rate) < 0.03
    assert "worse than the base rate's" in trained.refusal


def test_the_test_cutoff_lies_after_every_training_window(fitted: Fitted) -> None:
    report = fitted.models["buys-28d"].report
    assert len(report.train_cutoffs) == 7
    assert max(report.train_cutoffs) + WINDOW <= report.test_cutoff
    assert report.test_cutoff + WINDOW == NOW


def test_the_leaderboard_names_every_learner_best_first(fitted: Fitted) -> None:
    board = fitted.models["silent-28d"].report.leaderboard
    assert {score.learner for score in board} - {"blend"} == {
        "xgboost",
        "logistic-regression",
        "random-forest",
        "base-rate",
    }
    losses = [score.metrics["log_loss"] for score in board]
    assert losses == sorted(losses)
    assert all(set(score.metrics) == {"log_loss", "auc", "brier", "ece"} for score in board)


def test_the_same_training_gives_the_same_file(fitted: Fitted) -> None:
    again = fitting.fit(BUYS, FEATURES, fitted.snapshots, None, time.process_time, silently)
    assert again.file == fitted.models["buys-28d"].file


def test_a_candidate_worse_than_the_champion_is_not_promoted(fitted: Fitted) -> None:
    champion = from_file(fitted.models["buys-28d"].file)
    rng = np.random.default_rng(0)
    blinded = [Snapshot(s.cutoff, s.customers, without_signal(s, rng)) for s in fitted.snapshots[:-2]]
    snapshots = [*blinded, *fitted.snapshots[-2:]]
    trained = fitting.fit(BUYS, FEATURES, snapshots, champion, time.process_time, silently)
    assert "worse than the champion's" in trained.refusal


def without_signal(
    snapshot: Snapshot, rng: np.random.Generator
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    values = snapshot.values.copy()
    rng.shuffle(values[:, FEATURES.column("signal")])
    return values


def test_too_little_history_is_refused_with_what_is_missing() -> None:
    snapshots = World(strength=1.0, customers=400).snapshots(aligned_cutoffs())
    empty = [Snapshot(s.cutoff, (), s.values[:0]) for s in snapshots[:-2]]
    with pytest.raises(FailedPrecondition, match="1 cut-offs with customers; at least 2") as refusal:
        fitting.fit(BUYS, FEATURES, [*empty, *snapshots[-2:]], None, time.process_time, silently)
    assert refusal.value.reason == "NOT_ENOUGH_HISTORY"
