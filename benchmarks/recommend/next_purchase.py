"""What households of Complete Journey buy next: things bought before and new ones, ranked beside simpler rankings.

Protocol, fixed beforehand. Things are types of product bought before week 50. Known are weeks 1 to 49, to be foreseen weeks 50 to 53, of
households with purchases in both. NDCG@10 with equal gains: over all things, and over those that a household had not bought before
(hit@10 as well), for households that bought such a one. Labels of our training are of weeks 38 to 49, in three windows of four weeks; settings
were chosen on weeks 46 to 49 with everything before known. The peers see the same weeks. One customer: from his purchases to both ranked
lists, wall time after ten rounds to warm up.

Ours is what decisions rank: two logistic regressions on what a decision knows of a customer; inputs were chosen on week 46. Boosted trees on his whole
history (`whole_history`) are a peer like the others: they say what more knowledge would allow.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.recommend.journey_types import lines
from benchmarks.recommend.whole_history.ranking import Candidates, Learning, learn
from benchmarks.recommend.whole_history.signs import Signs, signs_at
from benchmarks.report import Row
from fieldwise_recommend.core.arrays import Bools
from fieldwise_recommend.core.next_purchase import shortlist_learning
from fieldwise_recommend.core.next_purchase.history import History, Table, history_of
from fieldwise_recommend.core.next_purchase.shortlist import Find, Habit, Tables
from fieldwise_recommend.core.next_purchase.shortlist_learning import Sight

WEEK: Final = 50
TOP: Final = 10
PEERS: Final = {
    "own_10000d": "own frequency",
    "faded": "own frequency, faded",
    "popular": "popularity",
    "ease": "EASE",
    "neighbours": "BM25 neighbours",
}
BOOSTED: Final = "boosted trees, whole history"
# What ranks only what a customer bought before.
OWN_ONLY: Final = ("own frequency", "own frequency, faded")


def rows(*, quick: bool) -> Iterator[Row]:
    history, day = journey(), 7 * WEEK
    # A quick run learns from one window instead of three.
    cutoffs = 1 if quick else 3
    names = tuple(map(str, range(history.things)))
    begun = time.process_time()
    tables, repeat_fit, new_fit = shortlist_learning.learn(history, names, day, Sight(cutoffs=cutoffs))
    trained = time.process_time() - begun
    repeats, finds = shortlist_learning.seen(
        history, shortlist_learning.things_at(history, day), day, Sight()
    )
    owned = history.before(day).table() > 0
    bought = np.asarray(history.between(day, day + 28).table() > 0)
    bought[:, ~owned.any(axis=0)] = False
    fresh = _scored(finds, tables.discovery, owned)
    ours = np.maximum(_scored(repeats, tables.repeat, owned), fresh)
    new: Bools = bought & ~owned
    everybody = np.asarray(owned.any(axis=1) & bought.any(axis=1))
    discovering = np.asarray(owned.any(axis=1) & new.any(axis=1))
    peers = rivals(history, day, cutoffs)
    yield Row("next purchase, households", int(everybody.sum()), "count")
    yield from compared("all", gains(ours, peers, bought, everybody, 0), (0.54, 0.56))
    unseen = {
        name: (whole, np.where(owned, -np.inf, of_new))
        for name, (whole, of_new) in peers.items()
        if name not in OWN_ONLY
    }
    yield from compared("never bought", gains(fresh, unseen, new, discovering, 1), (0.093, 0.1))
    hit = 100 * hits(fresh, new, discovering)
    yield Row("next purchase, never bought: one of ten is bought", hit, "%", "stretch", ">= 50")
    for kind, fit in (("repeats", repeat_fit), ("discoveries", new_fit)):
        if fit.base:
            share = 100 * (1 - fit.loss / fit.base)
            yield Row(f"next purchase, {kind}: log loss under the base rate's", share, "%")
    yield Row("next purchase, training, CPU", trained, "s", "stretch", "<= 60")
    yield from one_customer(tables, names, rounds=400 if quick else 4_000)


def rivals(history: History, day: int, cutoffs: int) -> dict[str, tuple[Table, Table]]:
    """Scores of the peers by name: of all things, and of new ones."""
    ranker = learn(history, day, Learning(cutoffs=cutoffs))
    signs = signs_at(history, ranker.things, day)
    fresh = spread(ranker.discoveries(signs), signs)
    found = {BOOSTED: (np.maximum(spread(ranker.repeats(signs), signs), fresh), fresh)}
    for table, name in PEERS.items():
        scores = np.broadcast_to(signs.tables[table], signs.owned.shape)
        found[name] = (scores, scores)
    return found


def _scored(cases: shortlist_learning.Cases, weights: tuple[float, ...], owned: Bools) -> Table:
    scores = np.full(owned.shape, -np.inf, np.float32)
    scores[cases.customer, cases.thing] = weights[0] + cases.inputs @ np.array(weights[1:])
    return scores


def one_customer(tables: Tables, names: tuple[str, ...], *, rounds: int) -> Iterator[Row]:
    """Both lists of one customer, with thirty categories and 23 that are new to him, from plain facts to both rankings."""
    rng = np.random.default_rng(1)
    took, used = [], []
    for _ in range(rounds + 10):
        picked = [names[number] for number in rng.choice(len(names), 53, replace=False)]
        habits = [Habit(name, 40 - place, 2.0 + place, 5.0) for place, name in enumerate(picked[:30])]
        finds = [Find(name, 0.2) for name in picked[30:]]
        begun, processed = time.perf_counter(), time.thread_time()
        tables.repeats(habits, 60, 2.0)
        tables.discoveries(finds, habits, 60, 2.0)
        used.append(time.thread_time() - processed)
        took.append(time.perf_counter() - begun)
    p50, p99 = 1e3 * np.percentile(took[10:], [50, 99])
    processor = 1e3 * float(np.percentile(used[10:], 99))
    yield Row("next purchase, one customer, p50", float(p50), "ms")
    yield Row("next purchase, one customer, p99", float(p99), "ms", "stretch", "<= 3")
    yield Row("next purchase, one customer, p99 of processor time", processor, "ms")


def journey() -> History:
    """Days are 7 x the week and the weekday within it: the source's weeks begin within a day."""
    bought = lines()
    first = np.zeros(54, np.int64)
    for week in np.unique(bought.week):
        first[week] = bought.day[bought.week == week].min()
    day = 7 * bought.week + np.clip(bought.day - first[bought.week], 0, 6)
    group = np.unique(bought.group, return_inverse=True)[1]
    customers = int(bought.household.max()) + 1
    return history_of(bought.household, bought.kind, day, customers=customers, group=group)


