"""Complete Journey as a set of series: department and category by cluster of stores; knows no forecaster."""

from __future__ import annotations

import numpy as np

from benchmarks.forecast.journey_series import (
    CLUSTERS,
    MONDAY,
    ORIGINS,
    by_week,
    known,
    products,
    sales,
    store_clusters,
)
from fieldwise_forecast.core.series.panel import Frequency, Panel
from fieldwise_forecast.core.series.sets import Definition, Dimension

JOURNEY = Definition(
    id="journey",
    measure="sales",
    unit="USD",
    frequency=Frequency.WEEK,
    dimensions=(Dimension("product", ("department", "category")), Dimension("place", ("cluster",))),
)


def cells(least_a_week: float) -> Panel:
    """Categories by cluster that sold so much in the mean of the weeks before the first origin, 51 weeks."""
    bought, goods = sales(), products()
    stores, cluster = store_clusters()
    place = np.minimum(np.searchsorted(stores, bought.store), len(stores) - 1)
    pair = goods.department.astype(np.int64) * len(goods.categories) + goods.category
    named = (goods.department > 0) & (goods.category > 0)
    row = np.where(
        (stores[place] == bought.store) & named[bought.product],
        pair[bought.product] * CLUSTERS + cluster[place],
        -1,
    )
    every, compact = np.unique(row, return_inverse=True)
    weekly = by_week(np.where(row < 0, -1, compact), bought.week, len(every), bought.amount)
    large = np.flatnonzero((weekly[:, : known(ORIGINS[0])].mean(axis=1) >= least_a_week) & (every >= 0))
    keys = tuple(key_of(int(every[i])) for i in large)
    return Panel(keys, MONDAY, Frequency.WEEK, weekly[large])


def key_of(code: int) -> tuple[str, ...]:
    goods = products()
    pair, cluster = divmod(code, CLUSTERS)
    department, category = divmod(pair, len(goods.categories))
    return goods.departments[department], goods.categories[category], f"cluster-{cluster:02d}"
