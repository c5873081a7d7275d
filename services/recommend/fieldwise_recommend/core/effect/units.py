"""From decisions to customers, the unit that was drawn into groups; knows no comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats, Ints
from fieldwise_recommend.core.experience import Experience
from fieldwise_recommend.core.results import BOUGHT, HAD_BOUGHT, SILENT, WAS_SILENT


@dataclass(frozen=True)
class Customers:
    """Customers with a measured decision, one place in every array for each.

    Args:
        code: As in the experience.
        first: Place of his first measured decision in the experience.
        treated: He is not in the control group.
        money: Mean over his decisions of what he spent in the window after.
        bought: Share of his decisions after which he bought.
        again: Share of his decisions after which he bought on two days or more.
        churned: He was not silent at the first decision, and is at the end of the last window.
        lasting: He was not silent at the first decision.
        new: He had never bought before the first decision and bought after one.
        stranger: He had never bought before the first decision.
        opted_out: He asked not to be contacted.
        score: Mean of how satisfied he said he is; NaN where he did not.
        before: Columns known before the first decision: money of 84 days and its root, which few customers govern less.
    """

    code: Ints
    first: Ints
    treated: Bools
    money: Floats
    bought: Floats
    again: Floats
    churned: Bools
    lasting: Bools
    new: Bools
    stranger: Bools
    opted_out: Bools
    score: Floats
    before: Floats

    def __len__(self) -> int:
        return len(self.code)


def customers_of(experience: Experience, treated: Bools | None = None) -> Customers:
    """Those of the measured decisions; ``treated``, by decision, must say the same for all of a customer.

    Without it, everybody outside the control group is.
    """
    measured = experience.at(experience.measured)
    group = ~measured.controlled if treated is None else treated[experience.measured]
    # Decisions are in order of time, so that the first of each code is the earliest and the last the latest.
    code, first, place = np.unique(measured.customer, return_index=True, return_inverse=True)
    count = len(code)
    last = np.zeros(count, dtype=np.int64)
    last[place] = np.arange(len(place))
    many = np.bincount(place, minlength=count).astype(np.float64)

    def mean(column: Floats | Bools) -> Floats:
        whole = np.bincount(place, weights=np.asarray(column, dtype=np.float64), minlength=count)
        return np.asarray(whole / np.maximum(many, 1.0), dtype=np.float64)

    stranger = ~measured.flag(HAD_BOUGHT)[first]
    lasting = ~measured.flag(WAS_SILENT)[first]
    bought = mean(measured.flag(BOUGHT))
    opted_out = measured.said.get("opted_out", np.zeros(len(measured), dtype=np.bool_))
    return Customers(
        code,
        np.flatnonzero(experience.measured)[first],
        group[first],
        mean(measured.money),
        bought,
        mean(measured.purchase_days >= 2),
        lasting & measured.flag(SILENT)[last],
        lasting,
        stranger & (bought > 0),
        stranger,
        mean(opted_out) > 0,
        _mean_score(measured.score, place, count),
        columns_before(measured.money_before[first]),
    )


def columns_before(money: Floats) -> Floats:
    """What comparisons are adjusted by: money before and its root, shape (customers, 2)."""
    return np.column_stack([money, np.sqrt(money)])


def _mean_score(score: Floats, place: Ints, count: int) -> Floats:
    rated = ~np.isnan(score)
    many = np.bincount(place[rated], minlength=count)
    total = np.bincount(place[rated], weights=score[rated], minlength=count)
    return np.where(many > 0, total / np.maximum(many, 1), np.nan)
