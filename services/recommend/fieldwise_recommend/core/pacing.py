"""The factor on all prices that makes budgets last to the end of their period; knows no ledger, no store and no clock.

Multiplicative control on what is left: ``factor = (share of the time left / share of the budgets left) ^ gain``. Spending ahead of time
raises prices, spending behind it lowers them. As time runs out the two shares are forced to reach 0 together, whatever the demand is: an
error in the budgets' level cannot be left over, as it is with control on what was spent. There is no memory but what was set aside since
the prices began, so that a restart finds the same factor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from fieldwise_recommend.core.situation import Price

LEAST: Final = 1 / 8
MOST: Final = 8.0
# The factor changes once a minute of the business clock: decisions of one moment all see the same prices.
STEP: Final = 60


class Opening(NamedTuple):
    """When prices were first used (seconds since 1970), and what was set aside of each resource by then."""

    moment: int
    reserved: Mapping[str, float]


def factor(left: float, time_left: float, gain: float) -> float:
    """The factor, from 1/8 to 8; 1 where the shares are equal or the gain is 0.

    Args:
        left: Share of the budgets that is left of what there was when the prices began, in [0, 1].
        time_left: Share of their time that is left, in [0, 1].
        gain: How strongly it reacts, 0 or more. A lasting demand is met with a steady factor if the gain is above one over the elasticity
            of spending to prices.
    """
    if not gain or left == time_left:
        return 1.0
    if left <= 0.0:
        return MOST
    if time_left <= 0.0:
        return LEAST
    wanted = gain * (math.log(time_left) - math.log(left))
    return math.exp(max(math.log(LEAST), min(math.log(MOST), wanted)))


def budgets_left(
    prices: Mapping[str, Price], opening: Opening, reserved: Mapping[str, float]
) -> float | None:
    """Share left of all that has a price, each by its price; None when there was nothing to spend or nothing is scarce."""
    had = has = 0.0
    for resource, price in prices.items():
        begun = price.capacity - opening.reserved.get(resource, 0.0)
        if begun > 0.0 and price.micros_per_unit > 0.0:
            had += price.micros_per_unit * begun
            has += price.micros_per_unit * max(price.capacity - reserved.get(resource, 0.0), 0.0)
    return min(has / had, 1.0) if had > 0.0 else None


def time_left(opening: Opening, end: int, moment: int) -> float:
    """Share of the time from the opening to the end that is left at a moment; all of it in seconds since 1970."""
    whole = end - opening.moment
    return min(1.0, max(0.0, (end - moment) / whole)) if whole > 0 else 0.0
