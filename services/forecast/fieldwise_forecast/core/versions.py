"""What is recorded of a trained version, and whether it may serve; knows no learner, no file system, no SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .features import FeatureSet

WEEKLY_SALES = "weekly-sales"

# Two engines may differ in the last bits of float32 (measured: 3.3e-7); a replay may rescore with the other engine than the
# decision did, and is to agree within this (contract: ModelVersion).
ENGINES_DIFFER_AT_MOST = 1e-6
# Contributions add up to the raw output within this (contract: Prediction).
CONTRIBUTIONS_OFF_AT_MOST = 1e-4
# A loss this much worse than the champion's is noise on two thousand test rows.
TOLERANCE = 0.002


@dataclass(frozen=True)
class LearnerScore:
    """How a learner did on the test split."""

    learner: str
    metrics: dict[str, float]
    fit_cpu_seconds: float


@dataclass(frozen=True)
class Report:
    """How a version was trained and tested.

    Attributes:
        model: Id, such as ``buys-28d``.
        feature_set: None for series.
        leaderboard: Best first.
        engine_difference: Largest difference in probability between the engines over the test rows.
    """

    model: str
    learner: str
    feature_set: FeatureSet | None
    train_cutoffs: tuple[datetime, ...]
    test_cutoff: datetime
    train_rows: int
    test_rows: int
    leaderboard: tuple[LearnerScore, ...]
    engine_difference: float
    base_rate: float

    def score_of(self, learner: str, metric: str) -> float | None:
        """A metric on the test split; None for a learner that was not tried."""
        found = next((score for score in self.leaderboard if score.learner == learner), None)
        return None if found is None else found.metrics[metric]


@dataclass(frozen=True)
class Trained:
    """A version not yet numbered: its report, its file, and why it must not serve (empty: it may)."""

    report: Report
    file: bytes
    refusal: str


def probability_refusal(
    loss: float, rival: str, rival_loss: float, engine_difference: float, contribution_error: float
) -> str:
    """Why a probability model may not be promoted; empty when it may."""
    allowed = rival_loss + (TOLERANCE if rival == "champion" else 0.0)
    if not engine_difference <= ENGINES_DIFFER_AT_MOST:
        return f"engines differ by {engine_difference:.1e} in probability, allowed are {ENGINES_DIFFER_AT_MOST:.0e}"
    if not contribution_error <= CONTRIBUTIONS_OFF_AT_MOST:
        return f"contributions miss the raw output by {contribution_error:.1e}, allowed are {CONTRIBUTIONS_OFF_AT_MOST:.0e}"
    if not loss <= allowed:
        return f"log loss {loss:.4f} is worse than the {rival}'s {rival_loss:.4f}"
    return ""


def series_refusal(wape: float, champion_wape: float | None) -> str:
    """Why a series model may not be promoted: the champion's learner does better on the same weeks."""
    if champion_wape is not None and wape > champion_wape + TOLERANCE:
        return f"WAPE {wape:.4f} is worse than {champion_wape:.4f} of the champion's learner"
    return ""


class Role(StrEnum):
    """What a version does; a model has one champion and one previous version at the most."""

    CHAMPION = "champion"
    PREVIOUS = "previous"
    RETIRED = "retired"


@dataclass(frozen=True)
class StoredFile:
    """A model file in the folder of models: its path there, SHA-256 in hex, and size."""

    path: str
    checksum: str
    size: int


@dataclass(frozen=True)
class Version:
    """One numbered version of a model. ``place`` rises with every version of any model."""

    place: int
    number: int
    role: Role
    train_time: datetime
    file: StoredFile
    refusal: str
    report: Report

    @property
    def model(self) -> str:
        return self.report.model

    @property
    def name(self) -> str:
        return f"models/{self.model}/versions/{self.number}"
