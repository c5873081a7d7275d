"""How surprising it is that two things share so many baskets, and which surprises to believe; knows no basket.

Two nulls: things independent of each other (Fisher's exact test), and things dealt among baskets of the same size. The second is the stricter one
in a shop: large baskets hold more of everything, which alone makes nearly all frequent things go together.

Source: the upper tail of the hypergeometric distribution is Fisher's exact test, one-sided (Fisher 1935, The Design of Experiments);
Benjamini and Hochberg (1995), Controlling the false discovery rate, theorem 1; the interval of lift by the delta method on its
logarithm, baskets falling at random into the four cells of with and without each thing (as Katz et al. 1978, Biometrics 34, for a ratio of two shares).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaln

from fieldwise_recommend.core.arrays import Floats, Ints

# Two-sided 95 %.
_SURE: Final = 1.959963984540054
# The tail is summed until its terms are that small beside the sum; above the mean they fall faster than geometrically.
_SMALL: Final = 1e-8


def upper_tail(both: Ints, one: Ints, other: Ints, baskets: int) -> Floats:
    """Chance of at least ``both`` shared baskets if things were put into baskets independently, shape (n,).

    Args:
        both: Baskets with both, more than ``one x other / baskets``.
        one, other: Baskets with each.
        baskets: All baskets.
    """
    factorials = gammaln(np.arange(baskets + 1) + 1.0)

    def choose(n: Ints, k: Ints) -> Floats:
        chosen: Floats = factorials[n] - factorials[k] - factorials[n - k]
        return chosen

    everything = np.full_like(other, baskets)
    log_first = choose(one, both) + choose(baskets - one, other - both) - choose(everything, other)
    total, term = np.ones(len(both)), np.ones(len(both))
    rows, step = np.arange(len(both)), 0
    while len(rows):
        shared = both[rows] + step
        falling = (one[rows] - shared) * (other[rows] - shared)
        term[rows] *= falling / ((shared + 1.0) * (baskets - one[rows] - other[rows] + shared + 1))
        total[rows] += term[rows]
        rows = rows[term[rows] > _SMALL * total[rows]]
        step += 1
    tail: Floats = np.minimum(np.exp(log_first + np.log(total)), 1.0)
    return tail


def sized_tail(both: Ints, expected: Floats) -> Floats:
    """Chance of at least ``both`` shared baskets where ``expected`` come by themselves in baskets of those sizes, shape (n,).

    A sum of many small independent chances is at most as spread as Poisson's distribution.
    """
    tail: Floats = gammainc(both, expected)
    return tail


def believed(chances: Floats, tests: int, rate: float) -> NDArray[np.bool_]:
    """Which of them to believe so that at most ``rate`` of the believed are expected to be false.

    Args:
        chances: Of the tests that could be believed at all, shape (n,).
        tests: All that were made; those that are not among ``chances`` count as certain chance.
    """
    order = np.argsort(chances, kind="stable")
    passing = np.flatnonzero(chances[order] <= rate * np.arange(1, len(chances) + 1) / max(tests, 1))
    found = np.zeros(len(chances), np.bool_)
    if len(passing):
        found[order[: passing[-1] + 1]] = True
    return found


def lift_interval(both: Ints, one: Ints, other: Ints, baskets: int) -> tuple[Floats, Floats, Floats]:
    """How many times as often both are in a basket as by chance, with the ends of its 95 % interval; ``both`` is positive."""
    lift = both * (baskets / (one.astype(np.float64) * other))
    variance = 1 / both - 1 / one - 1 / other + (2.0 * lift - 1.0) / max(baskets, 1)
    spread = np.sqrt(np.maximum(variance, 0.0))
    factor = np.exp(_SURE * spread)
    return lift, lift / factor, lift * factor
