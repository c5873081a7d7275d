"""Choosing at prices for many at once, with the ledger of the service. Knows no wire.

The arithmetic is `core.values` and the order `core.ranking.decide`, on columns; `agreeing` holds them against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.recommend.arbitration_world import ACTIONS, World
from fieldwise_allocation.core.prices.market import Floats
from fieldwise_recommend.core.catalogue import LEAVE_ALONE, Action, Effect, Uses
from fieldwise_recommend.core.eligibility import Rejection
from fieldwise_recommend.core.ledger import Hold, Ledger
from fieldwise_recommend.core.ranking import Offer, decide
from fieldwise_recommend.core.situation import Chance, Price, Situation, Supply

Ints = npt.NDArray[np.int64]
_MICRO: Final = 1e6
_CAPS: Final = tuple(f"cap-{j}" for j in range(ACTIONS))
_NAMES: Final = tuple(f"actions/{j}" for j in range(ACTIONS))
# Pacing factors one after the other: the prices, then lower ones for what is left.
_LOWER: Final = (1.0, 0.98, 0.9, 0.5, 0.0)
# Buys for sure, and for a million micros: what an action adds is then its spend_lift in those millions.
_SURE: Final = Situation({}, p_buy=1.0, spend=int(_MICRO), margin=1.0)


def as_prices(price: Floats, capacity: Floats) -> dict[str, Price]:
    """As recommend gets them, in the order of the world's resources; whole micros per unit are not asked for."""
    units = ("USD", *("slot" for _ in _CAPS))
    names = ("budget", *_CAPS)
    listed = zip(names, units, price.tolist(), capacity.tolist(), strict=True)
    return {name: Price(unit, each * _MICRO, most) for name, unit, each, most in listed}


def net(shown: World, prices: Mapping[str, Price], pacing: float = 1.0) -> Ints:
    """What each action is worth above prices, micros, as `core.values.account` says it; below 0 where it is not eligible."""
    return _net(shown.value, shown.cost, prices, pacing)


def _net(value: Ints, cost: Floats, prices: Mapping[str, Price], pacing: float) -> Ints:
    each = [prices[name].micros_per_unit * pacing for name in _CAPS]
    money = np.rint(cost * (prices["budget"].micros_per_unit * pacing)).astype(np.int64)
    above = value - money - np.rint(each).astype(np.int64)
    return np.where(value > 0, above, -1)


def uses_of(shown: World, customer: int, action: int) -> Uses:
    return (("budget", float(shown.cost[customer, action])), (_CAPS[action], 1.0))


def served(
    shown: World,
    customers: Ints,
    prices: Mapping[str, Price],
    ledger: Ledger,
    pacing: float = 1.0,
) -> int:
    """Decides for these customers in this order and sets aside what they get; the money it adds, micros."""
    total = 0
    above = _net(shown.value[customers], shown.cost[customers], prices, pacing)
    # Most are worth more left alone at these prices.
    some = (above > 0).any(axis=1)
    for who, row in zip(customers[some].tolist(), above[some].tolist(), strict=True):
        wanted = sorted((-money, what) for what, money in enumerate(row) if money > 0)
        for _, what in wanted:
            uses = uses_of(shown, who, what)
            if ledger.shortages((uses,), prices):
                continue
            ledger.reserve(Hold(str(who), _NAMES[what], uses))
            total += int(shown.value[who, what])
            break
    return total


def in_one_batch(shown: World, prices: Mapping[str, Price], ledger: Ledger) -> int:
    """Decides for all at once: who is most above prices comes first, and what is left over goes at lower prices; money, micros.

    At prices alone the order of the customers is the order in which they are refused when the last units are gone, and units that
    nobody's action fits stay over.
    """
    total = 0
    waiting = np.arange(shown.customers)
    for pacing in _LOWER:
        above = net(shown, prices, pacing)
        best = above[waiting].max(axis=1)
        order = waiting[np.argsort(-best, kind="stable")]
        total += served(shown, order, prices, ledger, pacing)
        waiting = np.array([who for who in order.tolist() if not _has_any(ledger, who)], dtype=np.int64)
    return total


def _has_any(ledger: Ledger, who: int) -> bool:
    return any(ledger.holds(str(who), name, ()) for name in _NAMES)


def overspent(ledger: Ledger, prices: Mapping[str, Price]) -> float:
    """Most that any resource was used beyond its capacity, as a share of it; 0 when nothing was."""
    used = ledger.reserved
    return max(
        max(0.0, used.get(name, 0.0) / price.capacity - 1.0)
        for name, price in prices.items()
        if price.capacity
    )


def agreeing(shown: World, customers: Sequence[int], prices: Mapping[str, Price], pacing: float) -> float:
    """Share of the customers for whom `core.ranking.decide` chooses what `net` says."""
    above = net(shown, prices, pacing)
    same = 0
    for who in customers:
        best = int(above[who].argmax())
        expected = _NAMES[best] if above[who, best] > 0 else LEAVE_ALONE
        same += _decided(shown, who, prices, pacing) == expected
    return same / len(customers)


def _decided(shown: World, who: int, prices: Mapping[str, Price], pacing: float) -> str:
    """The action that recommend's own core chooses, chance left out."""
    offers = [Offer(Action(LEAVE_ALONE, "", "none", explorable=True), ())]
    for what in np.flatnonzero(shown.value[who]).tolist():
        effect = Effect(spend_lift=float(shown.value[who, what]) / _MICRO)
        offers.append(Offer(Action(_NAMES[what], "", "mail", effect=effect), uses_of(shown, who, what)))
    refused: list[Rejection] = []
    ruling = decide(offers, refused, _SURE, Supply(prices, pacing), Chance(False, 0.0, 0.5))
    return ruling.chosen.action.name
