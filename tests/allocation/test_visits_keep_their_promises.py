"""Plans of visits against their questions: every rule by the checker, small ones against brute force."""

from __future__ import annotations

import dataclasses
import math
import random

import pytest

from fieldwise_allocation.core.visits.building import by_name
from fieldwise_allocation.core.visits.check import faults
from fieldwise_allocation.core.visits.question import Question, Rest, Shift, Stop, Visitor, VisitPlan, Window
from tests.allocation.visit_builders import best_profit_of_one_day, planned, question


def visits_of(asked: Question, plan: VisitPlan) -> list[tuple[str, str, int, float]]:
    return [
        (asked.visitors[tour.visitor].name, asked.stops[visit.stop].name, tour.day, visit.begins)
        for tour in plan.tours
        for visit in tour.visits
    ]


@pytest.mark.parametrize("seed", range(6))
def test_every_plan_passes_the_checker_and_stays_below_its_bound(seed: int) -> None:
    asked = question(25, 2 + seed % 2, 1 + seed, seed=seed, own=seed % 2 == 1)
    plan = planned(asked)
    assert faults(asked, plan) == []
    assert plan.profit <= plan.bound


@pytest.mark.parametrize("seed", range(4))
def test_one_day_of_six_stops_is_planned_as_well_as_by_trying_every_order(seed: int) -> None:
    asked = question(6, 1, seed=seed, mandatory=0.0)
    plan = planned(asked)
    best = best_profit_of_one_day(asked)
    assert plan.profit == pytest.approx(best, abs=1e-6)
    assert plan.bound >= best - 1e-6


@pytest.mark.parametrize("visits", [1, 2])
def test_a_spacing_longer_than_the_horizon_leaves_one_visit(visits: int) -> None:
    asked = question(6, 1, 2, seed=3, mandatory=1.0)
    stops = (dataclasses.replace(asked.stops[0], windows=(), visits=visits, spacing=31), *asked.stops[1:])
    asked = dataclasses.replace(asked, stops=stops)
    plan = planned(asked)
    assert faults(asked, plan) == []
    assert sum(visit.stop == 0 for tour in plan.tours for visit in tour.visits) == 1


def test_shuffled_rows_change_nothing() -> None:
    asked = question(20, 2, 2, seed=3)
    stops, visitors = list(asked.stops), list(asked.visitors)
    random.Random(1).shuffle(stops)
    random.Random(2).shuffle(visitors)
    shuffled = dataclasses.replace(asked, stops=tuple(stops), visitors=tuple(visitors))
    asked, again = by_name(asked), by_name(shuffled)
    assert visits_of(asked, planned(asked)) == visits_of(again, planned(again))


def test_a_visit_is_worth_its_way_or_not_made() -> None:
    asked = question(8, 1, seed=5, mandatory=0.0)
    poor = dataclasses.replace(asked, stops=tuple(dataclasses.replace(s, prize=0.5) for s in asked.stops))
    plan = planned(poor)
    assert plan.tours == ()
    assert {out.reason for out in plan.left_out} <= {"NOT_WORTH", "WINDOW"}


def test_what_is_left_out_as_not_worth_is_visited_once_its_prize_is_raised_by_what_it_lacks() -> None:
    asked = question(8, 1, seed=7, mandatory=0.0)
    stops = tuple(dataclasses.replace(s, prize=s.prize / 20, windows=()) for s in asked.stops)
    poor = dataclasses.replace(asked, stops=stops)
    out = min((o for o in planned(poor).left_out if o.reason == "NOT_WORTH"), key=lambda o: o.short_money)
    raised = dataclasses.replace(stops[out.stop], prize=stops[out.stop].prize + out.short_money + 0.01)
    richer = dataclasses.replace(poor, stops=(*stops[: out.stop], raised, *stops[out.stop + 1 :]))
    plan = planned(richer)
    assert out.stop in {visit.stop for tour in plan.tours for visit in tour.visits}


def test_a_skill_that_nobody_asked_for_has_is_named() -> None:
    asked = question(6, 2, seed=1)
    stop = dataclasses.replace(asked.stops[0], visitor="reps/1", needs=frozenset("b"))
    plan = planned(dataclasses.replace(asked, stops=(stop, *asked.stops[1:])))
    (out,) = [o for o in plan.left_out if o.stop == 0]
    assert (out.reason, out.skills) == ("SKILL", ("b",))


def test_the_minutes_that_are_missing_are_those_that_make_it_possible() -> None:
    home = Stop("customers/a", 100.0, mandatory=True)
    asked = _beside(home, dataclasses.replace(home, name="customers/b"), ends=600.0)
    (out,) = planned(asked).left_out
    assert out.reason == "NO_TIME"
    assert out.short_minutes == pytest.approx(80.0)
    assert planned(_beside(*asked.stops, ends=600.0 + out.short_minutes)).left_out == ()


def _beside(*stops: Stop, ends: float) -> Question:
    """Stops where the rep starts, in a shift from eight on."""
    place = question(1, 1).stops[0].place
    shift = Shift(0, 480.0, ends)
    return Question(
        tuple(dataclasses.replace(stop, place=place) for stop in stops),
        (Visitor("reps/0", (shift,), place, per_hour=20.0),),
        effort=0.1,
    )


def test_a_long_day_has_its_break_and_a_short_one_has_it_after_work() -> None:
    rest = Rest(720.0, 780.0, 30.0)
    stops = [Stop(f"customers/{i}", 60.0, mandatory=True) for i in range(8)]
    asked = _beside(*stops, ends=1080.0)
    shift = dataclasses.replace(asked.visitors[0].shifts[0], rest=rest)
    visitor = dataclasses.replace(asked.visitors[0], shifts=(shift,))
    (long,) = planned(dataclasses.replace(asked, visitors=(visitor,))).tours
    assert 720.0 <= long.rest_begins <= 780.0
    assert long.returns - long.leaves == pytest.approx(8 * 60.0 + 30.0)
    early = tuple(dataclasses.replace(s, windows=(Window(0, 480.0, 700.0),)) for s in asked.stops[:3])
    (short,) = planned(dataclasses.replace(asked, stops=early, visitors=(visitor,))).tours
    assert math.isnan(short.rest_begins)
    assert short.returns <= 780.0


def test_hours_that_cost_nothing_are_no_fault() -> None:
    asked = question(12, 2, seed=9)
    free = tuple(dataclasses.replace(visitor, per_hour=0.0) for visitor in asked.visitors)
    asked = dataclasses.replace(asked, visitors=free)
    assert faults(asked, planned(asked)) == []


def test_two_visits_keep_their_days_apart() -> None:
    asked = question(12, 2, 5, seed=2)
    often = tuple(dataclasses.replace(s, visits=2, spacing=3, mandatory=True) for s in asked.stops[:4])
    asked = dataclasses.replace(asked, stops=(*often, *asked.stops[4:]))
    plan = planned(asked)
    for j in range(4):
        days = sorted(tour.day for tour in plan.tours for visit in tour.visits if visit.stop == j)
        assert len(days) == 2
        assert days[1] - days[0] >= 3


def test_a_longer_search_is_never_worse_than_a_shorter_one_stopped_at_its_start() -> None:
    asked = question(30, 3, seed=11)
    assert planned(asked).profit >= planned(asked, seconds=-1.0).profit
