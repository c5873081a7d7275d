"""What customers want and when: learned dwell thresholds, next categories and hours against markets whose truth is known.

Tuned on seeds 1-3, reported on seeds 11-13. Next categories also on Complete Journey, where nobody browses: 302 categories, purchases of
the last 28 days.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.forecast.journey_behaviour import journey_behaviour
from benchmarks.forecast.market_behaviour import behaviour_of, micros
from benchmarks.report import Row
from fieldwise_forecast.core.interest import contact_time
from fieldwise_forecast.core.interest.behaviour import Behaviour
from fieldwise_forecast.core.interest.dwell import Threshold, thresholds
from fieldwise_forecast.core.interest.next_category import fit, hits, losses, rivals
from fieldwise_market.world import World, make_world

Flags = NDArray[np.bool_]
SEEDS = (11, 12, 13)
CUSTOMERS, DAYS = 2000, 365


def rows(*, quick: bool) -> Iterator[Row]:
    seeds = SEEDS[:1] if quick else SEEDS
    worlds = [make_world(seed, customers=CUSTOMERS, days=DAYS) for seed in seeds]
    markets = [(world, behaviour_of(world)) for world in worlds]
    yield from dwell(markets)
    yield from contacts(markets)
    for world, behaviour in markets[:1]:
        yield from categories("market, 12 categories", behaviour, micros(world.end))
    if not quick:
        yield from categories("Complete Journey", *journey_behaviour())


def dwell(markets: list[tuple[World, Behaviour]]) -> Iterator[Row]:
    held: list[bool] = []
    off: list[float] = []
    width: list[float] = []
    begun = time.process_time()
    for world, behaviour in markets:
        truth = dict(zip(world.truth.categories, world.truth.dwell_threshold_ms.tolist(), strict=True))
        found = thresholds(behaviour, micros(world.end))
        if world is markets[0][0]:
            yield from by_category(found, truth)
        for each in found:
            if each.enough_evidence:
                held.append(each.low90_ms <= truth[each.category] <= each.high90_ms)
                off.append(abs(each.dwell_ms / truth[each.category] - 1))
                width.append((each.high90_ms - each.low90_ms) / truth[each.category])
    seconds = (time.process_time() - begun) / len(markets)
    planted = 12 * len(markets)
    yield Row(f"dwell thresholds found of {planted} planted", 100 * len(held) / planted, "%", "must", ">= 80")
    yield Row(
        "dwell thresholds: 90 % intervals that hold the truth",
        100 * float(np.mean(held)),
        "%",
        "must",
        ">= 80",
    )
    yield Row("dwell thresholds: median distance from the truth", 100 * float(np.median(off)), "%")
    yield Row("dwell thresholds: median width of the interval", 100 * float(np.median(width)), "%")
    yield Row("dwell thresholds: CPU of a market of 2,000 customers", seconds, "s")
    yield Row("dwell thresholds found in shuffled times", 100 * feigned(*markets[0]), "%", "must", "<= 10")


def by_category(found: list[Threshold], truth: dict[str, int]) -> Iterator[Row]:
    """Each threshold with its 90 % interval, beside the planted one."""
    for each in found:
        interval = f"{each.low90_ms / 1000:.1f} to {each.high90_ms / 1000:.1f} s"
        words = f"90 % interval {interval}" if each.enough_evidence else "not enough evidence"
        planted = truth[each.category] / 1000
        yield Row(
            f"dwell threshold, {each.category}: {words}",
            each.dwell_ms / 1000,
            "s",
            peer="planted",
            peer_value=planted,
        )


def feigned(world: World, behaviour: Behaviour) -> float:
    """Share of categories with a threshold when times on the page are shuffled over all views."""
    rng = np.random.default_rng(1)
    timed = np.flatnonzero(behaviour.dwell >= 0)
    dwell_ms = behaviour.dwell.copy()
    dwell_ms[timed] = dwell_ms[rng.permutation(timed)]
    columns = (behaviour.customer, behaviour.time, behaviour.kind, behaviour.category, behaviour.product)
    shuffled = Behaviour(behaviour.customers, behaviour.words, *columns, dwell_ms, behaviour.weight)
    found: list[Threshold] = thresholds(shuffled, micros(world.end))
    return float(np.mean([each.enough_evidence for each in found]))


def contacts(markets: list[tuple[World, Behaviour]]) -> Iterator[Row]:
    own, everybody, sure = (np.concatenate(part) for part in zip(*map(hours, markets), strict=True))
    yield Row("best time: customers with a time of their own", 100 * float(sure.mean()), "%")
    name = "best time: usual hour within the three hours named"
    yield Row(
        name,
        100 * float(own.mean()),
        "%",
        "must",
        ">= 90",
        "everybody's best time",
        100 * float(everybody.mean()),
    )


def hours(market: tuple[World, Behaviour]) -> tuple[Flags, Flags, Flags]:
    """Whether each customer's usual hour lies in his window, in everybody's, and whether he got one of his own."""
    world, behaviour = market
    pattern = contact_time.learned(behaviour)
    counts = zip(*contact_time.counts_of(behaviour), strict=True)
    found = [contact_time.best_time(pattern, *each) for each in counts]
    usual = world.truth.usual_hour
    begins = np.array([each.from_hour for each in found])
    popular = int(np.argmax(contact_time.circular(pattern.hours)))
    inside = (usual - begins) % 24 < contact_time.WINDOW_HOURS
    return (
        inside,
        (usual - popular) % 24 < contact_time.WINDOW_HOURS,
        np.array([each.enough_evidence for each in found]),
    )


def categories(of: str, behaviour: Behaviour, until: int) -> Iterator[Row]:
    begun = time.process_time()
    model, _, test = fit(behaviour, until)
    seconds = time.process_time() - begun
    chances = model.chances(test.inputs)
    loss, top = float(losses(chances, test).mean()), 100 * hits(chances, test)
    for name, rival in rivals(test).items():
        peer_loss = float(losses(rival, test).mean())
        yield Row(
            f"next category, {of}: log loss over that of {name}",
            loss / peer_loss,
            "x",
            "must",
            "< 1",
            name,
            1.0,
        )
        yield Row(
            f"next category, {of}: likeliest is bought", top, "%", "info", "", name, 100 * hits(rival, test)
        )
    yield Row(f"next category, {of}: CPU of a training", seconds, "s")
