"""What is planted in a world can be seen in its events by somebody who knows the truth."""

from __future__ import annotations

import numpy as np

from fieldwise_market.population import days_since
from fieldwise_market.rows import Kind
from tests.market.builders import count_by_customer, days, followed, of_kind, world

ROWS = world().rows
TRUTH = world().truth
START = world().start.date()
PURCHASES = of_kind(ROWS, Kind.PURCHASE)
VIEWS = of_kind(ROWS, Kind.VIEW)


def test_a_look_over_the_threshold_raises_purchases_of_its_category_by_about_the_planted_boost() -> None:
    looked = VIEWS[(VIEWS["number"] >= 0) & (TRUTH.dwell_response[VIEWS["customer"]] == 1)]
    threshold = TRUTH.dwell_threshold_ms[looked["category"]]
    bought = followed(looked, PURCHASES, 7)
    # Near the threshold on both sides, so that only the step counts.
    below = (looked["number"] > 0.6 * threshold) & (looked["number"] <= threshold)
    above = (looked["number"] > threshold) & (looked["number"] < 1.7 * threshold)
    # The boost acts on those who would not have bought anyway.
    expected = (1 - bought[below].mean()) * TRUTH.dwell_boost.mean()
    assert above.sum() > 1000
    assert abs(bought[above].mean() - bought[below].mean() - expected) < 0.06


def test_a_search_raises_purchases_of_its_category_against_chance() -> None:
    searches = of_kind(ROWS, Kind.SEARCH)
    mirrored = searches.copy()
    mirrored["time"] -= 10 * 86_400_000_000  # the same person and category, ten days before he searched
    assert followed(searches, PURCHASES, 7).mean() > followed(mirrored, PURCHASES, 7).mean() + 0.05


def test_the_planted_segment_looks_at_premium_much_buys_little_and_by_discount() -> None:
    planted = TRUTH.segment == TRUTH.segments.index("browses-premium")
    views, bought = count_by_customer(VIEWS), count_by_customer(PURCHASES)
    premium = count_by_customer(VIEWS[VIEWS["category"] >= 9])
    reduced = count_by_customer(PURCHASES[PURCHASES["third"] > 0])

    def ratio(of: np.ndarray, to: np.ndarray, who: np.ndarray) -> float:
        return float(of[who].sum() / to[who].sum())

    assert ratio(views, bought, planted) > 5 * ratio(views, bought, ~planted)
    assert ratio(premium, views, planted) > 2 * ratio(premium, views, ~planted)
    assert ratio(reduced, bought, planted) > 1.3 * ratio(reduced, bought, ~planted)


def gaps_of(who: int, since: float, until: float) -> np.ndarray:
    at = np.unique(np.floor(days(PURCHASES[PURCHASES["customer"] == who])))
    return np.diff(at[(at >= since) & (at < until)])


def test_a_changed_rhythm_is_slower_or_faster_by_about_the_planted_factor() -> None:
    changed = days_since(TRUTH.changed_at, START)
    errors = []
    for who in np.flatnonzero(~np.isnan(changed)).tolist():
        before, after = gaps_of(who, 0, changed[who]), gaps_of(who, changed[who], 365)
        errors.append(np.log(after.mean() / before.mean() / TRUTH.change_factor[who]))
    assert len(errors) > 60
    # Purchases beside the plan (a whim, a coupon) shorten the slow gaps somewhat.
    assert abs(np.median(errors)) < 0.25
    assert np.quantile(np.abs(errors), 0.9) < 0.7


def test_the_lost_buy_no_more_and_the_waiting_come_back_after_the_end() -> None:
    lost = days_since(TRUTH.lost_at, START)
    last = np.zeros(800)
    np.maximum.at(last, PURCHASES["customer"], days(PURCHASES))
    gone = TRUTH.status == "lost"
    waiting = TRUTH.status == "waiting"
    assert 0.1 < gone.mean() < 0.3
    assert (last[gone] <= lost[gone]).all()
    assert np.isnat(TRUTH.next_purchase[gone]).all()
    assert (last[waiting] <= days_since(TRUTH.pauses_from, START)[waiting]).all()
    assert (days_since(TRUTH.next_purchase, START)[~gone] >= 365).all()


def test_contacts_move_some_people_and_others_not_at_all() -> None:
    received = of_kind(ROWS, Kind.COUPON_RECEIVED)
    received = received[days(received) < 350]
    effect = TRUTH.effect[received["customer"], TRUTH.actions.index("coupon")]
    # The same person a fortnight before, so that eager customers do not pass for moved ones.
    mirrored = received.copy()
    mirrored["time"] -= 15 * 86_400_000_000
    gained = followed(received, PURCHASES, 14, same=()).astype(int) - followed(
        mirrored, PURCHASES, 14, same=()
    )
    assert gained[effect > 0.25].mean() > 0.1
    assert abs(gained[effect == 0].mean()) < 0.06
    assert 0.3 < (TRUTH.effect == 0).all(axis=1).mean() < 0.5


def test_birthdays_bring_purchases_to_those_who_keep_them() -> None:
    month = (np.datetime64(START) + np.floor(days(PURCHASES)).astype(int)).astype("datetime64[M]").astype(
        int
    ) % 12
    born = TRUTH.birth_date.astype("datetime64[M]").astype(int) % 12
    baskets = np.unique(np.stack([PURCHASES["customer"], PURCHASES["ref"], month]), axis=1)
    here = np.bincount(baskets[0][baskets[2] == born[baskets[0]]], minlength=800)
    rate = 12 * here / np.maximum(np.bincount(baskets[0], minlength=800), 1)
    keeps = TRUTH.birthday_boost > 0
    assert rate[keeps].mean() > rate[~keeps].mean() + 0.1


def test_age_and_gender_tell_little_of_the_segment_but_not_nothing() -> None:
    cell = np.digitize(TRUTH.age, (35, 60)) * 2 + (TRUTH.gender == "f")
    table = np.array([[((cell == c) & (TRUTH.segment == s)).sum() for s in range(6)] for c in range(6)])
    expected = table.sum(1)[:, None] * table.sum(0) / table.sum()
    cramers_v = np.sqrt(((table - expected) ** 2 / expected).sum() / table.sum() / 5)
    assert 0.03 < cramers_v < 0.25


def test_slow_service_makes_people_less_content() -> None:
    closed = of_kind(ROWS, Kind.SERVICE_CASE)
    satisfied = of_kind(ROWS, Kind.SATISFACTION)
    csat = satisfied[satisfied["flag"] == 1]
    opened_at = {row["ref"]: row["time"] for row in closed if not row["flag"]}
    lasted = {(row["customer"], row["time"] + 25_920_000_000): row["time"] - opened_at[row["ref"]]
              for row in closed if row["flag"]}  # fmt: skip
    known = [
        (lasted[key], row["number"]) for row in csat if (key := (row["customer"], row["time"])) in lasted
    ]
    long = np.array([each for each, _ in known]) > 2 * 86_400_000_000
    score = np.array([each for _, each in known])
    assert len(known) > 100
    assert score[long].mean() < score[~long].mean() - 0.2
