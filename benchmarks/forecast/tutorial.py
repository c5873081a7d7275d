"""The tutorial's two faults, measured on examples/sales_data.csv beside what is done instead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Row
from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.measures import TINY
from fieldwise_forecast.core.table.asked import Wish
from fieldwise_forecast.core.table.encoding import learnt
from fieldwise_forecast.core.table.splitting import SEED, by_time
from fieldwise_forecast.core.table.table import Places
from fieldwise_forecast.table_reading import read
from fieldwise_forecast.table_source import opened

FILE = Path(__file__).parents[2] / "examples" / "sales_data.csv"
GROUPS = 3
CLASSES = 3
# Leaves this large: a class probability out of fewer rows is a guess.
LEAF = 25


def rows() -> Iterator[Row]:
    """Both faults, each beside its mending."""
    early, sales, late, later_sales = sides()
    yield from classifier(early, sales, late, later_sales)
    yield from classes(early, sales, late, later_sales)
    yield from groups(early, late)


def sides() -> tuple[Floats, Floats, Floats, Floats]:
    """Features and sales of the earlier four fifths and of the later fifth."""
    table = read(opened(FILE), Wish(), lambda _: None).table
    split = by_time(table, "date", 0)
    assert split is not None
    earlier, later = table.take(split.train), table.take(split.test)
    encoding = learnt(earlier.without("sales"))
    return encoding.encode(earlier), earlier.numbers("sales"), encoding.encode(later), later.numbers("sales")


def classifier(early: Floats, sales: Floats, late: Floats, later_sales: Floats) -> Iterator[Row]:
    """Fault 1: a classifier on sales takes each figure for a class of its own, and one never seen can never be said."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    wrong = DecisionTreeClassifier(random_state=SEED).fit(early, sales.astype(int)).predict(late)
    right = DecisionTreeRegressor(random_state=SEED).fit(early, sales).predict(late)
    unseen = float(np.mean(~np.isin(later_sales.astype(int), sales.astype(int))))
    metric = "tutorial, classifier on sales: its MSE by the regression tree's"
    yield Row(metric, mse(later_sales, wrong) / mse(later_sales, right), "x", "must", "> 1")
    yield Row("tutorial, classifier on sales: test rows whose figure it can never say", unseen, "share")


def classes(early: Floats, sales: Floats, late: Floats, later_sales: Floats) -> Iterator[Row]:
    """Mended: P(y = j | x) of three bands whose bounds come from the earlier rows, judged by log loss."""
    from sklearn.tree import DecisionTreeClassifier

    bounds = np.quantile(sales, [1 / CLASSES, 2 / CLASSES])
    bands, later = np.digitize(sales, bounds), np.digitize(later_sales, bounds)
    tree = DecisionTreeClassifier(min_samples_leaf=LEAF, random_state=SEED).fit(early, bands)
    shares = np.bincount(bands, minlength=CLASSES) / len(bands)
    loss = log_loss(later, tree.predict_proba(late))
    base = log_loss(later, np.tile(shares, (len(later), 1)))
    yield Row(
        "tutorial, three bands of sales: log loss of the tree by that of the base rates",
        loss / base,
        "x",
        "must",
        "< 1",
    )


def groups(early: Floats, late: Floats) -> Iterator[Row]:
    """Fault 2: K-means fitted on training and test rows: what comes later moves earlier rows to other groups."""
    # The same later rows, with every input half as large again.
    later = [np.vstack([early, each]) for each in (late, 1.5 * late)]
    metric = "tutorial, K-means: pairs of earlier rows joined or parted by what comes later"
    leaking = changed(*(labels(both, early) for both in later))
    mended = changed(*(labels(both[: len(early)], early) for both in later))
    yield Row(f"{metric}, fitted on all rows", leaking, "share", "must", "> 0")
    yield Row(f"{metric}, fitted on earlier rows", mended, "share", "must", "<= 0")


def labels(fitted: Floats, asked: Floats) -> Places:
    """Groups of rows, whatever their numbers."""
    from sklearn.cluster import KMeans
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(fitted)
    means = KMeans(GROUPS, n_init=10, random_state=SEED).fit(scaler.transform(fitted))
    return np.asarray(means.predict(scaler.transform(asked)), dtype=np.int64)


def changed(one: Places, two: Places) -> float:
    """Share of the pairs of rows that are together in one of the groupings only."""
    return float(np.mean((one[:, None] == one) != (two[:, None] == two)))


def mse(actual: Floats, said: Floats) -> float:
    return float(np.mean((actual - said) ** 2))


def log_loss(bands: NDArray[np.intp], said: Floats) -> float:
    picked = said[np.arange(len(bands)), bands]
    return float(-np.mean(np.log(np.maximum(picked, TINY))))
