"""The e-mail trial, cross-validated: what the policy that is let out is worth beside constants, a rule by hand and uplift learners.

Fixed before tuning: ten folds (five in a quick run), every choice for a fold made from the others, values from the customers
whose mail was the one chosen, all folds together; medians over three partitions, seeds 1 to 3 (a quick run: 1). Tuned on seeds
from 100 on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Final

import numpy as np

from benchmarks.recommend.email_data import BOUGHT_WOMENS, FILE, MENS, NOTHING, WOMENS, Trial, trial
from benchmarks.recommend.uplift_peers import PEERS, propensity
from benchmarks.report import Row
from fieldwise_recommend.core.policy_learning.learning import train
from fieldwise_recommend.core.uplift.contrasts import scores

OURS: Final = "ours"
_PROPENSITY: Final = "likeliest half"


@dataclass
class Tried:
    """One partition: the value of each way of choosing, the error of ours, verdicts and processor seconds."""

    value: dict[str, float]
    constants: dict[str, float]
    hand: float
    error: float
    verdicts: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)


def rows(*, quick: bool) -> Iterator[Row]:
    """Three mails on three rewards, then women's mail with a price."""
    if not FILE.exists():
        yield Row("e-mail trial is missing: see benchmarks/README.md", 0.0, "rows")
        return
    every = (NOTHING, MENS, WOMENS)
    yield from _constants("visit", "visits", trial("visit", every, (0.0, 0.0, 0.0)), quick)
    yield from _constants("spend", "USD", trial("spend", every, (0.0, 0.1, 0.1)), quick)
    yield from _constants("visit - .06 a mail", "visits", trial("visit", every, (0.0, 0.06, 0.06)), quick)
    yield from _womens(trial("visit", (NOTHING, WOMENS), (0.0, 0.045)), quick)


def _constants(name: str, unit: str, data: Trial, quick: bool) -> Iterator[Row]:
    tried = _tried(data, quick)
    best = median(max(each.constants.values()) for each in tried)
    yield Row(
        f"{name}: value of the policy let out", _median(tried, OURS), unit, "info", "", "best constant", best
    )
    under = median((max(each.constants.values()) - each.value[OURS]) / each.error for each in tried)
    yield Row(f"{name}: standard errors under the best constant", under, "SE", "must", "<= 0.5")
    yield from _beside(name, unit, tried)


def _womens(data: Trial, quick: bool) -> Iterator[Row]:
    name = "women's mail at .045 visits"
    tried = _tried(data, quick)
    hand = median(each.hand for each in tried)
    yield Row(
        f"{name}: value of the policy let out",
        _median(tried, OURS),
        "visits",
        "info",
        "",
        "bought women's",
        hand,
    )
    under = median((each.hand - each.value[OURS]) / each.error for each in tried)
    yield Row(f"{name}: standard errors under the rule by hand", under, "SE", "must", "<= 1")
    yield Row(f"{name}: above the rule by hand", -under, "SE", "stretch", "> 0")
    best = median(max(each.constants.values()) for each in tried)
    gain, peer = _median(tried, OURS) - best, _median(tried, _PROPENSITY) - best
    yield Row(f"{name}: gain over the best constant", gain, "visits", "info", "", _PROPENSITY, peer)
    yield from _beside(name, "visits", tried)


def _beside(name: str, unit: str, tried: list[Tried]) -> Iterator[Row]:
    for peer in (*PEERS, _PROPENSITY):
        yield Row(
            f"{name}: value of {peer}", _median(tried, peer), unit, "info", "", OURS, _median(tried, OURS)
        )
    verdicts = sum((each.verdicts for each in tried), Counter[str]())
    for verdict, count in verdicts.most_common():
        yield Row(f"{name}: verdict {verdict}", 100.0 * count / verdicts.total(), "% of folds")
    seconds = median(each.seconds[OURS] for each in tried)
    slow = median(each.seconds["DR-learner"] for each in tried)
    yield Row(f"{name}: CPU seconds of a partition", seconds, "s", "info", "", "DR-learner, no gate", slow)


def _median(tried: list[Tried], name: str) -> float:
    return median(each.value[name] for each in tried)


def _tried(data: Trial, quick: bool) -> list[Tried]:
    return [_partition(data, seed, 5 if quick else 10) for seed in ((1,) if quick else (1, 2, 3))]


def _partition(data: Trial, seed: int, count: int) -> Tried:
    fold = np.random.default_rng(seed).permutation(len(data.arms)) % count
    chosen = {name: np.zeros(len(fold), dtype=np.int64) for name in (OURS, *PEERS, _PROPENSITY)}
    verdicts: Counter[str] = Counter()
    seconds = dict.fromkeys(chosen, 0.0)
    for each in range(count):
        mine = fold == each
        others, facts = data.at(~mine), data.facts[mine]
        begun = time.process_time()
        trained = train(scores(others.choices(), data.costs, seed), seed)
        chosen[OURS][mine] = trained.chosen(facts)
        seconds[OURS] += time.process_time() - begun
        verdicts[trained.verdict.verdict] += 1
        for name, peer in (*PEERS.items(), (_PROPENSITY, propensity)):
            begun = time.process_time()
            added = peer(others.facts, others.arms, others.rewards, len(data.costs))(facts)
            priced = added if peer is propensity else added - data.costs
            chosen[name][mine] = priced.argmax(axis=1)
            seconds[name] += time.process_time() - begun
    value = {name: data.value(each) for name, each in chosen.items()}
    arms = range(len(data.costs))
    constants = {str(arm): data.value(np.full(len(fold), arm)) for arm in arms}
    # By hand: women's mail, the last arm, to who bought women's things before.
    hand = np.where(data.facts[:, BOUGHT_WOMENS] > 0, len(data.costs) - 1, NOTHING)
    return Tried(value, constants, data.value(hand), data.error(chosen[OURS]), verdicts, seconds)
