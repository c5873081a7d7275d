"""The model `interests`: next category, everybody's hours, the catalogue; its training, test and file. Knows no store."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from fieldwise_runtime.errors import FailedPrecondition

from ..features import Floats
from ..gate.evidence import CUSTOMERS_SPREAD, Evidence
from ..gate.judging import Verdict, judge
from ..versions import Champion, LearnerScore, Report, Trained
from . import contact_time
from .behaviour import Behaviour
from .contact_time import Pattern
from .next_category import WITHIN, Choices, NextCategory, fit, hits, losses, rivals
from .products import Catalogue, catalogue_of

MODEL = "interests"
SERVING = "conditional-logit"
FORMAT = 1
# What a training tells: the choice, the hours and products, the check.
STEPS = 3
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class InterestModel:
    """What is learned of all customers, to be applied to one."""

    choice: NextCategory
    pattern: Pattern
    catalogue: Catalogue


def train(
    behaviour: Behaviour,
    until: int,
    champion: Champion | None,
    cpu_seconds: Callable[[], float],
    tell: Callable[[str], None],
) -> Trained:
    """A version, tested on the purchases of the last 28 days, which it was not fitted on.

    Args:
        until: The moment up to which everything is known, microseconds.

    Raises:
        FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
    """
    tell(f"fitting {MODEL}")
    begun = cpu_seconds()
    choice, trained, test = fit(behaviour, until)
    tell("counting hours and products")
    model = InterestModel(choice, contact_time.learned(behaviour), catalogue_of(behaviour))
    seconds = cpu_seconds() - begun
    tell(f"checking {MODEL}")
    scores = [score(name, chances, test, 0.0) for name, chances in rivals(test).items()]
    scores.append(score(SERVING, choice.chances(test.inputs), test, seconds))
    report = Report(
        model=MODEL,
        learner=SERVING,
        feature_set=None,
        train_cutoffs=(),
        test_cutoff=moment_of(until - WITHIN),
        train_rows=len(trained),
        test_rows=len(test),
        leaderboard=tuple(sorted(scores, key=lambda each: each.metrics["log_loss"])),
        engine_difference=0.0,
        base_rate=0.0,
        metric="log_loss",
    )
    return Trained(report, to_file(model), "", compared(choice, test, champion))


def compared(choice: NextCategory, test: Choices, champion: Champion | None) -> Verdict:
    """Against popularity, and against the champion where it knows the same categories.

    What it learns is mostly counts, which only grow older: newer ones take over unless they are worse.
    """
    own, naive = losses(choice.chances(test.inputs), test), losses(rivals(test)["popularity"], test)
    theirs = champion_losses(choice, test, champion)
    evidence = Evidence(theirs, own, naive, test.day // 7, usual_spread=CUSTOMERS_SPREAD)
    return judge(evidence, serving=champion is not None, update=True)


def champion_losses(choice: NextCategory, test: Choices, champion: Champion | None) -> Floats:
    """The champion's weights on the same inputs; NaN where there is none, or it knows other inputs."""
    if champion is not None:
        weights = from_file(champion.file).choice.weights
        if len(weights) == test.inputs.shape[2]:
            return losses(
                NextCategory(choice.categories, choice.popularity, weights).chances(test.inputs), test
            )
    return np.full(len(test), np.nan)


def score(name: str, chances: Floats, test: Choices, seconds: float) -> LearnerScore:
    found = {"log_loss": float(losses(chances, test).mean()), "top1": hits(chances, test)}
    return LearnerScore(name, found, seconds)


def moment_of(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def to_file(model: InterestModel) -> bytes:
    plain = {
        "model": MODEL,
        "format": FORMAT,
        "categories": model.choice.categories,
        "popularity": model.choice.popularity.tolist(),
        "weights": model.choice.weights.tolist(),
        "pattern": asdict(model.pattern)
        | {
            "hours": model.pattern.hours.tolist(),
            "weekdays": model.pattern.weekdays.tolist(),
        },
        "products": model.catalogue.products,
    }
    return json.dumps(plain, ensure_ascii=False).encode()


def from_file(content: bytes) -> InterestModel:
    """Back from `to_file`.

    Raises:
        FailedPrecondition: Reason MODEL_FILE_REFUSED.
    """
    plain = json.loads(content)
    if plain.get("format") != FORMAT:
        message = f"the file of models/{MODEL} has format {plain.get('format')}, this release reads {FORMAT}; train it again"
        raise FailedPrecondition("MODEL_FILE_REFUSED", message)
    pattern = plain["pattern"] | {key: np.array(plain["pattern"][key]) for key in ("hours", "weekdays")}
    products = {
        category: [(name, share) for name, share in own] for category, own in plain["products"].items()
    }
    return InterestModel(
        NextCategory(tuple(plain["categories"]), np.array(plain["popularity"]), np.array(plain["weights"])),
        Pattern(**pattern),
        Catalogue(products),
    )
