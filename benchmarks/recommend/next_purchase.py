"""What households of Complete Journey buy next: things bought before and new ones, ranked beside simpler rankings.

Protocol, fixed beforehand. Things are types of product bought before week 50. Known are weeks 1 to 49, to be foreseen weeks 50 to 53, of
households with purchases in both. NDCG@10 with equal gains: over all things, and over those that a household had not bought before
(hit@10 as well), for households that bought such a one. Labels of our training are of weeks 38 to 49, in three windows of four weeks; settings
were chosen on weeks 46 to 49 with everything before known. The peers see the same weeks. One customer: from his purchases to both ranked
lists, wall time after ten rounds to warm up.

"As decisions rank it": two logistic regressions on what a decision knows of a customer, in place of his whole history; inputs were chosen on week 46.
The other rows are what his whole history would allow.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.recommend.journey_types import lines
from benchmarks.report import Row
from fieldwise_recommend.core.next_purchase import shortlist_learning
from fieldwise_recommend.core.next_purchase.history import History, Table, history_of
from fieldwise_recommend.core.next_purchase.ranking import Candidates, Learning, Ranker, learn
from fieldwise_recommend.core.next_purchase.shortlist import Find, Habit, Tables
from fieldwise_recommend.core.next_purchase.signs import Signs, signs_at

WEEK: Final = 50
TOP: Final = 10
PEERS: Final = {
    "own_10000d": "own frequency",
    "faded": "own frequency, faded",
    "popular": "popularity",
    "ease": "EASE",
    "neighbours": "BM25 neighbours",
}
Flags = NDArray[np.bool_]


def rows(*, quick: bool) -> Iterator[Row]:
    history = journey()
    day = 7 * WEEK
    begun = time.process_time()
    # A quick run learns from one window instead of three.
    ranker = learn(history, day, Learning(cutoffs=1 if quick else 3))
    trained = time.process_time() - begun
    signs = signs_at(history, ranker.things, day)
    bought = np.asarray(history.between(day, day + 28).table() > 0)
    bought[:, ~signs.owned.any(axis=0)] = False
    known = np.asarray(signs.owned.any(axis=1))
    fresh = spread(ranker.discoveries(signs), signs)
    ours = np.maximum(spread(ranker.repeats(signs), signs), fresh)
    new: Flags = bought & ~signs.owned
    everybody = np.asarray(known & bought.any(axis=1))
    discovering = np.asarray(known & new.any(axis=1))
    yield Row("next purchase, households", int(everybody.sum()), "count")
    yield from compared("all", ours, bought, everybody, signs, np.ones_like(bought), (0.54, 0.56))
    yield from compared("never bought", fresh, new, discovering, signs, ~signs.owned, (0.093, 0.1))
    hit = 100 * (hits(fresh, new, discovering))
    yield Row("next purchase, never bought: one of ten is bought", hit, "%", "stretch", ">= 50")
    yield Row("next purchase, training, CPU", trained, "s", "stretch", "<= 60")
    yield from one_customer(ranker, history, day, rounds=200 if quick else 1_000)
    yield from as_served(history, day, quick=quick)


def as_served(history: History, day: int, *, quick: bool) -> Iterator[Row]:
    """What decisions rank: the thirty types that he bought on most days and the 23 most popular that he never bought."""
    begun = time.process_time()
    names = tuple(map(str, range(history.things)))
    tables, repeat_fit, new_fit = shortlist_learning.learn(
        history, names, day, shortlist_learning.Sight(cutoffs=1 if quick else 3)
    )
    yield Row("next purchase, as decisions rank it, training, CPU", time.process_time() - begun, "s")
    things = shortlist_learning.things_at(history, day)
    repeats, finds = shortlist_learning.seen(history, things, day, shortlist_learning.Sight())
    owned = history.before(day).table() > 0
    bought = np.asarray(history.between(day, day + 28).table() > 0)
    bought[:, ~owned.any(axis=0)] = False
    known = owned.any(axis=1)
    new: Flags = bought & ~owned
    fresh = _scored(finds, tables.discovery, owned)
    ours = np.maximum(_scored(repeats, tables.repeat, owned), fresh)
    everybody, discovering = np.asarray(known & bought.any(axis=1)), np.asarray(known & new.any(axis=1))
    frequent = np.where(owned, history.before(day).table(), -np.inf)
    popular = np.where(~owned, things.share.astype(np.float32), -np.inf)
    for of, scores, truth, whom, peer, simpler, must in (
        ("all", ours, bought, everybody, "own frequency", frequent, 0.54),
        ("never bought", fresh, new, discovering, "popularity", popular, 0.093),
    ):
        name = f"next purchase, as decisions rank it, {of}: NDCG@{TOP}"
        yield Row(name, gain(scores, truth, whom), "", "must", f">= {must:g}")
        yield Row(name, gain(scores, truth, whom), "", "info", "", peer, gain(simpler, truth, whom))
    for kind, fit in (("repeats", repeat_fit), ("discoveries", new_fit)):
        if fit.base:
            share = 100 * (1 - fit.loss / fit.base)
            yield Row(
                f"next purchase, as decisions rank it, {kind}: log loss under the base rate's", share, "%"
            )
    yield from one_served(tables, names, rounds=400 if quick else 4_000)


def _scored(cases: shortlist_learning.Cases, weights: tuple[float, ...], owned: Flags) -> Table:
    scores = np.full(owned.shape, -np.inf, np.float32)
    scores[cases.customer, cases.thing] = weights[0] + cases.inputs @ np.array(weights[1:])
    return scores


def one_served(tables: Tables, names: tuple[str, ...], *, rounds: int) -> Iterator[Row]:
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
    yield Row("next purchase, as decisions rank it, one customer, p50", float(p50), "ms")
    yield Row("next purchase, as decisions rank it, one customer, p99", float(p99), "ms", "stretch", "<= 3")
    yield Row("next purchase, as decisions rank it, one customer, p99 of processor time", processor, "ms")


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


def compared(
    of: str,
    ours: Table,
    bought: Flags,
    whom: Flags,
    signs: Signs,
    allowed: Flags,
    targets: tuple[float, float],
) -> Iterator[Row]:
    """Ours with both targets and beside each peer, which ranks the same things."""
    own = gain(ours, bought, whom)
    name = f"next purchase, {of}: NDCG@{TOP}"
    yield Row(name, own, "", "must", f">= {targets[0]:g}")
    yield Row(name, own, "", "stretch", f">= {targets[1]:g}")
    for table, peer in PEERS.items():
        if of == "never bought" and table in ("own_10000d", "faded"):
            continue
        scores = np.where(allowed, np.broadcast_to(signs.tables[table], allowed.shape), -np.inf)
        yield Row(name, own, "", "info", "", peer, gain(scores, bought, whom))


def top(scores: Table, whom: Flags) -> NDArray[np.intp]:
    return np.argsort(-scores[whom], axis=1, kind="stable")[:, :TOP]


def gain(scores: Table, bought: Flags, whom: Flags) -> float:
    """NDCG of the first ten: what was bought counts 1 / log2(place + 1), over the most that could be had."""
    worth = 1 / np.log2(np.arange(TOP) + 2)
    truth = bought[whom]
    had = np.take_along_axis(truth, top(scores, whom), axis=1) @ worth
    most = np.cumsum(worth)[np.minimum(truth.sum(axis=1), TOP) - 1]
    return float((had / most).mean())


def hits(scores: Table, bought: Flags, whom: Flags) -> float:
    return float(np.take_along_axis(bought[whom], top(scores, whom), axis=1).any(axis=1).mean())


def one_customer(ranker: Ranker, history: History, day: int, *, rounds: int) -> Iterator[Row]:
    known = history.before(day)
    took = []
    for number in range(rounds + 10):
        own = known.of_customers(number % history.customers, number % history.customers + 1)
        begun = time.perf_counter()
        signs = signs_at(own, ranker.things, day)
        ranker.repeats(signs)
        ranker.discoveries(signs)
        took.append(time.perf_counter() - begun)
    p50, p99 = 1e3 * np.percentile(took[10:], [50, 99])
    yield Row("next purchase, one customer, p50", float(p50), "ms")
    yield Row("next purchase, one customer, p99", float(p99), "ms", "stretch", "<= 3")
