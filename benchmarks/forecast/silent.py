"""Silent customers of simulated markets: how well P(silent) and P(return) hold, and what a contact wins back beside a control group.

Protocol, fixed on worlds of seeds 1 to 3: worlds of seeds 11 to 13. Each question is fitted as the service fits it, on weekly cut-offs of
the year, and judged on the last window, which no part of it has seen. At the world's end a coin contacts half of those who are away (past
their rhythm, or 28 days without a purchase) by one coupon; each shows only the future that then happens. The truth, which
only the score reads, says what a contact adds; trials with other coins and other luck say how often an interval holds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Final, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.forecast.market_features import COLUMNS, market_snapshots
from benchmarks.report import Row
from fieldwise_forecast.core import fitting
from fieldwise_forecast.core.features import DAYS_SINCE_PURCHASE, Floats, Mask, Snapshot
from fieldwise_forecast.core.measures import auc, debiased_ece, log_loss
from fieldwise_forecast.core.probability import ProbabilityModel, from_file, probability
from fieldwise_forecast.core.questions import RETURNS, SILENT, Question, away, labelled
from fieldwise_market.trial import Responses, respond
from fieldwise_market.world import World, make_world

SEEDS: Final = (11, 12, 13)
QUICK_SEEDS: Final = (11,)
CUSTOMERS: Final = 2_000
QUICK_CUSTOMERS: Final = 1_000
ACTION: Final = "coupon"
# Of those away, the share that a budget reaches when it goes by a ranking.
BUDGET: Final = 0.2
TRIALS: Final = 1_000
# The normal quantile of a two-sided interval of 95 %.
Z: Final = 1.959964
SEED: Final = 34


@dataclass(frozen=True)
class Judged:
    """Answers of one question on the last window, beside what came."""

    labels: Floats
    said: Floats
    base_rate: Floats
    silence: Floats  # days since the last purchase
    refused: int = 0


@dataclass(frozen=True)
class Away:
    """Who is away at the end of one world, by his row in the truth, and the probability that he returns by himself."""

    world: World
    customers: NDArray[np.int64]
    returns: Floats

    def futures(self, seed: int, days: float = 14) -> Responses:
        return respond(self.world, self.customers, ACTION, seed, days)


class Difference(NamedTuple):
    """Share of the contacted and of the control who bought, and the 95 % interval of the difference."""

    contacted: float
    control: float
    low: float
    high: float

    def holds(self, true: float) -> bool:
        return self.low <= true <= self.high


def rows(*, quick: bool) -> Iterator[Row]:
    begun = process_time()
    found = [_of_world(seed, quick) for seed in (QUICK_SEEDS if quick else SEEDS)]
    yield from _calibration(SILENT, [silent for silent, _, _ in found])
    yield from _calibration(RETURNS, [returns for _, returns, _ in found])
    silent = [each for _, _, each in found]
    yield from _at_the_end(silent)
    yield from _won_back(silent)
    yield from _intervals(silent)
    yield from _by_ranking(silent)
    yield Row("the whole part", process_time() - begun, "CPU s")


def _of_world(seed: int, quick: bool) -> tuple[Judged, Judged, Away]:
    world = make_world(seed, QUICK_CUSTOMERS if quick else CUSTOMERS)
    snapshots = market_snapshots(world)
    silent, _ = _judged(SILENT, snapshots)
    returns, model = _judged(RETURNS, snapshots)
    return silent, returns, _away(world, snapshots[-1], model)


def _judged(question: Question, snapshots: Sequence[Snapshot]) -> tuple[Judged, ProbabilityModel]:
    trained = fitting.fit(question, COLUMNS, snapshots, None, process_time, lambda _: None)
    model = from_file(trained.file)
    test = labelled(question, COLUMNS, snapshots)[-1]
    return Judged(
        test.labels,
        _said(model, test.features),
        np.full(len(test.labels), trained.report.base_rate),
        test.features[:, COLUMNS.column(DAYS_SINCE_PURCHASE)],
        int(bool(trained.refusal)),
    ), model


def _said(model: ProbabilityModel, features: Floats) -> Floats:
    return probability(model.log_odds(features.astype(np.float32)))


def _away(world: World, end: Snapshot, model: ProbabilityModel) -> Away:
    place = {name: row for row, name in enumerate(world.customers)}
    are_away = np.flatnonzero(away(COLUMNS, end.values))
    customers = np.array([place[end.customers[row]] for row in are_away])
    return Away(world, customers, _said(model, end.values[are_away]))


def _calibration(question: Question, worlds: Sequence[Judged]) -> Iterator[Row]:
    labels, said, base_rate, silence = (
        np.concatenate([getattr(each, name) for each in worlds])
        for name in ("labels", "said", "base_rate", "silence")
    )
    gap = debiased_ece(labels, said, np.random.default_rng(SEED))
    flat = debiased_ece(labels, base_rate, np.random.default_rng(SEED))
    name = question.model
    yield Row(
        f"{name}: debiased calibration error, last window", gap, "", "must", "<= 0.05", "base rate", flat
    )
    # Neither direction is wrong by itself: the longer away, the likelier over his threshold, the less likely back.
    by_silence = auc(labels, silence)
    yield Row(
        f"{name}: AUC", auc(labels, said), "", peer="days away", peer_value=max(by_silence, 1 - by_silence)
    )
    yield Row(
        f"{name}: log loss",
        log_loss(labels, said),
        "nats",
        peer="base rate",
        peer_value=log_loss(labels, base_rate),
    )
    yield Row(
        f"{name}: share that came so, of {len(labels)}",
        float(labels.mean()),
        "share",
        peer="said",
        peer_value=float(said.mean()),
    )
    refused = sum(each.refused for each in worlds)
    yield Row(f"{name}: models that the check against the base rate refuses", refused, f"of {len(worlds)}")


def _at_the_end(worlds: Sequence[Away]) -> Iterator[Row]:
    """What is said of those away when contacts are given, against the purchases that they plan."""
    comes = np.concatenate([each.futures(SEED, RETURNS.window.days).without for each in worlds]).astype(float)
    said = np.concatenate([each.returns for each in worlds])
    yield Row("returns-28d at the world's end, against planned purchases: AUC", auc(comes, said), "")
    gap = debiased_ece(comes, said, np.random.default_rng(SEED))
    yield Row("returns-28d at the world's end: debiased calibration error", gap, "")


def _won_back(worlds: Sequence[Away]) -> Iterator[Row]:
    without, contacted, planted = _pooled(worlds, SEED)
    found = _trial(without, contacted, np.random.default_rng(SEED))
    true = float(planted.mean())
    yield Row(
        f"reactivated within 14 days, contacted by {ACTION}, half of {len(without)}",
        100 * found.contacted,
        "%",
    )
    yield Row("reactivated, control", 100 * found.control, "%")
    yield Row(
        "reactivated, difference",
        100 * (found.contacted - found.control),
        "points",
        peer="planted",
        peer_value=100 * true,
    )
    yield Row("... lower end of the 95 % interval", 100 * found.low, "points")
    yield Row("... upper end", 100 * found.high, "points")
    yield Row("95 % interval holds the true difference", float(found.holds(true)), "1 = yes", "must", ">= 1")
    honest = found.low <= 0 or true > 0
    yield Row("interval above 0 only if the planted effect is", float(honest), "1 = yes", "must", ">= 1")


def _pooled(worlds: Sequence[Away], seed: int) -> tuple[Mask, Mask, Floats]:
    """Of all worlds: who buys left alone, who buys contacted, and by how much a contact raises each one's probability."""
    futures = [each.futures(seed) for each in worlds]
    return (
        np.concatenate([each.without for each in futures]),
        np.concatenate([each.with_contact for each in futures]),
        np.concatenate([each.probability_with - each.probability_without for each in futures]),
    )


