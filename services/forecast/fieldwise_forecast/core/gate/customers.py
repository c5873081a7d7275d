"""A trained question against its champion on customers that neither was fitted on; knows no registry and no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..drift.stability import stability
from ..features import FeatureSet, Floats, Snapshot
from ..learners import SEED
from ..measures import TINY, debiased_ece
from ..probability import ProbabilityModel, from_file, probability
from ..questions import Question, Rows, labelled
from ..versions import Champion, Realised, Trained
from .evidence import CUSTOMERS_SPREAD, Evidence
from .judging import Check, Verdict, judge

# Scoring one customer takes about .1 ms; below this a slower challenger does nobody harm.
FAST_ENOUGH_MS = 2.0
SLOWER = 1.1
TIMED_ROWS = 200
# A gap between what was expected and what came that chance alone explains, in standard errors, and one that nobody minds.
CHANCE, HARMLESS = 2.0, 0.02


def compared_customers(
    question: Question,
    columns: FeatureSet,
    snapshots: Sequence[Snapshot],
    trained: Trained,
    champion: Champion | None,
    cpu_seconds: Callable[[], float],
) -> tuple[Verdict, tuple[Realised, ...]]:
    """The verdict, and how the champion did on windows that began after its training.

    The rows are those of the cut-offs from the challenger's test on. The champion is left out of the comparison where
    it does not know the feature set, or was itself trained on these windows.
    """
    answered = [rows for rows in labelled(question, columns, snapshots) if len(rows.labels)]
    tests = [rows for rows in answered if rows.cutoff >= trained.report.test_cutoff]
    old, new = readable(champion, columns), from_file(trained.file)
    evidence = Evidence(
        champion=losses_of(old, champion, tests),
        challenger=np.concatenate([row_losses(rows, scores(new, rows)) for rows in tests]),
        naive=np.concatenate([base_losses(rows, trained.report.base_rate) for rows in tests]),
        block=np.concatenate([np.full(len(rows.labels), i) for i, rows in enumerate(tests)]),
        usual_spread=CUSTOMERS_SPREAD,
    )
    bounds = (
        calibrated(new, old, tests[-1], trained.report.base_rate),
        quick(new, old, tests[-1], cpu_seconds),
    )
    verdict = judge(evidence, bounds, serving=old is not None)
    if old is None or champion is None:
        return verdict, ()
    reference = next(
        (scores(old, rows) for rows in answered if rows.cutoff == champion.report.test_cutoff), None
    )
    served = [rows for rows in answered if rows.cutoff >= champion.train_time]
    return verdict, tuple(realised(rows, old, champion.report.base_rate, reference) for rows in served)


def calibrated(new: ProbabilityModel, old: ProbabilityModel | None, rows: Rows, base_rate: float) -> Check:
    """The mean probability against the share of positives, beside the champion's (else the base rate's) own gap."""
    came = float(rows.labels.mean())
    rival = base_rate if old is None else float(scores(old, rows).mean())
    chance = CHANCE * float(np.sqrt(came * (1 - came) / len(rows.labels)))
    gap = abs(float(scores(new, rows).mean()) - came)
    return Check.at_most(
        "calibration", "gap between expected and observed share", gap, abs(rival - came) + chance + HARMLESS
    )


def quick(
    new: ProbabilityModel, old: ProbabilityModel | None, rows: Rows, cpu_seconds: Callable[[], float]
) -> Check:
    """Scoring a single customer may take at most a tenth longer than the champion's."""
    allowed = FAST_ENOUGH_MS if old is None else max(FAST_ENOUGH_MS, SLOWER * p99_ms(old, rows, cpu_seconds))
    return Check.at_most(
        "latency", "p99 of scoring one customer, in ms of CPU", p99_ms(new, rows, cpu_seconds), allowed
    )


def p99_ms(model: ProbabilityModel, rows: Rows, cpu_seconds: Callable[[], float]) -> float:
    singles = rows.features.astype(np.float32)
    took = []
    for i in range(TIMED_ROWS):
        begun = cpu_seconds()
        model.log_odds(singles[i % len(singles)][None])
        took.append(cpu_seconds() - begun)
    return 1000 * float(np.quantile(took, 0.99))


def readable(champion: Champion | None, columns: FeatureSet) -> ProbabilityModel | None:
    """The champion's model; None where there is none for this feature set."""
    if champion is None or champion.report.feature_set != columns:
        return None
    return from_file(champion.file)


def losses_of(model: ProbabilityModel | None, champion: Champion | None, tests: Sequence[Rows]) -> Floats:
    """The champion's losses, NaN on windows that it was trained on."""
    parts = []
    for rows in tests:
        unseen = model is not None and champion is not None and rows.cutoff >= champion.report.test_cutoff
        parts.append(
            row_losses(rows, scores(model, rows)) if unseen and model else np.full(len(rows.labels), np.nan)
        )
    return np.concatenate(parts)


def realised(rows: Rows, model: ProbabilityModel, base_rate: float, reference: Floats | None) -> Realised:
    p = scores(model, rows)
    chance = np.sqrt(float((p * (1 - p)).mean()) / len(p) + HARMLESS**2)
    return Realised(
        begin=rows.cutoff,
        rows=len(rows.labels),
        loss=float(row_losses(rows, p).mean()),
        naive_loss=float(base_losses(rows, base_rate).mean()),
        expected=float(p.mean()),
        observed=float(rows.labels.mean()),
        calibration=debiased_ece(rows.labels, p, np.random.default_rng(SEED)),
        stability=np.nan if reference is None else stability(reference, p),
        errors={"": float((rows.labels.mean() - p.mean()) / chance)},
    )


def scores(model: ProbabilityModel, rows: Rows) -> Floats:
    return probability(model.log_odds(rows.features.astype(np.float32)))


def base_losses(rows: Rows, base_rate: float) -> Floats:
    return row_losses(rows, np.full(len(rows.labels), base_rate))


def row_losses(rows: Rows, probabilities: Floats) -> Floats:
    p = np.clip(probabilities, TINY, 1 - TINY)
    return np.asarray(-(rows.labels * np.log(p) + (1 - rows.labels) * np.log1p(-p)))
