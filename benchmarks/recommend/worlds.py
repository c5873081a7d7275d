"""Worlds where it is known whom a coupon moves: what is said of them, who is found, and who gets a coupon for nothing.

Fixed before tuning: trials of 30,000 customers on seeds from 11 on (developed on seeds 1 to 3); judged by the expected profit of as many
other customers of the same world.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.report import Row
from fieldwise_market.persuasion import (
    ACTIONS,
    FACTS,
    KINDS,
    NOTHING_WORKS,
    SOME_PERSUADABLE,
    SURE_BUYERS,
    Experiment,
    experiment,
)
from fieldwise_recommend.core.arrays import Bools, Floats, Ints
from fieldwise_recommend.core.offpolicy.choices import Choices
from fieldwise_recommend.core.policy_learning.gate import NOT_ENOUGH_EVIDENCE, TREAT_NONE
from fieldwise_recommend.core.policy_learning.learning import train
from fieldwise_recommend.core.uplift.contrasts import scores

COUPON: Final = ACTIONS.index("coupon")
_FIRST_SEED: Final = 11
_OTHERS: Final = 1000
_PEER: Final = "propensity x value, upper half"


@dataclass(frozen=True)
class Judged:
    """One world: the verdict, and what two ways of choosing do for customers who were not in the trial."""

    verdict: str
    ours: Ints
    peer: Ints
    customers: Experiment
    seconds: float

    def coupons(self, chosen: Ints, whom: Bools) -> float:
        """Percent of them who get a coupon."""
        return 100.0 * float((chosen[whom] == COUPON).mean())

    def reached(self, chosen: Ints) -> float:
        """Percent of what could at most be gained over doing nothing."""
        expected = self.customers.expected
        got = expected[np.arange(len(chosen)), chosen] - expected[:, 0]
        return 100.0 * float(got.sum() / (self.customers.best - expected[:, 0]).sum())


def rows(*, quick: bool) -> Iterator[Row]:
    """Ten worlds of each kind, three in a quick run."""
    judged = {
        kind: [_judged(kind, _FIRST_SEED + each) for each in range(3 if quick else 10)] for kind in KINDS
    }
    yield from _nothing(judged[NOTHING_WORKS])
    for kind in (SOME_PERSUADABLE, SURE_BUYERS):
        yield from _found(kind, judged[kind])
    sure = judged[SURE_BUYERS]
    ours, peer = (
        _mean([each.coupons(chosen, each.customers.sure) for each, chosen in zip(sure, ways, strict=True)])
        for ways in ([each.ours for each in sure], [each.peer for each in sure])
    )
    yield Row(f"{SURE_BUYERS}: coupons to sure buyers", ours, "% of them", "must", "<= 0", _PEER, peer)
    seconds = _mean([each.seconds for every in judged.values() for each in every])
    yield Row("CPU seconds of learning from 30,000 customers", seconds, "s")


def _nothing(judged: list[Judged]) -> Iterator[Row]:
    right = [each.verdict in (TREAT_NONE, NOT_ENOUGH_EVIDENCE) for each in judged]
    yield Row(
        f"{NOTHING_WORKS}: worlds left alone or not enough evidence",
        100.0 * _mean(right),
        "%",
        "must",
        ">= 100",
    )
    touched = [100.0 * float((each.ours != 0).mean()) for each in judged]
    peer = [100.0 * float((each.peer != 0).mean()) for each in judged]
    yield Row(
        f"{NOTHING_WORKS}: customers who get anything",
        _mean(touched),
        "%",
        "must",
        "<= 0",
        _PEER,
        _mean(peer),
    )
    for verdict, count in Counter(each.verdict for each in judged).most_common():
        yield Row(f"{NOTHING_WORKS}: verdict {verdict}", float(count), "worlds")


def _found(kind: str, judged: list[Judged]) -> Iterator[Row]:
    ours = _mean([each.coupons(each.ours, each.customers.persuadable) for each in judged])
    peer = _mean([each.coupons(each.peer, each.customers.persuadable) for each in judged])
    level = ("must", ">= 80") if kind == SOME_PERSUADABLE else ("info", "")
    yield Row(f"{kind}: persuadable customers who get the coupon", ours, "%", *level, _PEER, peer)
    reached = _mean([each.reached(each.ours) for each in judged])
    yield Row(
        f"{kind}: of the profit that could be gained",
        reached,
        "%",
        "info",
        "",
        _PEER,
        _mean([each.reached(each.peer) for each in judged]),
    )
    for verdict, count in Counter(each.verdict for each in judged).most_common():
        yield Row(f"{kind}: verdict {verdict}", float(count), "worlds")


def _judged(kind: str, seed: int) -> Judged:
    trial, others = experiment(kind, seed), experiment(kind, seed + _OTHERS)
    begun = time.process_time()
    even = np.full(trial.expected.shape, 1.0 / len(ACTIONS))
    choices = Choices(trial.rewards, trial.given, even, trial.facts, np.arange(len(trial.given)))
    # The profits have every cost in them already.
    trained = train(scores(choices, np.zeros(len(ACTIONS)), seed), seed)
    seconds = time.process_time() - begun
    return Judged(
        trained.verdict.verdict, trained.chosen(others.facts), _likely(others.facts), others, seconds
    )


def _likely(facts: Floats) -> Ints:
    """As lists for coupons are usually made: the half that is likeliest to bring the most."""
    worth = facts[:, FACTS.index("p_buy")] * facts[:, FACTS.index("spend_if_buys")]
    return np.where(worth > np.median(worth), COUPON, 0)


def _mean(values: list[float] | list[bool]) -> float:
    return float(np.mean(values))
