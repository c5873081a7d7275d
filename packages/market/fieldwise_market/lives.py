"""One simulated customer's life, from his truth to rows of a log; knows no contract and no other customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.random import Generator

from fieldwise_market.browsing import Browsing, browse
from fieldwise_market.population import ACTIONS, Floats, Ints, Truth, days_since, warmed
from fieldwise_market.rows import Kind, Rows, rows_of
from fieldwise_market.vocabulary import CASE_TOPICS, PRODUCTS_PER_CATEGORY, product_cents

CONTACTS_A_YEAR = (2.0, 8.0, 1.0, 4.0)
EFFECT_DAYS = 14.0
TRIGGER_DAYS = 7.0
_PRICES = np.array([[product_cents(c, p) for p in range(PRODUCTS_PER_CATEGORY)] for c in range(12)])


@dataclass(frozen=True)
class Span:
    """When somebody buys at all: until `lost`, and not between `pause` and `back` (days; infinite when never).

    From `changed` on planned gaps are `factor` times as long.
    """

    days: float
    lost: float
    pause: float
    back: float
    changed: float
    factor: float

    def spurred(self, rng: Generator, at: Floats) -> Floats:
        """Which purchases outside the plan come about: somebody who slows down also follows fewer of his whims."""
        slowed = (at >= self.changed) & (rng.random(len(at)) >= 1 / max(self.factor, 1.0))
        return self.buys(at[~slowed])

    def buys(self, at: Floats) -> Floats:
        return at[(at < min(self.days, self.lost)) & ~((at >= self.pause) & (at < self.back))]


@dataclass(frozen=True)
class Life:
    """What one customer did, and what only his life decided."""

    rows: Rows
    next_purchase_day: float
    is_warm: bool


def live(rng: Generator, truth: Truth, who: int, days: int, start: date) -> Life:
    """Everything one customer does from the start to the end."""
    span = _span(truth, who, days, start)
    planned, following = planned_days(rng, truth, who, span)
    browsing = browse(rng, truth, who, days, span.lost)
    contacts, called_forth = _contacts(rng, truth, who, span, browsing)
    occasions = np.sort(np.concatenate([planned, called_forth, _birthday(rng, truth, who, span, start)]))
    lines, redemptions = _purchases(rng, truth, who, span, occasions, browsing, contacts)
    cases = _service(rng, truth, who, min(span.lost, span.days))
    parts = [*browsing.rows, *contacts, lines, redemptions, *cases, *_reviews(rng, truth, who, lines)]
    parts += _beginnings(rng, days)
    rows = np.concatenate(parts)
    rows["customer"] = who
    rows = rows[rows["time"] < days * 86_400_000_000]
    return Life(rows, following, bool(browsing.is_warm(truth, np.array([float(days)]))[0]))


def _span(truth: Truth, who: int, days: int, start: date) -> Span:
    moments = np.array(
        [each[who] for each in (truth.lost_at, truth.pauses_from, truth.returns_at, truth.changed_at)]
    )
    lost, pause, back, changed = np.nan_to_num(days_since(moments, start), nan=np.inf).tolist()
    return Span(float(days), lost, pause, back, changed, float(truth.change_factor[who]))


def planned_days(rng: Generator, truth: Truth, who: int, span: Span) -> tuple[Floats, float]:
    """Days of the purchases that the rhythm plans, and the first after the end (NaN for the lost).

    Gaps are drawn in the customer's own time, which runs slower or faster from the change on. So the change acts at
    once, also on the gap that is under way.
    """
    mean, shape = truth.mean_gap_days[who], truth.gap_shape[who]
    count = int(2 * span.days / (mean * min(span.factor, 1))) + 30
    own = np.cumsum(rng.gamma(shape, mean / shape, count)) - rng.uniform() * mean
    at = (
        np.where(own > span.changed, span.changed + (own - span.changed) * span.factor, own)
        if span.factor != 1
        else own
    )
    at = _at_usual_hour(rng, at[at > 0], int(truth.usual_hour[who]))
    return span.buys(at), _following(at, span)


def _following(at: Floats, span: Span) -> float:
    if span.lost < span.days:
        return float("nan")
    if span.back < np.inf:
        return span.back
    return float(at[at >= span.days][0])


def _at_usual_hour(rng: Generator, at: Floats, hour: int) -> Floats:
    """The same days, at about the customer's usual hour; one in ten at any hour."""
    n = len(at)
    usual = (hour + 0.5 + rng.normal(0, 1.2, n)) % 24
    hours = np.where(rng.random(n) < 0.1, rng.uniform(0, 24, n), usual)
    return np.sort(np.floor(at) + hours / 24)


