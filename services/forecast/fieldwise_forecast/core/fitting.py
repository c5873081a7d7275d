"""Training one question on a time split, beside its rivals, up to the verdict; knows no registry and no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fieldwise_runtime.errors import FailedPrecondition

from .contributions import ContributionTable
from .features import FeatureSet, Floats, Singles, Snapshot
from .learners import RIVALS, boost
from .light_xgboost import xgb
from .measures import log_loss, measures
from .probability import About, ProbabilityModel, assembled, probability
from .questions import Question, Rows, labelled
from .spend import spend_prior
from .versions import LearnerScore, Report, Trained, probability_refusal

if TYPE_CHECKING:
    from xgboost import Booster

SERVING = "xgboost"
FEWEST_TRAINING_ROWS = 50
FEWEST_TEST_ROWS = 20

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Split:
    """Rows by time: all cut-offs but the last train, the last one tests. A random split would leak the season."""

    train: Sequence[Rows]
    test: Rows

    @property
    def features(self) -> Floats:
        return np.concatenate([rows.features for rows in self.train])

    @property
    def labels(self) -> Floats:
        return np.concatenate([rows.labels for rows in self.train])


def fit(
    question: Question,
    columns: FeatureSet,
    snapshots: Sequence[Snapshot],
    champion: ProbabilityModel | None,
    cpu_seconds: Callable[[], float],
    tell: Tell,
) -> Trained:
    """Train on all windows but the last, test on the last, and judge.

    Raises:
        FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
    """
    split = time_split(question, columns, snapshots)
    tell(f"fitting {SERVING} for {question.model}")
    begun = cpu_seconds()
    booster = boost(split.features, split.labels)
    seconds = cpu_seconds() - begun
    about = About(columns, float(split.labels.mean()), spend_prior(columns, snapshots))
    model, file = assembled(booster, about)
    rivals = rival_scores(split, cpu_seconds, lambda name: tell(f"fitting {name} for {question.model}"))
    tell(f"checking {question.model}")
    rows = split.test.features.astype(np.float32)
    scores = probability(model.many(rows))
    difference = float(np.abs(probability(model.few(rows)) - scores).max())
    own = LearnerScore(SERVING, measures(split.test.labels, scores), seconds)
    rival, rival_loss = rival_of(champion, columns, split, about.base_rate)
    error = contribution_error(model.table, booster, rows)
    refusal = probability_refusal(own.metrics["log_loss"], rival, rival_loss, difference, error)
    return Trained(report(question, columns, split, [own, *rivals], difference), file, refusal)


def report(
    question: Question,
    columns: FeatureSet,
    split: Split,
    scores: Sequence[LearnerScore],
    engine_difference: float,
) -> Report:
    return Report(
        model=question.model,
        learner=SERVING,
        feature_set=columns,
        train_cutoffs=tuple(rows.cutoff for rows in split.train),
        test_cutoff=split.test.cutoff,
        train_rows=len(split.labels),
        test_rows=len(split.test.labels),
        leaderboard=tuple(sorted(scores, key=lambda score: score.metrics["log_loss"])),
        engine_difference=engine_difference,
        base_rate=float(split.labels.mean()),
    )


def time_split(question: Question, columns: FeatureSet, snapshots: Sequence[Snapshot]) -> Split:
    rows = [part for part in labelled(question, columns, snapshots) if len(part.labels)]
    if len(rows) < 2:
        raise not_enough(question, f"{len(rows)} cut-offs with customers; at least 2 are needed")
    split = Split(rows[:-1], rows[-1])
    for words, labels, fewest in (
        ("training", split.labels, FEWEST_TRAINING_ROWS),
        ("test", split.test.labels, FEWEST_TEST_ROWS),
    ):
        if len(labels) < fewest:
            raise not_enough(question, f"{len(labels)} {words} rows; at least {fewest} are needed")
        if labels.min() == labels.max():
            raise not_enough(
                question, f"all {len(labels)} {words} rows have the same answer; both are needed"
            )
    return split


def not_enough(question: Question, fact: str) -> FailedPrecondition:
    message = (
        f"models/{question.model} cannot be trained: {fact}. Ingest more history or train at a later time."
    )
    return FailedPrecondition("NOT_ENOUGH_HISTORY", message)


def rival_scores(split: Split, cpu_seconds: Callable[[], float], tell: Tell) -> list[LearnerScore]:
    scores = []
    for name, learn in RIVALS.items():
        tell(name)
        begun = cpu_seconds()
        predict = learn(split.features, split.labels)
        seconds = cpu_seconds() - begun
        found = measures(split.test.labels, predict(split.test.features))
        scores.append(LearnerScore(name, found, seconds))
    return scores


def rival_of(
    champion: ProbabilityModel | None, columns: FeatureSet, split: Split, base_rate: float
) -> tuple[str, float]:
    """Who must not do better on the test rows: the champion, or the base rate where there is none that can read them."""
    labels = split.test.labels
    if champion is None or champion.feature_set != columns:
        return "base rate", log_loss(labels, np.full(len(labels), base_rate))
    return "champion", log_loss(
        labels, probability(champion.log_odds(split.test.features.astype(np.float32)))
    )


def contribution_error(table: ContributionTable, booster: Booster, rows: Singles) -> float:
    """Largest difference between our table's contributions and XGBoost's own, base included, over the rows."""
    theirs = booster.predict(xgb.DMatrix(rows, nthread=1), pred_contribs=True)
    ours = table.contributions(rows, rows.shape[1])
    return float(max(np.abs(theirs[:, :-1] - ours).max(), np.abs(theirs[:, -1] - table.base).max()))
