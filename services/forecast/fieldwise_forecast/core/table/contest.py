"""Learners against each other on one split of a table; what was judged best is what serves. Knows no file and no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fieldwise_runtime.errors import FailedPrecondition

from ..features import Floats
from . import encoding
from .encoding import Encoding
from .learners import Learner, Predictor, warm
from .measures import Measures, measured
from .splitting import Split
from .table import Table

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Standing:
    """A learner's place: its errors on the test rows, and what it said of each.

    Attributes:
        fault: Why it did not take part or cannot serve; empty for all of ours.
        predictor: What was judged.
    """

    learner: str
    measures: Measures | None
    fit_cpu_seconds: float
    predicted: Floats | None = None
    fault: str = ""
    predictor: Predictor | None = None


@dataclass(frozen=True)
class Outcome:
    """What a contest gave.

    Attributes:
        standings: Best first by MSE; those that failed last.
        served: Name of the best that can serve.
        encoding: Of the training rows, for ``predictor``. Neither has seen a test row: what was judged is what serves
            (docs/decisions/0006).
    """

    standings: tuple[Standing, ...]
    served: str
    encoding: Encoding
    predictor: Predictor


def contest(
    table: Table,
    target: str,
    split: Split,
    learners: Sequence[Learner],
    cpu_seconds: Callable[[], float],
    tell: Tell,
) -> Outcome:
    """Fit all on the training rows, judge them on the test rows.

    Raises:
        FailedPrecondition: Reason NO_LEARNER, none of them could be fitted and kept.
    """
    earlier = table.take(split.train)
    learnt = encoding.learnt(earlier.without(target))
    rows, targets = learnt.encode(earlier), earlier.numbers(target)
    later = table.take(split.test)
    questions, answers = learnt.encode(later), later.numbers(target)
    standings = []
    warm()
    for learner in learners:
        tell(f"fitting {learner.name}")
        standings.append(tried(learner, rows, targets, questions, answers, cpu_seconds))
    standings.sort(key=lambda each: np.inf if each.measures is None else each.measures.mse)
    best = next((each for each in standings if not each.fault), None)
    if best is None or best.predictor is None:
        faults = "; ".join(each.fault for each in standings)
        raise FailedPrecondition(
            "NO_LEARNER", f"no learner can serve: {faults}. Name others, or none for all"
        )
    return Outcome(tuple(standings), best.learner, learnt, best.predictor)


def tried(
    learner: Learner,
    rows: Floats,
    targets: Floats,
    questions: Floats,
    answers: Floats,
    cpu_seconds: Callable[[], float],
) -> Standing:
    """How one learner does. One that came from elsewhere may fail; the others go on without it."""
    begun = cpu_seconds()
    try:
        fitted = learner.fit(rows, targets)
        seconds = cpu_seconds() - begun
        predicted = checked(fitted.predict(questions), len(questions))
        fault = unkept(learner, fitted, questions, predicted)
    except Exception as error:
        if not learner.foreign:
            raise
        return Standing(learner.name, None, cpu_seconds() - begun, fault=f"{learner.name} failed: {error}")
    return Standing(learner.name, measured(answers, predicted), seconds, predicted, fault, fitted)


def checked(predicted: Floats, rows: int) -> Floats:
    """Predictions as they have to be: a finite number per row."""
    found = np.asarray(predicted, dtype=np.float64).ravel()
    if len(found) != rows or not np.isfinite(found).all():
        raise ValueError(f"predict must give {rows} finite numbers, and gave {len(found)} values")
    return found


def unkept(learner: Learner, fitted: Predictor, questions: Floats, predicted: Floats) -> str:
    """Why a fitted learner cannot be kept in a file; empty when it says the same after it was written and read."""
    try:
        read = learner.load(fitted.to_bytes())
        again = checked(read.predict(questions), len(questions))
    except Exception as error:  # it is other people's code, and the answer says what it did
        return f"{learner.name} competes and cannot serve: {error}"
    if not np.allclose(again, predicted, rtol=1e-6, atol=1e-9):
        return f"{learner.name} competes and cannot serve: read back from its bytes it predicts otherwise"
    return ""
