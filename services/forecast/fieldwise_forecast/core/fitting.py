"""Training one question on a time split, beside its rivals, up to the verdict; knows no registry and no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from fieldwise_runtime.errors import FailedPrecondition

from .blending import Mix, Window, alone, best_mix
from .calibration import Calibration, chosen
from .engines import FEW_ROWS
from .features import FeatureSet, Floats, Singles, Snapshot
from .learners import RIVALS, boost
from .light_xgboost import xgb
from .linear import Linear, logistic
from .measures import log_loss, measures
from .probability import (
    BG_NBD,
    LOGISTIC,
    XGBOOST,
    About,
    BoostedTrees,
    ProbabilityModel,
    assembled,
    probability,
)
from .questions import STEP, Question, Rows, labelled
from .repeat_buying import FEW, RepeatBuying, repeat_buying
from .spend import spend_prior
from .versions import LearnerScore, Report, Trained, probability_refusal

if TYPE_CHECKING:
    from xgboost import Booster

FEWEST_TRAINING_ROWS = 50
FEWEST_TEST_ROWS = 20
# Beyond these, cut-offs are left out evenly: neighbouring ones say nearly the same.
MOST_ROWS, MOST_BACKTEST_ROWS = 50_000, 15_000
# Windows before the test on which weights and calibration are chosen, and the time between their cut-offs.
ORIGINS = 3
APART = timedelta(days=28)
# What a question tells while it is fitted: each backtest, the parts, the rivals, the check.
STEPS = ORIGINS + 2 + len(RIVALS)

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Split:
    """Rows by time: cut-offs whose window ended by the test cut-off train. A random split would leak the season.

    ``everybody`` holds the features of all customers at the test cut-off, whether the question is asked of them or not.
    """

    train: Sequence[Rows]
    test: Rows
    everybody: Floats

    @property
    def features(self) -> Floats:
        return np.concatenate([rows.features for rows in self.train])

    @property
    def labels(self) -> Floats:
        return np.concatenate([rows.labels for rows in self.train])


@dataclass(frozen=True)
class Parts:
    """What may answer, fitted on one split, and the CPU seconds of each."""

    booster: Booster
    linear: Linear
    repeats: RepeatBuying | None
    seconds: Mapping[str, float]

    @property
    def names(self) -> list[str]:
        return list(self.seconds)

    def log_odds(self, rows: Floats) -> Floats:
        """By part, shape (n_rows, n_parts)."""
        singles = rows.astype(np.float32)
        found = [self.booster.inplace_predict(singles, predict_type="margin"), self.linear.log_odds(singles)]
        if self.repeats is not None:
            found.append(self.repeats.log_odds(singles))
        return np.column_stack(found).astype(np.float64)


def fit(
    question: Question,
    columns: FeatureSet,
    snapshots: Sequence[Snapshot],
    champion: ProbabilityModel | None,
    cpu_seconds: Callable[[], float],
    tell: Tell,
) -> Trained:
    """Choose weights and calibration on earlier windows, train on all but the last, test on the last, and judge.

    Raises:
        FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
    """
    split = time_split(question, columns, snapshots)
    begun = cpu_seconds()
    mix, calibration = backtested(question, columns, snapshots, split, cpu_seconds, tell)
    tell(f"fitting {mix.learner} for {question.model}")
    parts = fitted_parts(question, columns, split, cpu_seconds)
    if any(name not in parts.names for name in mix.weights):
        mix, calibration = alone(XGBOOST), Calibration()
    spend = spend_prior(columns, every_fourth(snapshots))
    about = About(columns, float(split.labels.mean()), spend, mix.weights, calibration)
    model, file = assembled(parts.booster, parts.linear, parts.repeats, about)
    seconds = cpu_seconds() - begun
    rivals = rival_scores(split, cpu_seconds, lambda name: tell(f"fitting {name} for {question.model}"))
    tell(f"checking {question.model}")
    rows = split.test.features.astype(np.float32)
    own = LearnerScore(mix.learner, measures(split.test.labels, probability(model.log_odds(rows))), seconds)
    board = [own, *part_scores(parts, split.test, but=mix.learner), *rivals]
    rival, rival_loss = rival_of(champion, columns, split, about.base_rate)
    difference = engine_difference(model, rows)
    refusal = probability_refusal(
        own.metrics["log_loss"], rival, rival_loss, difference, contribution_error(model, parts.booster, rows)
    )
    return Trained(report(question, columns, split, board, about, difference), file, refusal)


def report(
    question: Question,
    columns: FeatureSet,
    split: Split,
    scores: Sequence[LearnerScore],
    about: About,
    engine_difference: float,
) -> Report:
    return Report(
        model=question.model,
        learner=scores[0].learner,
        feature_set=columns,
        train_cutoffs=tuple(rows.cutoff for rows in split.train),
        test_cutoff=split.test.cutoff,
        train_rows=len(split.labels),
        test_rows=len(split.test.labels),
        leaderboard=tuple(sorted(scores, key=lambda score: score.metrics["log_loss"])),
        engine_difference=engine_difference,
        base_rate=about.base_rate,
        calibration=about.calibration.kind,
    )


def time_split(question: Question, columns: FeatureSet, snapshots: Sequence[Snapshot]) -> Split:
    rows = [part for part in labelled(question, columns, snapshots) if len(part.labels)]
    if len(rows) < 2:
        raise not_enough(question, f"{len(rows)} cut-offs with customers; at least 2 are needed")
    split = split_at(question, rows, rows[-1], snapshots, MOST_ROWS)
    for words, labels, fewest in (
        ("training", split.labels if split.train else np.empty(0), FEWEST_TRAINING_ROWS),
        ("test", split.test.labels, FEWEST_TEST_ROWS),
    ):
        if len(labels) < fewest:
            raise not_enough(question, f"{len(labels)} {words} rows; at least {fewest} are needed")
        if labels.min() == labels.max():
            raise not_enough(
                question, f"all {len(labels)} {words} rows have the same answer; both are needed"
            )
    return split


def split_at(
    question: Question, rows: Sequence[Rows], test: Rows, snapshots: Sequence[Snapshot], most: int
) -> Split:
    train = [part for part in rows if part.cutoff + question.window <= test.cutoff]
    everybody = next(snapshot for snapshot in snapshots if snapshot.cutoff == test.cutoff)
    return Split(thinned(train, most), test, everybody.values)


def thinned(rows: Sequence[Rows], most: int) -> list[Rows]:
    """Every cut-off, or every second, third ... counted back from the newest, so that about ``most`` rows are left."""
    total = sum(len(part.labels) for part in rows)
    step = max(1, -(-total // most))
    return list(rows[::-1][::step][::-1])


def every_fourth(snapshots: Sequence[Snapshot]) -> list[Snapshot]:
    """Snapshots 28 days apart, counted back from the last: the windows that spend is counted in."""
    step = max(1, APART // STEP)
    wanted = {snapshots[-1].cutoff - k * step * STEP for k in range(len(snapshots))}
    return [snapshot for snapshot in snapshots if snapshot.cutoff in wanted]


def not_enough(question: Question, fact: str) -> FailedPrecondition:
    message = (
        f"models/{question.model} cannot be trained: {fact}. Ingest more history or train at a later time."
    )
    return FailedPrecondition("NOT_ENOUGH_HISTORY", message)


def backtested(
    question: Question,
    columns: FeatureSet,
    snapshots: Sequence[Snapshot],
    split: Split,
    cpu_seconds: Callable[[], float],
    tell: Tell,
) -> tuple[Mix, Calibration]:
    """Weights and calibration that did best on windows before the test, by parts that had not seen them."""
    rows = [part for part in labelled(question, columns, snapshots) if len(part.labels)]
    names = [XGBOOST]
    windows: list[Window] = []
    for origin in origins(question, split.test.cutoff):
        found = next((part for part in rows if part.cutoff == origin), None)
        if found is None or len(found.labels) < FEWEST_TEST_ROWS:
            continue
        earlier = split_at(question, rows, found, snapshots, MOST_BACKTEST_ROWS)
        if not has_both(earlier):
            continue
        tell(f"backtesting {question.model} at {origin:%Y-%m-%d}")
        parts = fitted_parts(question, columns, earlier, cpu_seconds)
        names = parts.names if not windows else [name for name in names if name in parts.names]
        windows.append(Window(parts.log_odds(found.features), found.labels))
    windows = [Window(window.log_odds[:, : len(names)], window.labels) for window in windows]
    mix = best_mix(names, windows)
    weights = np.array([mix.weights.get(name, 0.0) for name in names])
    return mix, chosen([(window.log_odds @ weights, window.labels) for window in windows])


def origins(question: Question, test: datetime) -> list[datetime]:
    """Cut-offs whose windows ended by the test, 28 days apart, newest first."""
    return [test - question.window - k * APART for k in range(ORIGINS)]


def has_both(split: Split) -> bool:
    """Whether there are enough rows to train on, with both answers."""
    if not split.train or len(split.labels) < FEWEST_TRAINING_ROWS:
        return False
    return bool(split.labels.min() < split.labels.max())


def fitted_parts(
    question: Question, columns: FeatureSet, split: Split, cpu_seconds: Callable[[], float]
) -> Parts:
    features, labels = split.features, split.labels
    marks = [cpu_seconds()]
    booster = boost(features, labels)
    marks.append(cpu_seconds())
    linear = logistic(features, labels)
    marks.append(cpu_seconds())
    repeats = None
    if question.lifetime_sign:
        rate = float(labels.mean())
        repeats = repeat_buying(columns, split.everybody, rate, question.window.days, question.lifetime_sign)
    marks.append(cpu_seconds())
    names = (XGBOOST, LOGISTIC, BG_NBD)[: 2 if repeats is None else 3]
    took = {name: marks[i + 1] - marks[i] for i, name in enumerate(names)}
    return Parts(booster, linear, repeats, took)


def part_scores(parts: Parts, test: Rows, but: str) -> list[LearnerScore]:
    """How each part did alone, as it is; without ``but``, which is told calibrated."""
    found = probability(parts.log_odds(test.features))
    return [
        LearnerScore(name, measures(test.labels, found[:, i]), parts.seconds[name])
        for i, name in enumerate(parts.names)
        if name != but
    ]


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


def engine_difference(model: ProbabilityModel, rows: Singles) -> float:
    """Largest difference in probability between rows scored all together and one by one, as well as in small groups."""
    copies = -(-(FEW_ROWS + 1) // len(rows))
    together = model.log_odds(np.tile(rows, (copies, 1)))[: len(rows)]
    apart = [
        np.concatenate([model.log_odds(rows[i : i + size]) for i in range(0, len(rows), size)])
        for size in (1, FEW)
    ]
    return float(np.abs(probability(together) - probability(np.stack(apart))).max())


def contribution_error(model: ProbabilityModel, booster: Booster, rows: Singles) -> float:
    """Largest difference between the trees' contributions and XGBoost's own, base included, and of all to the raw output."""
    off = np.abs(model.base + model.contributions(rows).sum(axis=1) - model.log_odds(rows)).max()
    trees = model.parts.get(XGBOOST)
    if not isinstance(trees, BoostedTrees):
        return float(off)
    theirs = booster.predict(xgb.DMatrix(rows, nthread=1), pred_contribs=True)
    ours = trees.contributions(rows)
    return float(max(off, np.abs(theirs[:, :-1] - ours).max(), np.abs(theirs[:, -1] - trees.base).max()))