def _birthday(rng: Generator, truth: Truth, who: int, span: Span, start: date) -> Floats:
    """One more purchase in each month of his birthday, with the planted probability."""
    day = np.datetime64(start) + np.arange(int(span.days))
    month = truth.birth_date[who].astype("datetime64[M]").astype(int) % 12
    first = np.flatnonzero(day.astype("datetime64[M]").astype(int) % 12 == month)
    if not len(first) or rng.random() >= truth.birthday_boost[who]:
        return np.zeros(0)
    return span.spurred(rng, rng.choice(first, 1) + rng.uniform(0.3, 0.9, 1))


def _poisson_days(rng: Generator, a_year: float, until: float) -> Floats:
    return np.sort(rng.uniform(0, until, rng.poisson(a_year * until / 365)))


def _office_hours(rng: Generator, at: Floats) -> Floats:
    return np.floor(at) + rng.uniform(8, 17, len(at)) / 24


# ---- contacts -----------------------------------------------------------------------------------------------------


def _contacts(
    rng: Generator, truth: Truth, who: int, span: Span, browsing: Browsing
) -> tuple[list[Rows], Floats]:
    """Contacts at random moments, as a company without a plan makes them, and the purchases they called forth."""
    rows: list[Rows] = []
    called_forth: list[Floats] = []
    for action, a_year in enumerate(CONTACTS_A_YEAR):
        at = _office_hours(rng, _poisson_days(rng, a_year, span.days))
        rows += _contact_rows(rng, truth, who, action, at)
        moved = at[rng.random(len(at)) < warmed(truth.effect[who, action], browsing.is_warm(truth, at))]
        called_forth.append(span.spurred(rng, moved + rng.uniform(0.1, EFFECT_DAYS - 0.1, len(moved))))
    inbound = _office_hours(rng, _poisson_days(rng, 0.5, span.days))
    rows.append(
        rows_of(
            Kind.CALL, inbound, flag=1, number=rng.integers(40, 900, len(inbound)), ref=rng.integers(1, 9)
        )
    )
    return rows, np.concatenate(called_forth)


def _contact_rows(rng: Generator, truth: Truth, who: int, action: int, at: Floats) -> list[Rows]:
    n = len(at)
    if ACTIONS[action] == "call":
        answered = rng.random(n) < 0.7
        return [
            rows_of(
                Kind.CALL, at, number=np.where(answered, rng.integers(30, 1200, n), 0), ref=rng.integers(1, 9)
            )
        ]
    if ACTIONS[action] == "visit":
        return [rows_of(Kind.VISIT, at, number=rng.integers(10, 90, n), ref=rng.integers(1, 9))]
    if ACTIONS[action] == "coupon":
        return [rows_of(Kind.COUPON_RECEIVED, at, number=np.arange(n), ref=rng.integers(1, 13, n))]
    return _emails(rng, float(truth.opens[who]), who, at)


def _emails(rng: Generator, opens: float, who: int, at: Floats) -> list[Rows]:
    number = who * 1000 + np.arange(len(at))
    opened = rng.random(len(at)) < opens
    answered = opened & (rng.random(len(at)) < 0.15)
    opened_at = at + rng.exponential(0.4, len(at))
    answered_at = opened_at + rng.exponential(0.2, len(at)) + 0.001
    return [
        rows_of(Kind.MESSAGE, at, flag=1, number=number),
        rows_of(Kind.MESSAGE, opened_at[opened], flag=2, number=number[opened]),
        rows_of(Kind.MESSAGE, answered_at[answered], flag=3, number=number[answered]),
    ]


# ---- purchases ----------------------------------------------------------------------------------------------------


def _purchases(
    rng: Generator,
    truth: Truth,
    who: int,
    span: Span,
    occasions: Floats,
    browsing: Browsing,
    contacts: list[Rows],
) -> tuple[Rows, Rows]:
    """Lines of receipts and the coupons used on them."""
    counts = 1 + rng.poisson(max(truth.lines[who] - 1, 0), len(occasions))
    at = np.repeat(occasions, counts)
    category = rng.choice(12, len(at), p=truth.interest[who])
    caused_at, caused = _caused(rng, truth, who, span, occasions, browsing)
    redeemed, campaign = _redeemed(rng, float(truth.price_sensitivity[who]), occasions, contacts)
    lines = _lines(rng, truth, who, np.append(at, caused_at), np.append(category, caused), redeemed)
    return lines, rows_of(Kind.REDEMPTION, redeemed, ref=campaign)


def _caused(
    rng: Generator, truth: Truth, who: int, span: Span, occasions: Floats, browsing: Browsing
) -> tuple[Floats, Ints]:
    """Lines that a long look or a search called forth: on the next visit when it is near, else on one of their own."""
    at, category, probability = browsing.triggers(truth, who)
    acts = rng.random(len(at)) < probability
    at, category = at[acts], category[acts]
    own = at + rng.uniform(0.05, TRIGGER_DAYS - 0.1, len(at))
    following = np.append(occasions, np.inf)[np.searchsorted(occasions, at, "right")]
    bought = np.where(following - at < TRIGGER_DAYS, following, own)
    alive = np.isin(bought, span.spurred(rng, bought))
    return bought[alive], category[alive]


