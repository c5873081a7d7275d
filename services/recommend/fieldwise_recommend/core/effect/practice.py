"""Against earlier practice: what changed with us, less what changed without us; knows no file.

A change from before to after alone is no effect: seasons, prices and the market change too. Only the difference of two changes is.

Source: difference in differences, Ashenfelter and Card (1985); with a group drawn by hash the assumption of parallel paths holds by design.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats
from fieldwise_recommend.core.effect.comparing import Basis, Comparison, compare
from fieldwise_recommend.core.effect.intervals import Median, median_of
from fieldwise_recommend.core.effect.units import Customers
from fieldwise_recommend.core.experience import Experience


@dataclass(frozen=True)
class Practice:
    """Rows of an imported baseline, one place in every array for each.

    Args:
        customer: Names.
        after: The row is of the period with us; else of the period before.
        comparison: The customer belongs to a group that went on as before; else to the one that came to us.
        money: In the row's period, per window, in currency units.
        hours: To a decision; NaN where not known.
        score: How satisfied he was, 1 to 5; NaN where not known.
    """

    name: str
    customer: Sequence[str]
    after: Bools
    comparison: Bools
    money: Floats
    hours: Floats
    score: Floats


@dataclass(frozen=True)
class Against:
    """Now against then.

    Args:
        money: Difference in differences of the money per window.
        change_with, change_without: How the two groups' means moved.
        hours_before: To a decision, in the period before.
        score_before: Mean satisfaction in the period before; NaN where not known.
    """

    baseline: str
    money: Comparison
    change_with: float
    change_without: float
    hours_before: Median
    score_before: float


def against(practice: Practice, experience: Experience, customers: Customers) -> Against:
    """With rows of the period after, or of a comparison group, the file alone; else its customers followed into our results."""
    own = bool((practice.after | practice.comparison).any())
    if own:
        changes, treated, basis = (*_changes(practice), Basis.PARALLEL)
    else:
        changes, treated, basis = (*_followed(practice, experience, customers), Basis.RANDOMISED)
    scores = practice.score[~practice.after & ~practice.comparison]
    return Against(
        practice.name,
        compare("money", changes, treated, basis=basis),
        float(changes[treated].mean()) if treated.any() else 0.0,
        float(changes[~treated].mean()) if (~treated).any() else 0.0,
        median_of(practice.hours[~practice.after & ~practice.comparison]),
        float(np.nanmean(scores)) if not np.isnan(scores).all() else float("nan"),
    )


def _changes(practice: Practice) -> tuple[Floats, Bools]:
    """The change of each customer who has rows of both periods, and whether he came to us."""
    sums: list[dict[str, float]] = [{}, {}]
    without: dict[str, bool] = {}
    for name, after, comparison, money in zip(
        practice.customer, practice.after, practice.comparison, practice.money, strict=True
    ):
        side = sums[int(after)]
        side[name] = side.get(name, 0.0) + float(money)
        without[name] = bool(comparison)
    both = [name for name in sums[0] if name in sums[1]]
    changes = np.array([sums[1][name] - sums[0][name] for name in both])
    return changes, np.array([not without[name] for name in both], dtype=np.bool_)


def _followed(practice: Practice, experience: Experience, customers: Customers) -> tuple[Floats, Bools]:
    """The change of each customer from the file to our results; the control group's is the change without us."""
    earlier: dict[str, float] = {}
    for name, money in zip(practice.customer, practice.money, strict=True):
        earlier[name] = earlier.get(name, 0.0) + float(money)
    names = [experience.customers[code] for code in customers.code]
    then = np.array([earlier.get(name, np.nan) for name in names])
    known = ~np.isnan(then)
    return (customers.money - then)[known], customers.treated[known]
