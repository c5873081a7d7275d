"""Off-policy evaluation where the truth is known: errors, intervals and refusals over simulated policies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.recommend.offpolicy_world import Case, Log, a_case, a_log
from benchmarks.report import Row
from fieldwise_recommend.core.offpolicy.choices import Choices
from fieldwise_recommend.core.offpolicy.estimators import DR, METHODS
from fieldwise_recommend.core.offpolicy.evaluation import Evaluation, Evaluator

# Reported on worlds from 3,000 on; the method and its limits were set on worlds from 5,000 on, and those from 2,000 on seen before
# its intervals were made wider for regressions that are wrong.
_FIRST: Final = 3_000
_POLICIES: Final = 1_000
_LARGE: Final = 200
_BAD: Final = 0.2
_PEERS: Final = {"IPS": 0.8, "SNIPS": 0.82, "DM": 3.5, "DR": 0.7}


@dataclass(frozen=True)
class _Measured:
    evaluation: Evaluation
    truth: float
    least_error: float

    def error(self, method: str) -> float:
        return abs(self.evaluation.estimates[method].value / self.truth - 1.0)

    def covers(self, method: str) -> bool:
        estimate = self.evaluation.estimates[method]
        return estimate.low <= self.truth <= estimate.high


def rows(*, quick: bool) -> Iterator[Row]:
    """Small logs over many policies, large logs, and customers who come several times."""
    policies = 500 if quick else _POLICIES
    started = time.process_time()
    small = [_measured(a_case(seed), 2_000, seed) for seed in range(_FIRST, _FIRST + policies)]
    yield Row(
        "CPU milliseconds per policy of 2,000 rows", 1e3 * (time.process_time() - started) / policies, "ms"
    )
    yield from _errors(small, "2,000 rows", "must", "<= 1")
    yield from _bound(small, "2,000 rows")
    yield from _coverage(small, "2,000 rows", "must")
    yield from _refusals(small)
    large_count = 20 if quick else _LARGE
    large = [_measured(a_case(seed), 20_000, seed) for seed in range(_FIRST, _FIRST + large_count)]
    yield from _errors(large, "20,000 rows", "stretch", "<= 0.3")
    yield from _bound(large, "20,000 rows")
    # Of twenty policies a share says little.
    yield from _coverage(large, "20,000 rows", "info" if quick else "must")
    yield from _returning(40 if quick else 400)


def _measured(case: Case, count: int, seed: int) -> _Measured:
    log = a_log(case, count, seed)
    return _Measured(
        Evaluator(_choices(log, np.arange(count))).evaluate(log.target), case.truth(), case.least_error(count)
    )


def _choices(log: Log, customers: NDArray[np.int64]) -> Choices:
    return Choices(log.rewards, log.actions, log.logged, log.facts, customers)


def _errors(measured: list[_Measured], words: str, level: str, target: str) -> Iterator[Row]:
    answered = [each for each in measured if not each.evaluation.refusals]
    for method in METHODS:
        error = 100.0 * float(np.median([each.error(method) for each in answered]))
        held = (level, target) if method == DR else ("info", "")
        metric = f"median error of {method}, {words}"
        peer = _PEERS[method] if words == "2,000 rows" else None
        yield Row(metric, error, "%", *held, "notes, another simulation" if peer else "", peer)


def _bound(measured: list[_Measured], words: str) -> Iterator[Row]:
    answered = [each for each in measured if not each.evaluation.refusals]
    least = 100.0 * float(np.median([each.least_error for each in answered]))
    ours = 100.0 * float(np.median([each.error(DR) for each in answered]))
    yield Row(f"DR's median error over the least that is possible, {words}", ours / least, "x")
    yield Row(f"least median error that is possible without bias, {words}", least, "%")


def _coverage(measured: list[_Measured], words: str, level: str) -> Iterator[Row]:
    answered = [each for each in measured if not each.evaluation.refusals]
    for method in METHODS:
        share = 100.0 * float(np.mean([each.covers(method) for each in answered]))
        metric = f"intervals of {method} that hold the truth, {words}"
        if method == DR and level == "must":
            yield Row(metric, share, "%", level, ">= 93")
            yield Row(f"{metric}, from above", share, "%", level, "<= 97")
        else:
            yield Row(metric, share, "%")


def _refusals(measured: list[_Measured]) -> Iterator[Row]:
    refused = np.array([bool(each.evaluation.refusals) for each in measured])
    bad = np.array([each.error(DR) > _BAD for each in measured])
    yield Row("policies whose estimate is off by over 20 %", float(bad.sum()), "policies")
    if bad.any():
        yield Row(
            "refused of those off by over 20 %", 100.0 * float(refused[bad].mean()), "%", "must", ">= 95"
        )
    yield Row("refused of the others", 100.0 * float(refused[~bad].mean()), "%", "must", "< 5")


def _returning(count: int) -> Iterator[Row]:
    """Each customer four times with the same facts: rows are not independent."""
    together: list[bool] = []
    apart: list[bool] = []
    for seed in range(_FIRST, _FIRST + count):
        case = a_case(seed)
        log = _fourfold(case, seed)
        truth = case.truth()
        for customers, held in ((np.arange(2_000) // 4, together), (np.arange(2_000), apart)):
            evaluation = Evaluator(_choices(log, customers)).evaluate(log.target)
            if not evaluation.refusals:
                held.append(_Measured(evaluation, truth, 0.0).covers(DR))
    share = 100.0 * float(np.mean(together))
    peer = 100.0 * float(np.mean(apart))
    yield Row(
        "intervals of DR that hold the truth, customers who come four times",
        share,
        "%",
        "info",
        "",
        "rows taken as independent",
        peer,
    )


def _fourfold(case: Case, seed: int) -> Log:
    log = a_log(case, 500, seed)
    facts = np.repeat(log.facts, 4, axis=0)
    logged, target = np.repeat(log.logged, 4, axis=0), np.repeat(log.target, 4, axis=0)
    draw = np.random.default_rng((60, seed))
    actions = (draw.random((2_000, 1)) > np.cumsum(logged, axis=1)).sum(axis=1).clip(max=logged.shape[1] - 1)
    buying = case.buying(facts)[np.arange(2_000), actions]
    return Log(facts, actions, (draw.random(2_000) < buying).astype(float), logged, target)
