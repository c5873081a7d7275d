"""Thresholds, next categories, hours and products against markets whose truth is known, and against chance."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from fieldwise_forecast.core.interest import contact_time, dwell, dwell_model, interest_model
from fieldwise_forecast.core.interest.behaviour import DAY, Behaviour, Deed, joined
from fieldwise_forecast.core.interest.next_category import fit, hits, inputs_at, losses, rivals
from fieldwise_forecast.core.interest.products import Catalogue, Searched, catalogue_of, interests
from fieldwise_forecast.core.interest.standing import Standing, Status, standing
from fieldwise_forecast.core.versions import Champion, Trained
from fieldwise_market.world import World, make_world
from fieldwise_runtime.errors import FailedPrecondition
from tests.forecast.behaviours import NOW, Written, market_behaviour


@cache
def world() -> World:
    return make_world(1, customers=500, days=240)


@cache
def market() -> tuple[Behaviour, int]:
    return market_behaviour(world())


@cache
def trained() -> Trained:
    behaviour, end = market()
    return interest_model.train(behaviour, end, None, lambda: 0.0, lambda _: None)


def test_thresholds_of_a_market_lie_in_their_intervals() -> None:
    behaviour, end = market()
    truth = dict(zip(world().truth.categories, world().truth.dwell_threshold_ms.tolist(), strict=True))
    found = [each for each in dwell.thresholds(behaviour, end) if each.enough_evidence]
    held = [each.low90_ms <= truth[each.category] <= each.high90_ms for each in found]
    # Five hundred customers show some of the twelve; of those found one in ten may lie outside.
    assert len(found) >= 6
    assert sum(held) >= len(found) - 1
    assert all(each.low90_ms <= each.dwell_ms <= each.high90_ms and each.below < each.above for each in found)


def test_without_an_effect_there_is_not_enough_evidence() -> None:
    behaviour, end = market()
    rng = np.random.default_rng(3)
    timed = np.flatnonzero(behaviour.dwell >= 0)
    shuffled = behaviour.dwell.copy()
    shuffled[timed] = shuffled[rng.permutation(timed)]
    found = dwell.thresholds(replace(behaviour, dwell=shuffled), end)
    assert len(found) == 12
    assert sum(each.enough_evidence for each in found) <= 1


def test_keen_customers_who_look_long_and_buy_much_feign_no_threshold() -> None:
    """Every customer has a dwell and a rate of purchase of his own; his long looks lead to no more than his short ones."""
    rng = np.random.default_rng(4)
    written = Written()
    for customer in range(60):
        keen = customer % 2
        for _ in range(40):
            ago = rng.uniform(8, 200)
            stay = round(float(rng.lognormal(9 + 2 * keen, 0.5)))
            written.add(Deed.VIEW, ago, "tea", customer=f"customers/{customer}", dwell_ms=stay)
            if rng.random() < 0.1 + 0.5 * keen:
                written.add(Deed.PURCHASE, ago - 1, "tea", customer=f"customers/{customer}")
    (found,) = dwell.thresholds(written.behaviour(), NOW)
    assert found.views == 2400
    assert not found.enough_evidence


def test_a_look_is_answered_by_a_purchase_of_the_same_customer_and_category_within_seven_days() -> None:
    written = Written()
    for customer, category, ago in (
        ("1", "tea", 14),
        ("1", "wine", 19),
        ("2", "tea", 19),
        ("1", "tea", 21.5),
    ):
        written.add(Deed.PURCHASE, ago, category, customer=f"customers/{customer}")
    for stay, ago in ((1, 20.5), (2, 21.4), (3, 13), (4, 5), (5, 22), (6, 29)):
        written.add(Deed.VIEW, ago, "tea", dwell_ms=stay)
    looks = dwell.looks_by_category(written.behaviour(), NOW)["tea"]
    # The view five days ago is not over; the one 29 days ago was followed after 7.5 days.
    assert looks.dwell.tolist() == [1, 2, 3, 5, 6]
    assert looks.bought.tolist() == [True, False, False, True, False]


def test_looks_of_noise_teach_nothing() -> None:
    written = (
        Written().add(Deed.VIEW, 20, "tea", dwell_ms=5, weight=0.1).add(Deed.VIEW, 20, "tea", dwell_ms=9)
    )
    assert dwell.looks_by_category(written.behaviour(), NOW)["tea"].dwell.tolist() == [9]


def test_next_categories_beat_popularity_and_habit_on_later_purchases() -> None:
    behaviour, end = market()
    model, _, test = fit(behaviour, end)
    own = model.chances(test.inputs)
    assert own.sum(axis=1) == pytest.approx(1.0)
    for rival in rivals(test).values():
        assert losses(own, test).mean() < losses(rival, test).mean()
    assert hits(own, test) > 2 * hits(rivals(test)["popularity"], test)


def test_what_comes_after_a_moment_changes_no_input_before_it() -> None:
    behaviour, end = market()
    cutoff = end - 60 * DAY
    popularity = np.full(12, 1 / 12)
    all_known = inputs_at(behaviour, behaviour.bought_categories, popularity, cutoff)
    only_then = inputs_at(behaviour.before(cutoff), behaviour.bought_categories, popularity, cutoff)
    assert (all_known == only_then).all()


def test_a_search_raises_the_chance_of_its_category() -> None:
    model = interest_model.from_file(trained().file).choice
    habits = Written()
    for ago in (5, 30, 60):
        habits.add(Deed.PURCHASE, ago, "tea")
    before = dict(
        zip(model.categories, model.probabilities(habits.behaviour(), NOW)[0].tolist(), strict=True)
    )
    searched = habits.add(Deed.SEARCH, 0.01, "wine").behaviour()
    after = dict(zip(model.categories, model.probabilities(searched, NOW)[0].tolist(), strict=True))
    assert max(before, key=before.__getitem__) == "tea"
    assert after["wine"] > before["wine"]
    assert after["tea"] < before["tea"]


def test_a_model_file_gives_the_same_model_back() -> None:
    model = interest_model.from_file(trained().file)
    assert interest_model.to_file(model) == trained().file
    with pytest.raises(FailedPrecondition, match="train it again"):
        interest_model.from_file(b'{"format": 0}')


def test_the_same_training_again_takes_over_and_a_bad_champion_does_not_stay() -> None:
    behaviour, end = market()
    assert trained().role == "champion"
    champion = Champion(trained().report, trained().file, interest_model.moment_of(end))
    again = interest_model.train(behaviour, end, champion, lambda: 0.0, lambda _: None)
    assert again.role == "champion"
    assert again.verdict is not None
    assert abs(again.verdict.gain) < 1e-9


def test_thresholds_are_tested_on_later_views() -> None:
    behaviour, end = market()
    found = dwell_model.train(behaviour, end, None, lambda: 0.0, lambda _: None)
    assert found.report.learner == found.report.leaderboard[0].learner == dwell_model.SERVING
    assert dwell_model.to_file(dwell_model.from_file(found.file)) == found.file


def test_nothing_to_learn_from_is_said() -> None:
    nobody = joined([])
    for train in (interest_model.train, dwell_model.train):
        with pytest.raises(FailedPrecondition, match="cannot be trained"):
            train(nobody, NOW, None, lambda: 0.0, lambda _: None)


def test_usual_hours_of_a_market_are_in_the_windows() -> None:
    behaviour, _ = market()
    pattern = contact_time.learned(behaviour)
    hours, weekdays = contact_time.counts_of(behaviour)
    found = [contact_time.best_time(pattern, *each) for each in zip(hours, weekdays, strict=True)]
    sure = np.array([each.enough_evidence for each in found])
    inside = np.array(
        [
            (int(usual) - each.from_hour) % 24 < contact_time.WINDOW_HOURS
            for usual, each in zip(world().truth.usual_hour, found, strict=True)
        ]
    )
    assert sure.mean() > 0.8
    assert inside[sure].mean() > 0.95
    # No weekday is planted: chance names one in twenty at the most.
    assert np.mean([each.weekday > 0 for each in found]) < 0.05


def test_who_acts_like_everybody_gets_everybodys_time() -> None:
    rng = np.random.default_rng(5)
    shares = np.full(24, 0.01)
    shares[18:20] = 0.39
    pattern = contact_time.Pattern(shares, 24.0, np.full(7, 1 / 7), 1e4)
    few = contact_time.best_time(pattern, np.eye(24)[3] * 4, np.zeros(7))
    assert (few.enough_evidence, few.actions, few.from_hour) == (False, 4, 17)
    alike = [
        contact_time.best_time(
            pattern, rng.multinomial(40, shares).astype(float), np.zeros(7)
        ).enough_evidence
        for _ in range(400)
    ]
    assert np.mean(alike) <= 0.05
    owl = contact_time.best_time(pattern, np.eye(24)[23] * 30 + np.eye(24)[0] * 10, np.zeros(7))
    assert owl.enough_evidence
    assert {(owl.from_hour + k) % 24 for k in range(3)} >= {23, 0}
    assert owl.lift > owl.lift_low95 > 1


def test_a_night_window_ends_after_midnight() -> None:
    owl = contact_time.best_time(
        contact_time.UNTRAINED, np.eye(24)[23] * 50 + np.eye(24)[0] * 60, np.zeros(7)
    )
    assert owl.from_hour in (22, 23)
    assert owl.until_hour == (owl.from_hour + 3) % 24


def test_signs_fade_and_the_nearest_weighs_most() -> None:
    behaviour = (
        Written()
        .add(Deed.PURCHASE, 28, "tea", "t1")
        .add(Deed.VIEW, 7, "wine", "w1")
        .add(Deed.CLICK, 0, "wine", "w1")
        .add(Deed.VIEW, 0, "wine", "w1", weight=0.0)
        .behaviour()
    )
    found = {each.product: each for each in interests(behaviour, Catalogue(), [], NOW + 1)}
    assert found["t1"].score == pytest.approx(0.5)
    assert found["w1"].parts == pytest.approx({"view": 0.1, "click": 0.4})
    assert found["w1"].category == "wine"


def test_a_search_speaks_for_its_product_its_category_or_what_its_words_name() -> None:
    catalogue = catalogue_of(
        Written()
        .add(Deed.PURCHASE, 9, "GREEN TEA", "sencha-100")
        .add(Deed.PURCHASE, 8, "GREEN TEA", "sencha-100")
        .add(Deed.PURCHASE, 8, "GREEN TEA", "matcha-30")
        .add(Deed.PURCHASE, 8, "WINE", "merlot")
        .behaviour()
    )
    here = Written().add(Deed.SEARCH, 0, "GREEN TEA").behaviour()
    by_category = {each.product: each.score for each in interests(here, catalogue, [], NOW + 1)}
    assert by_category == pytest.approx({"sencha-100": 0.4, "matcha-30": 0.2})
    plain = Written().add(Deed.SEARCH, 0, "GREEN TEA", "matcha-30").behaviour()
    assert [each.product for each in interests(plain, catalogue, [], NOW + 1)] == ["matcha-30"]
    words = [Searched("merlot", NOW - 1), Searched("tea", NOW - 1)]
    unsaid = Written().add(Deed.SEARCH, 0).behaviour()
    by_word = {each.product: each.score for each in interests(unsaid, catalogue, words, NOW)}
    assert by_word == pytest.approx({"merlot": 0.6, "sencha-100": 0.4, "matcha-30": 0.2})


def test_words_of_a_search_that_named_its_product_are_not_counted_twice() -> None:
    catalogue = Catalogue({"tea": [("sencha", 1.0)]})
    behaviour = Written().add(Deed.SEARCH, 0, "tea", "sencha").behaviour()
    (found,) = interests(behaviour, catalogue, [Searched("sencha", NOW)], NOW + 1)
    assert found.score == pytest.approx(0.6)


def test_one_past_his_rhythm_is_lost_when_that_is_likelier() -> None:
    waits = standing(Status.WAITING, 0.3, 0.1)
    assert waits.status is Status.WAITING
    assert waits.waiting == pytest.approx(0.75)
    assert waits.lost == pytest.approx(0.25)
    assert standing(Status.WAITING, 0.1, 0.3).status is Status.LOST
    assert standing(Status.ACTIVE, 0.1, 0.3) == Standing(Status.ACTIVE)
    assert standing(Status.WAITING, None, None) == Standing(Status.WAITING)
