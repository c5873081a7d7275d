"""Decisions one by one with prices from a sample: customers come in any order, nobody knows who comes later, budgets are hard.

Protocol, fixed beforehand. Prices are solved from 2 % of the customers expected in the week and their share of the budgets; then everybody
comes once, in random order, evenly over the week, and is decided for by recommend's own arithmetic with its ledger
(`priced_choice`). In the shock the second half of the week brings three times as many as expected, to budgets that stay as they were.
Pacing is the service's (`core.pacing`), one factor on all prices, looked at once a minute as the service does. The bound is that of
somebody who knows all customers beforehand. The pacing error is what is left of the money at the end, and how long before the end it was gone.
Gain and all else are the service's own, as it is installed; nothing was tuned here.

Real concurrency is tried apart: tasks of the real service's use case, at once, on a real store (`_concurrent`).
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.recommend import shop
from benchmarks.recommend.arbitration_peers import first_come
from benchmarks.recommend.arbitration_world import World, market, world
from benchmarks.recommend.priced_choice import as_prices, overspent, served
from benchmarks.report import Row
from fieldwise.recommend.v1.recommend_service_pb2 import BatchRecommendActionsRequest
from fieldwise_allocation.core.prices.clearing import clear
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.core.catalogue_file import parse
from fieldwise_recommend.core.ledger import Ledger
from fieldwise_recommend.core.pacing import STEP, Opening, budgets_left, factor, time_left
from fieldwise_recommend.core.policy import Policy
from fieldwise_recommend.decide import Decider
from fieldwise_recommend.periods import period_name
from fieldwise_recommend.settings import Settings
from fieldwise_recommend.store.decisions import Store
from fieldwise_runtime import migrations
from fieldwise_runtime.database import Database

Ints = npt.NDArray[np.int64]
BUDGET: Final = 0.6  # per customer expected
SAMPLE: Final = 0.02
WEEK: Final = 7 * 86_400
SHOCK: Final = 3
GAIN: Final = Settings().pacing_gain
SEED: Final = 1
SCARCE: Final = 40.0
_IN_A_CALL: Final = 5
_MONEY: Final = "budget"


@dataclass(frozen=True)
class Week:
    """Who comes when: shown to nobody beforehand.

    Args:
        order: Customers as they come, shape (n,).
        moment: Seconds from the beginning of the week, rising, shape (n,).
        expected: Customers that budgets and prices were made for, as a share of those who come.
    """

    shown: World
    order: Ints
    moment: Ints
    expected: float

    def budget(self) -> float:
        """Per customer who comes."""
        return BUDGET * self.expected


@dataclass(frozen=True)
class Run:
    """What a week brought, micros; what was left of the money, and when it was gone as a share of the week."""

    money: float
    over: float
    left: float
    gone_at: float
    off_plan: float
    seconds: float


def rows(*, quick: bool) -> Iterator[Row]:
    """A million decisions; two fifths of them in a quick run."""
    customers = 400_000 if quick else 1_000_000
    shown = world(customers, SEED)
    yield from _even(shown)
    yield from _shock(shown)
    yield from asyncio.run(_concurrent(600 if quick else 3_000))


def _even(shown: World) -> Iterator[Row]:
    rng = np.random.default_rng(SEED)
    n = shown.customers
    week = Week(shown, rng.permutation(n), np.arange(n) * WEEK // n, 1.0)
    bound = clear(market(shown, BUDGET)).bound * 1e6
    what = f"{n:,} decisions one by one, prices from {SAMPLE:.0%}"
    for gain, level, name in ((0.0, "info", "prices as solved"), (GAIN, "must", "paced")):
        run = _run(week, gain)
        target = ">= 99" if level == "must" else ""
        yield Row(f"{what}, {name}: share of the bound", 100 * run.money / bound, "%", level, target)
        yield Row("  most spent beyond a budget", 100 * run.over, "%", "must", "<= 0")
        yield Row("  money left at the end", 100 * run.left, "%")
        yield Row("  microseconds per decision", 1e6 * run.seconds / n, "us")
    rival = first_come(_in_order(week), BUDGET) / bound
    yield Row("  first come first served, share of the bound", 100 * rival, "%")


def _shock(shown: World) -> Iterator[Row]:
    """One part of the customers comes in the first half of the week, three parts in the second."""
    rng = np.random.default_rng(SEED + 1)
    n = shown.customers
    before = n // (1 + SHOCK)
    half = WEEK // 2
    moment = np.concatenate(
        [np.arange(before) * half // before, half + np.arange(n - before) * half // (n - before)]
    )
    week = Week(shown, rng.permutation(n), moment, 2.0 / (1 + SHOCK))
    bound = clear(market(_capped(week), week.budget())).bound * 1e6
    paced, plain = _run(week, GAIN), _run(week, 0.0)
    what = f"demand x{SHOCK} from the middle of the week on"
    yield Row(f"{what}, paced: money left or missing at the end", 100 * paced.left, "%", "must", "<= 1")
    yield Row("  end of the week without money", 100 * (1 - paced.gone_at), "%", "must", "<= 1")
    yield Row("  the same without pacing", 100 * (1 - plain.gone_at), "%")
    yield Row("  furthest from spending evenly", 100 * paced.off_plan, "% of the money")
    yield Row("  the same without pacing", 100 * plain.off_plan, "% of the money")
    yield Row("  share of the bound", 100 * paced.money / bound, "%")
    yield Row("  share of the bound without pacing", 100 * plain.money / bound, "%")
    rival = first_come(_in_order(week), week.budget()) / bound
    yield Row("  first come first served, share of the bound", 100 * rival, "%")
    yield Row("  most spent beyond a budget", 100 * max(paced.over, plain.over), "%", "must", "<= 0")


def _capped(week: Week) -> World:
    """The world with the caps that were made for those who were expected."""
    shown = week.shown
    return World(shown.value, shown.cost, np.floor(shown.caps * week.expected))


async def _concurrent(customers: int) -> list[Row]:
    """Customers decided for at once, five in a call, by the service's use case on a store in a file."""
    chance = random.Random(SEED)
    price_set = shop.prices(chance)
    for price in price_set.prices:
        price.micros_per_unit, price.capacity = 0.0, SCARCE
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'recommend.sqlite'}"
        migrations.migrate(url, "fieldwise_recommend")
        store = Store(Database.open(url))
        decider = Decider(store, InForce(parse(shop.catalogue(SEED))), Policy(exploration=0.2))
        calls = [
            BatchRecommendActionsRequest(
                inputs=[shop.inputs_of(chance) for _ in range(_IN_A_CALL)], price_set=price_set
            )
            for _ in range(customers // _IN_A_CALL)
        ]
        begun = time.monotonic()
        await asyncio.gather(*map(decider.batch, calls))
        seconds = time.monotonic() - begun
        used: Counter[str] = Counter()
        for hold in await store.holds(period_name(price_set.valid_until)):
            for resource, amount in hold.uses:
                used[resource] += amount  # type: ignore[assignment]  # amounts are floats
        await store.close()
    over = max(0.0, *(amount / SCARCE - 1.0 for amount in used.values()))
    full = sum(amount > 0.9 * SCARCE for amount in used.values())
    what = f"{customers:,} decisions of the service at once, {len(calls):,} tasks on a real store"
    return [
        Row(f"{what}: most spent beyond a budget", 100 * over, "%", "must", "<= 0"),
        Row("  budgets that were used up", full, f"of {len(price_set.prices)}", "must", ">= 1"),
        Row("  decisions a second, stored", customers / seconds, "1/s"),
    ]


def _in_order(week: Week) -> World:
    capped = _capped(week)
    return World(capped.value[week.order], capped.cost[week.order], capped.caps)


def _run(week: Week, gain: float) -> Run:
    """Everybody as he comes; the factor is looked at anew each minute."""
    shown = _capped(week)
    known = np.random.default_rng(SEED + 2).choice(
        shown.customers, round(SAMPLE * week.expected * shown.customers), replace=False
    )
    sample = week.shown.of(known)
    price = clear(market(sample, BUDGET)).price
    prices = as_prices(price, shown.capacity(week.budget()))
    capacity = prices[_MONEY].capacity
    opening, ledger = Opening(0, {}), Ledger()
    money, gone_at, off_plan = 0, 1.0, 0.0
    begun = time.process_time()
    edges = np.searchsorted(week.moment, np.arange(0, WEEK + STEP, STEP))
    for step, (low, high) in enumerate(pairwise(edges.tolist())):
        moment = step * STEP
        spent = 1.0 - ledger.left(_MONEY, capacity) / capacity
        off_plan = max(off_plan, abs(spent - moment / WEEK))
        if spent >= 0.999:
            gone_at = min(gone_at, moment / WEEK)
        if low == high:
            continue
        left = budgets_left(prices, opening, ledger.reserved)
        pacing = 1.0 if left is None else factor(left, time_left(opening, WEEK, moment), gain)
        money += served(shown, week.order[low:high], prices, ledger, pacing)
    seconds = time.process_time() - begun
    left_over = ledger.left(_MONEY, capacity) / capacity
    return Run(money, overspent(ledger, prices), left_over, gone_at, off_plan, seconds)
