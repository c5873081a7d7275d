"""Whole purchases shared out so that they add up to the expected total and err least; knows no model.

The mean of each customer adds up to the right total and errs much: most customers buy nothing, and none buys .3 times. The median
errs least and adds up to far too little. In between lies the forecast that errs least among all that add up to the expected total:
give the next purchase to whom one more is likeliest, until the total is given out.
"""

from __future__ import annotations

import numpy as np

from ..features import Floats


def apportioned(more_than: Floats, total: float) -> Floats:
    """Forecast counts that add up to ``total`` with the least expected absolute error, shape (n,).

    Raising a forecast from k to k + 1 changes its expected absolute error by 1 - 2 P(more than k): so the largest P come first.
    Where the last purchases are between equals, they share them.

    Args:
        more_than: P(more than k purchases), k from 0, falling along the row, shape (n, most).
        total: At most n x most.
    """
    ranked = np.sort(more_than, axis=None)[::-1]
    wanted = min(total, float(ranked.size))
    if wanted <= 0:
        return np.zeros(len(more_than))
    limit = ranked[min(int(np.ceil(wanted)), ranked.size) - 1]
    sure, equal = more_than > limit, more_than == limit
    share = (wanted - sure.sum()) / equal.sum()
    return np.asarray(sure.sum(axis=1) + share * equal.sum(axis=1), dtype=np.float64)
