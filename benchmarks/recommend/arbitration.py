"""Arbitration: who gets what when one budget and ten caps bind, by prices and by greedy rules, over five budgets.

Everybody knows the same values and costs (`arbitration_world`). Prices are allocation's duals, solved over all
customers; the choice at prices is recommend's own, with its ledger, and nothing that was given is taken back. In one batch those come first who
are most above prices, and what is left over goes at lower prices; one by one everybody is decided for as he comes. Percentages are of the bound that the
duals prove: no choice within the budgets is worth more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np

from benchmarks.recommend.arbitration_peers import ORDERS, dyer_zemel, first_come, sorted_by
from benchmarks.recommend.arbitration_world import BUDGETS, NOTED, STEEP, Spread, World, market, world
from benchmarks.recommend.priced_choice import agreeing, as_prices, in_one_batch, overspent, served
from benchmarks.report import Row
from fieldwise_allocation.core.prices.clearing import clear
from fieldwise_recommend.core.ledger import Ledger

CUSTOMERS: Final = 100_000
SEEDS: Final = (1, 2, 3)
LOOKED_AT: Final = 2_000  # customers for whom the columns are held against the service's own choice
BY_VALUE: Final = "propensity x value"
DYER_ZEMEL: Final = "Dyer-Zemel"


@dataclass(frozen=True)
class Level:
    """What one budget gave, as shares of the bound; ``over`` is the worst overspending."""

    prices: float
    one_by_one: float
    rivals: dict[str, float]
    over: float
    price: float
    agreed: float
    cpu_seconds: float

    @property
    def best_greedy(self) -> float:
        return max(self.rivals[name] for name in ORDERS)


def rows(*, quick: bool) -> Iterator[Row]:
    """Five budgets; a quick run takes one seed and a fifth of the customers."""
    customers, seeds = (CUSTOMERS // 5, SEEDS[:1]) if quick else (CUSTOMERS, SEEDS)
    yield from _in_world(NOTED, customers, seeds, "")
    if not quick:
        yield from _in_world(STEEP, customers, seeds[:1], "dear actions do far more, ")


def _in_world(spread: Spread, customers: int, seeds: tuple[int, ...], kind: str) -> Iterator[Row]:
    shown = {seed: world(customers, seed, spread) for seed in seeds}
    levels = {budget: [_level(shown[seed], budget) for seed in seeds] for budget in BUDGETS}
    for budget, found in levels.items():
        yield from _told(f"{kind}budget {budget:g} per customer", customers, found)
    every = [level for found in levels.values() for level in found]
    yield from _verdict(
        every, f"{kind}mean of {len(BUDGETS)} budgets, {customers:,} customers", bound=not kind
    )


def _level(shown: World, budget: float) -> Level:
    begun = time.process_time()
    cleared = clear(market(shown, budget))
    prices = as_prices(cleared.price, shown.capacity(budget))
    ledger = Ledger()
    money = in_one_batch(shown, prices, ledger)
    seconds = time.process_time() - begun
    bound = cleared.bound * 1e6
    singly = Ledger()
    one_by_one = served(shown, np.arange(shown.customers), prices, singly)
    rivals = {order: sorted_by(order, shown, budget) / bound for order in ORDERS}
    rivals[DYER_ZEMEL] = dyer_zemel(shown, budget) / bound
    rivals["first come"] = first_come(shown, budget) / bound
    return Level(
        prices=money / bound,
        one_by_one=one_by_one / bound,
        rivals=rivals,
        over=max(overspent(ledger, prices), overspent(singly, prices)),
        price=float(cleared.price[0]),
        agreed=agreeing(shown, range(LOOKED_AT), prices, 1.0),
        cpu_seconds=seconds,
    )


def _told(what: str, customers: int, found: list[Level]) -> Iterator[Row]:
    ours = 100 * fmean(level.prices for level in found)
    yield Row(f"prices, {what}: share of the bound", ours, "%")
    yield Row("  prices, one by one as they come", 100 * fmean(level.one_by_one for level in found), "%")
    for name in found[0].rivals:
        yield Row(f"  {name}", 100 * fmean(level.rivals[name] for level in found), "%")
    yield Row("  price of one unit of budget", fmean(level.price for level in found), "USD")
    yield Row(
        f"  prices and choice for {customers:,}, CPU seconds",
        fmean(level.cpu_seconds for level in found),
        "s",
    )


def _verdict(every: list[Level], what: str, *, bound: bool) -> Iterator[Row]:
    """Targets hold for the world of the notes alone: how much sorting loses depends on the world."""

    def row(metric: str, value: float, unit: str, target: str) -> Row:
        return Row(metric, value, unit, *(("must", target) if bound else ("info", "")))

    by_value = fmean(level.prices / level.rivals[BY_VALUE] for level in every)
    yield row(f"over sorting by {BY_VALUE}, {what}", by_value, "x", ">= 1.9")
    best = fmean(level.prices / level.best_greedy for level in every)
    yield row("  over the best of three greedies", best, "x", ">= 1.25")
    worst = min(level.prices / max(level.rivals.values()) for level in every)
    yield row("  over the best rival, Dyer-Zemel included, worst case", worst, "x", ">= 1")
    yield Row("  over Dyer-Zemel", fmean(level.prices / level.rivals[DYER_ZEMEL] for level in every), "x")
    yield Row("  share of the bound, worst case", 100 * min(level.prices for level in every), "%")
    over = 100 * max(level.over for level in every)
    yield Row("  most spent beyond a budget", over, "%", "must", "<= 0")
    agreed = 100 * min(level.agreed for level in every)
    yield Row("  choices that are those of the service's core", agreed, "%", "must", ">= 100")
