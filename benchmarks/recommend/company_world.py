"""A company over some months in which all that a report of effects tells is known: purchases, silence, first purchases, satisfaction.

Fixed before anything was measured with it. Each customer is decided for once a month. Reps act on 60 % of what is recommended to them, rather
for those who would stay anyway; acting keeps a fifth of those who would fall silent, brings a tenth more strangers to buy, and pleases a little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.recommend.planted_world import ALONE, CALL, START
from fieldwise_recommend.core.arrays import Bools, Floats
from fieldwise_recommend.core.choices import BEST, CONTROL
from fieldwise_recommend.core.experience import DAY, KINDS, Experience
from fieldwise_recommend.core.results import BOUGHT, BOUGHT_7, BOUGHT_14, HAD_BOUGHT, SILENT

WINDOW = 28
MONTHS = 3
CONTROL_SHARE = 0.1
REPS = ("reps/li", "reps/wang", "reps/zhao")
# How often each rep acts on what is recommended to him.
ACTS = np.array([0.3, 0.6, 0.9])
KEPT = 0.2
BROUGHT = 0.1
PLEASED = 0.15
HOURS = 5.0


@dataclass(frozen=True)
class Company:
    """A company's decisions and the truths of them, as differences of treated and control."""

    experience: Experience
    earlier: Floats
    churn: float
    flagged_churn: float
    new_share: float
    satisfaction: float
    hours: float


def company(seed: int, customers: int) -> Company:
    """One draw of the world; the truths are of its law, not of the draw."""
    rng = np.random.default_rng(seed)
    treated = rng.random(customers) >= CONTROL_SHARE
    rep = rng.integers(0, len(REPS), customers)
    stranger = rng.random(customers) < 0.2
    p_buy = rng.beta(2.0, 2.0, customers) * np.where(stranger, 0.4, 1.0)
    p_silent = np.where(stranger, 0.0, rng.beta(1.2, 3.0, customers))
    acted = treated & (rng.random(customers) < ACTS[rep])
    kept = 1.0 - KEPT * acted
    silent = ~stranger & (rng.random(customers) < p_silent * kept)
    activity = rng.gamma(2.0, 0.5, customers)
    earlier = 60.0 * activity * rng.lognormal(-0.18, 0.6, customers) * ~stranger
    first = _first_month(rng, p_buy, stranger & acted)
    rows = [_month(rng, month, first, p_buy, stranger, silent, activity) for month in range(MONTHS)]
    score = np.where(
        rng.random(customers) < 0.3,
        np.clip(np.round(3.5 + PLEASED * acted + rng.normal(0, 1, customers)), 1, 5),
        np.nan,
    )
    hours = rng.gamma(2.0, HOURS / 1.678, customers)  # the median of a gamma of shape 2 is 1.678 of its scale
    whole = _together(rows, customers, treated, rep, acted, p_buy, p_silent, earlier, score, hours)
    share = float(ACTS.mean())
    flagged = p_silent >= 0.5
    return Company(
        whole,
        earlier,
        -KEPT * share * float(p_silent[~stranger].mean()),
        -KEPT * share * float(p_silent[flagged].mean()),
        share * _more(p_buy[stranger]),
        _pleased(share),
        HOURS,
    )


def _first_month(rng: np.random.Generator, p_buy: Floats, helped: Bools) -> Bools:
    return np.asarray(rng.random(len(p_buy)) < p_buy * (1.0 + BROUGHT * helped))


def _more(p_buy: Floats) -> float:
    """How many more strangers buy in any of the months when the first month's probability rises by BROUGHT."""
    never = (1.0 - p_buy) ** (MONTHS - 1)
    return float((never * BROUGHT * p_buy).mean())


def _pleased(share: float) -> float:
    """Mean rise of a rounded and clipped score, over a fine grid of the law that it is drawn by."""
    noise = np.random.default_rng(1).normal(0, 1, 4_000_000)
    means = [np.clip(np.round(3.5 + rise + noise), 1, 5).mean() for rise in (0.0, PLEASED)]
    return share * float(means[1] - means[0])


