"""A policy chosen by its off-policy value on one half of a real e-mail trial, and valued on the other; knows no simulation."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Row
from fieldwise_recommend.core.arrays import Floats
from fieldwise_recommend.core.offpolicy.choices import Choices
from fieldwise_recommend.core.offpolicy.estimators import DR, SNIPS
from fieldwise_recommend.core.offpolicy.evaluation import BETTER, Evaluation, Evaluator

_FILE: Final = Path("../shared/data/email_trial/trial.csv")
_ARMS: Final = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
_NUMBERS: Final = ("recency", "history", "mens", "womens", "newbie")


def rows(*, quick: bool) -> Iterator[Row]:
    """The gain in visits over the logged policy, which drew one of three arms; the quick run takes a half of the file."""
    if not _FILE.exists():
        raise SystemExit(f"{_FILE} is missing; see benchmarks/README.md")
    facts, actions, visits = _trial(2 if quick else 1)
    half = np.random.default_rng(58).permutation(len(visits)) < len(visits) // 2
    policies = _policies(facts)
    chosen = max(policies, key=lambda name: _valued(facts, actions, visits, policies[name], half).gain.low)
    found = _valued(facts, actions, visits, policies[chosen], ~half)
    yield Row("e-mail trial: visits under the logged policy", 100.0 * found.logged.value, "%")
    doubly, plain = found.estimates[DR], found.estimates[SNIPS]
    words = f"e-mail trial: visits under {chosen!r}, chosen on the other half"
    yield Row(words, 100.0 * doubly.value, "%", "info", "", "SNIPS", 100.0 * plain.value)
    yield Row("e-mail trial: gain over the logged policy", 100.0 * found.gain.value, "points")
    yield Row("e-mail trial: lower end of the gain", 100.0 * found.gain.low, "points", "must", "> 0")
    yield Row("e-mail trial: said to be better", float(found.verdict == BETTER), "yes = 1", "must", ">= 1")


def _valued(
    facts: Floats, actions: NDArray[np.int64], visits: Floats, target: Floats, half: NDArray[np.bool_]
) -> Evaluation:
    count = int(half.sum())
    thirds = np.full((count, len(_ARMS)), 1.0 / len(_ARMS))
    choices = Choices(visits[half], actions[half], thirds, facts[half], np.arange(count))
    return Evaluator(choices).evaluate(target[half])


def _policies(facts: Floats) -> dict[str, Floats]:
    """Each arm for everybody, and the hand rule: the mail of what was bought before."""
    found = {
        f"{arm} to all": np.tile(np.eye(len(_ARMS))[place], (len(facts), 1))
        for place, arm in enumerate(_ARMS)
    }
    bought_womens_only = (facts[:, _NUMBERS.index("womens")] > 0) & (facts[:, _NUMBERS.index("mens")] == 0)
    found["mail of what was bought"] = np.eye(len(_ARMS))[np.where(bought_womens_only, 2, 1)]
    return found


def _trial(every: int) -> tuple[Floats, NDArray[np.int64], Floats]:
    with _FILE.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))[::every]
    facts = np.array([[float(line[name]) for name in _NUMBERS] for line in lines])
    actions = np.array([_ARMS.index(line["segment"]) for line in lines])
    return facts, actions, np.array([float(line["visit"]) for line in lines])
