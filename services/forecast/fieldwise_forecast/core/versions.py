"""What is recorded of a trained version, and whether it may serve; knows no learner, no file system, no SQL."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .features import FeatureSet
from .gate.judging import Action, Verdict

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
        metric: Name of the loss in the leaderboard that is judged, such as ``log_loss`` or ``wape``.
        calibration: How raw log-odds become a probability: ``none``, ``platt``, ``beta``, ``isotonic``; empty for series.
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
    metric: str = ""
    calibration: str = ""

    def score_of(self, learner: str, metric: str) -> float | None:
        """A metric on the test split; None for a learner that was not tried."""
        found = next((score for score in self.leaderboard if score.learner == learner), None)
        return None if found is None else found.metrics[metric]


@dataclass(frozen=True)
class Realised:
    """How the champion did in one period that came after it was trained, over all rows of the period.

    Attributes:
        begin: Begin of the period, or the cut-off whose window has ended.
        rows: Customers, or series with an actual.
        loss: Mean log loss, or sum of absolute errors over sum of actuals.
        naive_loss: The same of the base rate or the naive forecast.
        inside80: Share of actuals inside the 80 % interval; NaN without intervals. ``inside90`` likewise.
        expected: Mean prediction of a probability model, ``observed`` the share of positives; NaN for series.
        calibration: Debiased calibration error of a probability model; NaN for series.
        stability: Population stability index of the scores against those of the training; NaN for series.
        errors: Standardised error of each series, by name, for the largest: above 0 more came than was forecast. In standard
            deviations of the predictive distribution, so that 1 is usual. Of a probability model, its one error under "".
    """

    begin: datetime
    rows: int
    loss: float
    naive_loss: float
    inside80: float = math.nan
    inside90: float = math.nan
    expected: float = math.nan
    observed: float = math.nan
    calibration: float = math.nan
    stability: float = math.nan
    errors: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """A version not yet numbered.

    Attributes:
        refusal: Why it must never serve; empty: it may.
        verdict: The gate's word against the champion; None where there was nothing to compare with.
        realised: How the champion did since it was trained, oldest first.
    """

    report: Report
    file: bytes
    refusal: str
    verdict: Verdict | None = None
    realised: tuple[Realised, ...] = ()

    @property
    def refusal_words(self) -> str:
        """Why it must never serve, whoever said so; empty: it may."""
        refused = self.verdict is not None and self.verdict.action is Action.REFUSE
        return self.refusal or (self.verdict.words if refused and self.verdict else "")

    @property
    def role(self) -> Role:
        """What it becomes when it is registered."""
        if self.refusal_words:
            return Role.RETIRED
        return Role.CHAMPION if self.verdict is None or self.verdict.promotes else Role.CHALLENGER


@dataclass(frozen=True)
class Champion:
    """What serves while another version is trained."""

    report: Report
    file: bytes
    train_time: datetime


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


class Role(StrEnum):
    """What a version does; a model has one champion, one previous version and one challenger at the most."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
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
    """One numbered version of a model.

    Attributes:
        place: Rises with every version of any model.
        kind: How it is trained and loaded (`kinds.py`).
        parent: Number of the version that it is an incremental update of; 0 for a full training.
        verdict: The gate's word when it was registered.
        asked_by: ``request``, ``schedule``, ``volume`` or ``drift``.
    """

    place: int
    number: int
    role: Role
    train_time: datetime
    file: StoredFile
    refusal: str
    report: Report
    kind: str = "probability"
    parent: int = 0
    verdict: Verdict | None = None
    asked_by: str = "request"
    cpu_seconds: float = 0.0

    @property
    def model(self) -> str:
        return self.report.model

    @property
    def name(self) -> str:
        return f"models/{self.model}/versions/{self.number}"