def _trial(without: Mask, contacted: Mask, rng: Generator) -> Difference:
    """A coin chooses whose future with a contact is seen; the variances of both groups are added."""
    chosen = rng.permutation(len(without)) < len(without) // 2
    moved, left = contacted[chosen], without[~chosen]
    half = Z * float(np.sqrt(moved.var(ddof=1) / len(moved) + left.var(ddof=1) / len(left)))
    gain = float(moved.mean() - left.mean())
    return Difference(float(moved.mean()), float(left.mean()), gain - half, gain + half)


def _intervals(worlds: Sequence[Away]) -> Iterator[Row]:
    """The same trial over and over, and one with a contact that does nothing."""
    rng = np.random.default_rng([SEED, 1])
    held, honest = [], []
    for seed in range(TRIALS):
        without, contacted, planted = _pooled(worlds, seed)
        held.append(_trial(without, contacted, rng).holds(float(planted.mean())))
        honest.append(_trial(without, without, rng).holds(0.0))
    # Nominal is .95; three standard errors of 1,000 trials less.
    for metric, shares in (
        (f"intervals that hold the true difference, of {TRIALS} trials", held),
        (f"... that hold 0 when the contact does nothing, of {TRIALS} trials", honest),
    ):
        yield Row(metric, float(np.mean(shares)), "share", "must", ">= 0.93")


def _by_ranking(worlds: Sequence[Away]) -> Iterator[Row]:
    """By the truth's probabilities, so without the luck of a draw; at random is then the mean over everybody."""
    alone = np.concatenate([each.futures(SEED).probability_without for each in worlds])
    added = _pooled(worlds, SEED)[2]
    ranking = np.argsort(-np.concatenate([each.returns for each in worlds]), kind="stable")
    budget = round(BUDGET * len(added))
    for whom, chosen in (("likeliest", ranking[:budget]), ("least likely", ranking[-budget:])):
        for metric, of_each in (("reactivated", alone + added), ("won back by it", added)):
            yield Row(
                f"a fifth contacted, the {whom} to return: {metric}",
                100 * float(of_each[chosen].mean()),
                "%",
                peer="at random",
                peer_value=100 * float(of_each.mean()),
            )
        yield Row(
            f"all who are away, the {whom} fifth contacted: reactivated",
            100 * float(alone.mean() + BUDGET * added[chosen].mean()),
            "%",
            peer="at random",
            peer_value=100 * float(alone.mean() + BUDGET * added.mean()),
        )
