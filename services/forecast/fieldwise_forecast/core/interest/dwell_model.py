"""The model `dwell-thresholds`: its training, test and file; knows no store."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np

from fieldwise_runtime.errors import FailedPrecondition

from ..features import Floats
from ..measures import TINY
from ..versions import Champion, LearnerScore, Report, Trained
from .behaviour import DAY, Behaviour, Mask
from .dwell import WITHIN, Looks, Threshold, cuts, gains_of, looks_by_category, threshold
from .interest_model import moment_of

MODEL = "dwell-thresholds"
SERVING = "change-point"
FORMAT = 1
# What a training tells: the thresholds, their check.
STEPS = 2
# Views of so many days test.
TEST = 28 * DAY


@dataclass(frozen=True)
class DwellModel:
    """The thresholds by category, by name."""

    thresholds: tuple[Threshold, ...]


def train(
    behaviour: Behaviour,
    until: int,
    _: Champion | None,
    cpu_seconds: Callable[[], float],
    tell: Callable[[str], None],
) -> Trained:
    """A version; thresholds of all but the last views are tested on those, against one share per category.

    The newest thresholds always serve: they are estimates with intervals, not forecasts that could be worse.

    Args:
        until: The moment up to which everything is known, microseconds.

    Raises:
        FailedPrecondition: Reason NOT_ENOUGH_HISTORY, nobody looks at anything, or nobody is known to have stayed.
    """
    tell(f"fitting {MODEL}")
    begun = cpu_seconds()
    looks = looks_by_category(behaviour, until)
    views = sum(len(each.dwell) for each in looks.values())
    if not views:
        raise too_little("no view with a category and dwell_ms is older than seven days")
    model = DwellModel(tuple(threshold(category, own) for category, own in looks.items()))
    seconds = cpu_seconds() - begun
    tell(f"checking {MODEL}")
    split = until - WITHIN - TEST
    own, naive = tested(looks, looks_by_category(behaviour.before(split), split), split)
    if not len(own):
        raise too_little(f"{views} views, none of them with enough history before it to be tested on")
    report = Report(
        model=MODEL,
        learner=SERVING,
        feature_set=None,
        train_cutoffs=(),
        test_cutoff=moment_of(split),
        train_rows=views,
        test_rows=len(own),
        leaderboard=leaderboard(own, naive, seconds, sum(each.enough_evidence for each in model.thresholds)),
        engine_difference=0.0,
        base_rate=float(np.mean(np.concatenate([each.bought for each in looks.values()]))),
        metric="log_loss",
    )
    return Trained(report, to_file(model), "")


def tested(looks: Mapping[str, Looks], known: Mapping[str, Looks], split: int) -> tuple[Floats, Floats]:
    """Log losses of the views after the split, by thresholds of those before it, and by one share per category."""
    own: list[Floats] = [np.empty(0)]
    naive: list[Floats] = [np.empty(0)]
    for category, each in looks.items():
        before = known.get(category)
        later = each.time >= split
        if before is None or not len(ends := cuts(before.dwell)) or not later.any():
            continue
        end = ends[int(np.argmax(gains_of(before.bought, ends)))]
        is_long = each.dwell[later] >= before.dwell[end]
        chances = np.where(is_long, share(before.bought[end:]), share(before.bought[:end]))
        own.append(log_losses(each.bought[later], chances))
        naive.append(log_losses(each.bought[later], np.full(int(later.sum()), share(before.bought))))
    return np.concatenate(own), np.concatenate(naive)


def leaderboard(own: Floats, naive: Floats, seconds: float, found: int) -> tuple[LearnerScore, ...]:
    """Best first; ``found`` counts the thresholds that chance does not explain."""
    scores = (
        LearnerScore(SERVING, {"log_loss": float(own.mean()), "thresholds": float(found)}, seconds),
        LearnerScore("share of the category", {"log_loss": float(naive.mean()), "thresholds": 0.0}, 0.0),
    )
    return tuple(sorted(scores, key=lambda score: score.metrics["log_loss"]))


def share(bought: Mask) -> float:
    """Drawn to one half by one look of each kind, so that none is certain."""
    return float((bought.sum() + 1) / (len(bought) + 2))


def log_losses(bought: Mask, chances: Floats) -> Floats:
    return -np.log(np.maximum(np.where(bought, chances, 1 - chances), TINY))


def too_little(fact: str) -> FailedPrecondition:
    message = f"models/{MODEL} cannot be trained: {fact}. Send views with dwell_ms, or train at a later time."
    return FailedPrecondition("NOT_ENOUGH_HISTORY", message)


def to_file(model: DwellModel) -> bytes:
    plain = {"model": MODEL, "format": FORMAT, "thresholds": [asdict(each) for each in model.thresholds]}
    return json.dumps(plain, ensure_ascii=False).encode()


def from_file(content: bytes) -> DwellModel:
    """Back from `to_file`.

    Raises:
        FailedPrecondition: Reason MODEL_FILE_REFUSED.
    """
    plain = json.loads(content)
    if plain.get("format") != FORMAT:
        message = f"the file of models/{MODEL} has format {plain.get('format')}, this release reads {FORMAT}; train it again"
        raise FailedPrecondition("MODEL_FILE_REFUSED", message)
    return DwellModel(tuple(Threshold(**each) for each in plain["thresholds"]))
