"""Worlds in which it is known what was caused: planted lifts, reps who pick the good customers, choices by chance.

Fixed before anything was measured with it. Customers differ in how active they are; what they spend before and after hangs on it. Control is
drawn at 5 %; of the others a rep acts on the more active ones more often, so that who was acted on spends more whatever acting brings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldwise_recommend.core.arrays import Bools, Floats
from fieldwise_recommend.core.choices import BEST, CHANCE, CONTROL
from fieldwise_recommend.core.experience import DAY, KINDS, Experience
from fieldwise_recommend.core.results import BOUGHT, HAD_BOUGHT

CONTROL_SHARE = 0.05
DAYS = 60
START = 1_500_000_000_000_000
CALL, ALONE = "actions/call", "actions/leave-alone"
EXPLORED = (ALONE, "actions/a", "actions/b", "actions/c")
EXPLORATION = 0.2


@dataclass(frozen=True)
class Planted:
    """Customers in order of their decision: day, group, who was acted on, money before and after."""

    day: NDArray[np.int64]
    treated: Bools
    acted: Bools
    before: Floats
    money: Floats


@cache
def truths() -> tuple[float, float]:
    """Mean money of a window, and the mean of what those acted on spend in it, by two million customers."""
    rng = np.random.default_rng(20_261_122)
    activity = _activity(rng, 2_000_000)
    money = _window(rng, activity)
    return float(money.mean()), float((money * _acts(rng, activity)).mean())


def effect_of(lift: float) -> float:
    """What the planted lift adds to the mean of everybody who is not in the control group."""
    return lift * truths()[0]


def planted(seed: int, customers: int, lift: float) -> Planted:
    """A world; acting adds so much money that the mean of all treated rises by ``lift``."""
    rng = np.random.default_rng(seed)
    activity = _activity(rng, customers)
    treated = rng.random(customers) >= CONTROL_SHARE
    acted = treated & _acts(rng, activity)
    before = sum((_window(rng, activity) for _ in range(3)), np.zeros(customers))
    money = _window(rng, activity)
    whole, of_acted = truths()
    money *= 1.0 + np.where(acted, lift * whole / of_acted * rng.exponential(1.0, customers), 0.0)
    return Planted(np.sort(rng.integers(0, DAYS, customers)), treated, acted, before, money)


def measured_again(seed: int, customers: int, weeks: int) -> Iterator[tuple[Bools, Floats, Floats]]:
    """The same customers week after week, nothing caused: who is treated, mean money so far, money before."""
    rng = np.random.default_rng(seed)
    activity = _activity(rng, customers)
    treated = rng.random(customers) >= CONTROL_SHARE
    before = sum((_window(rng, activity) for _ in range(3)), np.zeros(customers))
    total = np.zeros(customers)
    for week in range(1, weeks + 1):
        total = total + _window(rng, activity)
        yield treated, total / week, before


def as_experience(world: Planted) -> Experience:
    """The world as recommend records it: one decision for each customer."""
    count = len(world.day)
    zeros, ones = np.zeros(count, dtype=np.int64), np.ones(count, dtype=np.int64)
    flags = BOUGHT * (world.money > 0) | HAD_BOUGHT * (world.before > 0)
    said = {kind: np.zeros(count, dtype=np.bool_) for kind in KINDS} | {"acted": world.acted}
    return _experience(
        time=START + world.day * DAY,
        action=np.where(world.treated, 0, 1),
        actions=[CALL, ALONE],
        arm=np.where(world.treated, BEST, CONTROL),
        probability=np.ones(count),
        by_rep=ones,
        open=zeros,
        open_sets=[frozenset({CALL, ALONE})],
        money=world.money,
        money_before=world.before,
        purchase_days=(world.money > 0).astype(np.float64),
        flags=flags.astype(np.int64),
        said=said,
    )


def explored(seed: int, customers: int) -> tuple[Experience, dict[str, float]]:
    """Decisions of which chance makes a fifth, among four actions, and the money that each action really adds.

    The policy gives the more active the first action: those who get it by policy spend more whatever it brings.
    """
    rng = np.random.default_rng(seed)
    activity = _activity(rng, customers)
    added = np.column_stack([np.zeros(customers), 4 * activity, 8 - 4 * activity, -2 * activity])
    best = np.where(activity > 1.0, 1, 0)
    by_chance = rng.random(customers) < EXPLORATION
    action = np.where(by_chance, rng.integers(0, 4, customers), best)
    money = _window(rng, activity) + added[np.arange(customers), action]
    before = sum((_window(rng, activity) for _ in range(3)), np.zeros(customers))
    probability = np.where(action == best, 1 - EXPLORATION * 3 / 4, EXPLORATION / 4)
    found = _experience(
        time=START + np.arange(customers),
        action=action,
        actions=list(EXPLORED),
        arm=np.where(by_chance, CHANCE, BEST),
        probability=probability,
        by_rep=np.zeros(customers, dtype=np.int64),
        open=np.zeros(customers, dtype=np.int64),
        open_sets=[frozenset(EXPLORED)],
        money=money,
        money_before=before,
        purchase_days=np.ones(customers),
        flags=np.full(customers, BOUGHT | HAD_BOUGHT),
        said={kind: np.zeros(customers, dtype=np.bool_) for kind in KINDS},
    )
    return found, dict(zip(EXPLORED, (0.0, 4.0, 4.0, -2.0), strict=True))


def _experience(**columns: Any) -> Experience:
    count = len(columns["time"])
    zeros, unknown = np.zeros(count), np.full(count, np.nan)
    return Experience(
        customer=np.arange(count),
        customers=[f"customers/{number}" for number in range(count)],
        rep=np.zeros(count, dtype=np.int64),
        reps=["reps/wang"],
        p_buy=np.full(count, 0.5),
        p_silent=np.full(count, 0.1),
        baseline=zeros,
        effect=zeros,
        value=zeros,
        campaigns=np.zeros(count, dtype=np.int64),
        campaign_sets=[{}],
        score=unknown,
        acted_after=unknown,
        **columns,
    )


def _activity(rng: np.random.Generator, count: int) -> Floats:
    """How active each is: mean 1, right-skewed."""
    return rng.gamma(2.0, 0.5, count)


def _window(rng: np.random.Generator, activity: Floats) -> Floats:
    """Money of 28 days: nothing with a probability that falls with activity, else by a heavy-tailed law."""
    buys = rng.random(len(activity)) < 1.0 - np.exp(-1.2 * activity)
    spent = 40.0 * activity * rng.lognormal(-0.32, 0.8, len(activity))
    return np.where(buys, spent, 0.0)


def _acts(rng: np.random.Generator, activity: Floats) -> Bools:
    """A rep acts on the more active more often: selection, not effect."""
    return rng.random(len(activity)) < 1.0 / (1.0 + np.exp(-2.0 * (activity - 1.2)))