def spread(found: tuple[Candidates, Table], signs: Signs) -> Table:
    """The chances as a table of customers by things; what is no candidate comes last."""
    candidates, chance = found
    scores = np.full(signs.owned.shape, -np.inf, np.float32)
    scores[candidates.customer, candidates.thing] = chance
    return scores


def gains(
    ours: Table, peers: dict[str, tuple[Table, Table]], bought: Bools, whom: Bools, kind: int
) -> dict[str, float]:
    """NDCG of ours, named by nothing, and of each peer."""
    return {"": gain(ours, bought, whom)} | {
        name: gain(scores[kind], bought, whom) for name, scores in peers.items()
    }


def compared(of: str, found: dict[str, float], targets: tuple[float, float]) -> Iterator[Row]:
    """Ours with both targets, and beside each peer, which ranks the same things."""
    name, own = f"next purchase, {of}: NDCG@{TOP}", found.pop("")
    yield Row(name, own, "", "must", f">= {targets[0]:g}")
    yield Row(name, own, "", "stretch", f">= {targets[1]:g}")
    for peer, theirs in found.items():
        yield Row(name, own, "", "info", "", peer, theirs)


def top(scores: Table, whom: Bools) -> NDArray[np.intp]:
    return np.argsort(-scores[whom], axis=1, kind="stable")[:, :TOP]


def gain(scores: Table, bought: Bools, whom: Bools) -> float:
    """NDCG of the first ten: what was bought counts 1 / log2(place + 1), over the most that could be had."""
    worth = 1 / np.log2(np.arange(TOP) + 2)
    truth = bought[whom]
    had = np.take_along_axis(truth, top(scores, whom), axis=1) @ worth
    most = np.cumsum(worth)[np.minimum(truth.sum(axis=1), TOP) - 1]
    return float((had / most).mean())


def hits(scores: Table, bought: Bools, whom: Bools) -> float:
    return float(np.take_along_axis(bought[whom], top(scores, whom), axis=1).any(axis=1).mean())