@dataclass(frozen=True)
class _Month:
    bought: Bools
    money: Floats
    days: Floats
    flags: NDArray[np.int64]


def _month(
    rng: np.random.Generator,
    month: int,
    first: Bools,
    p_buy: Floats,
    stranger: Bools,
    silent: Bools,
    activity: Floats,
) -> _Month:
    bought = first if month == 0 else rng.random(len(p_buy)) < p_buy
    days = np.where(bought, 1 + rng.poisson(activity), 0).astype(np.float64)
    money = np.where(bought, 40.0 * activity * rng.lognormal(-0.18, 0.6, len(p_buy)), 0.0)
    # At an even pace the first purchase of a buyer falls into the first days by the same law as into all.
    when = -np.log1p(-rng.random(len(p_buy)) * p_buy) / np.maximum(-np.log1p(-p_buy), 1e-12) * WINDOW
    had = ~stranger | (month > 0)
    last = month == MONTHS - 1
    flags = BOUGHT * bought | BOUGHT_7 * (bought & (when <= 7)) | BOUGHT_14 * (bought & (when <= 14))
    # Nobody is silent at a decision: who falls silent does so after the last one.
    flags = flags | HAD_BOUGHT * had | SILENT * (silent & last)
    return _Month(np.asarray(bought), money, days, flags.astype(np.int64))


def _together(
    rows: list[_Month],
    customers: int,
    treated: Bools,
    rep: NDArray[np.int64],
    acted: Bools,
    p_buy: Floats,
    p_silent: Floats,
    earlier: Floats,
    score: Floats,
    hours: Floats,
) -> Experience:
    """Months one after the other; acting, scores and hours belong to the first decision."""
    none, nothing = np.zeros(customers, dtype=np.bool_), np.full(customers, np.nan)
    months = len(rows)

    def each(column: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.tile(column, months)

    def once(column: NDArray[np.generic], other: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.concatenate([column, *([other] * (months - 1))])

    count = customers * months
    said = {kind: np.zeros(count, dtype=np.bool_) for kind in KINDS}
    said["acted"] = np.asarray(once(acted, none), dtype=np.bool_)
    said["opened"] = np.asarray(once(acted & (hours < HOURS), none), dtype=np.bool_)
    said["rated"] = ~np.isnan(np.asarray(once(score, nothing), dtype=np.float64))
    zeros = np.zeros(count)
    return Experience(
        time=START + np.repeat(np.arange(months) * WINDOW * DAY, customers),
        customer=np.asarray(each(np.arange(customers)), dtype=np.int64),
        customers=[f"customers/{number}" for number in range(customers)],
        action=np.asarray(each(np.where(treated, 0, 1)), dtype=np.int64),
        actions=[CALL, ALONE],
        arm=np.asarray(each(np.where(treated, BEST, CONTROL)), dtype=np.int64),
        probability=np.ones(count),
        rep=np.asarray(each(rep), dtype=np.int64),
        reps=list(REPS),
        by_rep=np.asarray(once(treated, none), dtype=np.int64),
        p_buy=np.asarray(each(p_buy), dtype=np.float64),
        p_silent=np.asarray(each(p_silent), dtype=np.float64),
        baseline=zeros,
        effect=zeros,
        value=zeros,
        open=np.zeros(count, dtype=np.int64),
        open_sets=[frozenset({CALL, ALONE})],
        campaigns=np.zeros(count, dtype=np.int64),
        campaign_sets=[{}],
        money=np.concatenate([row.money for row in rows]),
        money_before=np.asarray(each(earlier), dtype=np.float64),
        purchase_days=np.concatenate([row.days for row in rows]),
        flags=np.concatenate([row.flags for row in rows]),
        score=np.asarray(once(score, nothing), dtype=np.float64),
        acted_after=np.asarray(once(np.where(acted, hours, np.nan), nothing), dtype=np.float64),
        said=said,
    )