def _redeemed(
    rng: Generator, sensitivity: float, occasions: Floats, contacts: list[Rows]
) -> tuple[Floats, Ints]:
    received = np.concatenate([each[each["kind"] == Kind.COUPON_RECEIVED] for each in contacts])
    at = received["time"] / 86_400_000_000
    following = np.append(occasions, np.inf)[np.searchsorted(occasions, at, "right")]
    used = (following - at < EFFECT_DAYS) & (rng.random(len(at)) < 0.15 + 0.6 * sensitivity)
    return following[used], received["ref"][used]


def _lines(rng: Generator, truth: Truth, who: int, at: Floats, category: Ints, redeemed: Floats) -> Rows:
    n = len(at)
    sensitivity = float(truth.price_sensitivity[who])
    product = (PRODUCTS_PER_CATEGORY * rng.random(n) ** (0.5 + 1.5 * sensitivity)).astype(np.int64)
    quantity = np.where(category < 9, 1 + rng.poisson(0.3, n), 1)
    reduced = (rng.random(n) < 0.08 + 0.6 * sensitivity) | np.isin(at, redeemed)
    full = _PRICES[category, product] * quantity
    discount = np.where(reduced, np.round(full * rng.uniform(0.1, 0.35, n)), 0).astype(np.int64)
    baskets = np.unique(at, return_inverse=True)[1]
    where = rng.choice(3, len(at), p=truth.channel_mix[who])[baskets]
    return rows_of(
        Kind.PURCHASE, at, category=category, product=product, number=quantity, extra=full - discount, third=discount,
        ref=baskets, channel=where,
    )  # fmt: skip


# ---- service ------------------------------------------------------------------------------------------------------


def _service(rng: Generator, truth: Truth, who: int, until: float) -> list[Rows]:
    """Cases, how satisfied he is after each, and a question asked twice a year."""
    content = float(truth.satisfaction[who])
    opened = _office_hours(rng, _poisson_days(rng, 2.4 * (1.2 - content), until))
    lasted = rng.lognormal(0.5, 0.8, len(opened))
    case = who * 100 + np.arange(len(opened))
    topic = rng.integers(0, len(CASE_TOPICS), len(opened))
    says = rng.random(len(opened)) < 0.6
    score = np.clip(np.round(2.2 + 3 * content - 0.25 * lasted + rng.normal(0, 0.5, len(opened))), 1, 5)
    asked = np.arange(90, until, 182) + rng.uniform(0.4, 0.7)
    recent = ((asked[:, None] > opened) & (asked[:, None] < opened + 90)).sum(axis=1)
    nps = np.clip(np.round(12 * content - 1.5 * recent + rng.normal(0, 1, len(asked))), 0, 10)
    return [
        rows_of(Kind.SERVICE_CASE, opened, ref=case, number=topic),
        rows_of(Kind.SERVICE_CASE, opened + lasted, ref=case, number=topic, flag=1),
        rows_of(Kind.SATISFACTION, (opened + lasted + 0.3)[says], flag=1, number=score[says]),
        rows_of(Kind.SATISFACTION, asked, flag=2, number=nps),
    ]


def _reviews(rng: Generator, truth: Truth, who: int, lines: Rows) -> list[Rows]:
    written = lines[rng.random(len(lines)) < 0.04]
    at = written["time"] / 86_400_000_000 + rng.uniform(1, 12, len(written))
    rating = np.clip(np.round(1.2 + 4 * truth.satisfaction[who] + rng.normal(0, 0.7, len(written))), 1, 5)
    return [rows_of(Kind.REVIEW, at, category=written["category"], product=written["product"], number=rating)]


def _beginnings(rng: Generator, days: int) -> list[Rows]:
    """What stands at the start: who he is (for most) and the consents; some withdraw one later."""
    known = np.full(int(rng.random() < 0.85), 0.0)
    asked = np.full(2, 0.0001)
    granted = rng.random(2) < 0.9
    taken_back = np.array([rng.uniform(0.3, 1) * days]) if granted[0] and rng.random() < 0.06 else np.zeros(0)
    silent = np.array([rng.uniform(0, 1) * days]) if rng.random() < 0.05 else np.zeros(0)
    return [
        rows_of(Kind.IDENTIFICATION, known),
        rows_of(Kind.CONSENT, asked, number=np.array([1, 2]), flag=granted),
        rows_of(Kind.CONSENT, taken_back, number=1, flag=0),
        rows_of(Kind.CONSENT, silent, number=0, channel=1 + int(rng.integers(0, 3)), flag=0),
    ]
