"""What stands around the search of visits: the checker, the solvers beside it, the ranking, what a server imports."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.allocation.vrptw_instances import FOLDER, best_known_distances, generated, solomon
from benchmarks.allocation.vrptw_instances import question as as_question
from fieldwise_allocation.core.visits import ortools_tours, pyvrp_tours, solving
from fieldwise_allocation.core.visits.check import distance, faults
from fieldwise_allocation.core.visits.faults import faults as faults_of_question
from fieldwise_allocation.core.visits.finishing import finished
from fieldwise_allocation.core.visits.improving import Search, rounds_done
from fieldwise_allocation.core.visits.outreach import Candidate, ranked
from fieldwise_allocation.core.visits.parts import split
from fieldwise_allocation.core.visits.question import Matrix, Tour, VisitPlan
from tests.allocation.visit_builders import planned, question


@pytest.fixture(scope="module")
def plan() -> VisitPlan:
    return planned(question(20, 2, 2, seed=4))


def first(plan: VisitPlan, change: Callable[[Tour], Tour]) -> VisitPlan:
    return dataclasses.replace(plan, tours=(change(plan.tours[0]), *plan.tours[1:]))


def moved(tour: Tour, minutes: float) -> Tour:
    """The first visit begins later, and nothing else changes."""
    visit = tour.visits[0]
    later = dataclasses.replace(visit, begins=visit.begins + minutes, leaves=visit.leaves + minutes)
    return dataclasses.replace(tour, visits=(later, *tour.visits[1:]))


@pytest.mark.parametrize(
    ("planted", "told"),
    [
        (lambda plan: first(plan, lambda tour: moved(tour, 600.0)), "cannot be"),
        (lambda plan: first(plan, lambda tour: dataclasses.replace(tour, leaves=400.0)), "beyond his shift"),
        (lambda plan: first(plan, lambda tour: dataclasses.replace(tour, km=tour.km + 1)), "drives"),
        (lambda plan: first(plan, lambda tour: dataclasses.replace(tour, rest_begins=600.0)), "break"),
        (
            lambda plan: first(plan, lambda tour: dataclasses.replace(tour, visits=tour.visits[1:])),
            "visits and",
        ),
        (lambda plan: first(plan, lambda tour: dataclasses.replace(tour, day=9)), "does not work"),
        (lambda plan: dataclasses.replace(plan, profit=plan.profit + 1), "profit"),
        (lambda plan: dataclasses.replace(plan, bound=plan.profit - 1), "bound"),
        (lambda plan: dataclasses.replace(plan, tours=(*plan.tours, plan.tours[0])), "two tours"),
    ],
)
def test_the_checker_finds_what_was_planted(
    plan: VisitPlan, planted: Callable[[VisitPlan], VisitPlan], told: str
) -> None:
    asked = question(20, 2, 2, seed=4)
    assert faults(asked, plan) == []
    assert any(told in fault for fault in faults(asked, planted(plan)))


def test_ortools_and_pyvrp_give_plans_that_the_same_checker_passes() -> None:
    asked = as_question(generated(101))
    whole = split(asked)
    problem = whole.parts[0].problem
    found = [ortools_tours.tours(problem, seconds=20.0)]
    if pyvrp_tours.can_hold(problem):
        found.append(pyvrp_tours.tours(problem, ended=lambda done: done > 50))
    for tours in found:
        assert tours is not None
        plan = finished(asked, whole, [tours])
        assert faults(asked, plan) == []
        assert plan.left_out == ()


@pytest.mark.parametrize("name", ["C101", "R102"])
def test_solomons_instances_come_within_two_percent_in_some_thousand_rounds(name: str) -> None:
    if not FOLDER.exists():
        pytest.skip("../shared/data/vrptw is missing: the published instances are not part of the project")
    asked = as_question(solomon(name))
    whole = split(asked)
    search = Search(whole.parts[0].problem, solving.SEED)
    search.start_from(solving.first(whole.parts[0].problem)[0])
    search.run(rounds_done(6000))
    plan = finished(asked, whole, [search.best()])
    assert faults(asked, plan) == []
    found = sum(distance(asked, tour) for tour in plan.tours)
    assert found == pytest.approx(search.cost)
    assert found <= 1.02 * best_known_distances()[name]


def test_the_same_question_gives_the_same_tours() -> None:
    problem = split(question(30, 3, 2, seed=8)).parts[0].problem
    watch = solving.Watch(lambda: 60.0)
    start, _ = solving.first(problem)
    runs = [solving.improved(problem, start, watch, all_stops=problem.stops, effort=0.2) for _ in range(2)]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("seed", range(5))
def test_ranked_outreach_stays_within_its_bound_and_near_the_best_list(seed: int) -> None:
    rng = np.random.default_rng(seed)
    candidates = [Candidate(f"{i}", float(rng.gamma(2, 20)), float(rng.uniform(5, 15))) for i in range(12)]
    found = ranked(candidates, [50.0])
    value = sum(c.value for c in found.days[0])
    best = max(
        sum(c.value for c in some)
        for size in range(len(candidates) + 1)
        for some in itertools.combinations(candidates, size)
        if sum(c.minutes for c in some) <= 50.0
    )
    assert sum(c.minutes for c in found.days[0]) <= 50.0
    assert value <= best <= found.bound + 1e-9
    assert best - value <= max(c.value for c in candidates)
    ratios = [c.value / c.minutes for c in found.days[0]]
    assert ratios == sorted(ratios, reverse=True)


def test_a_matrix_of_the_wrong_size_and_too_many_days_are_refused() -> None:
    asked = question(4, 1, 2, seed=0)
    size = np.zeros(10)
    shifts = tuple(dataclasses.replace(shift, day=40 * shift.day) for shift in asked.visitors[0].shifts)
    visitor = dataclasses.replace(asked.visitors[0], shifts=shifts)
    wrong = dataclasses.replace(asked, visitors=(visitor,), matrix=Matrix(size, size))
    assert {fault.field for fault in faults_of_question(wrong)} == {"matrix.minutes", "matrix.km", "reps"}


def test_asymmetric_travel_is_kept() -> None:
    asked = question(10, 1, seed=6)
    p = len(asked.stops) + 2
    rng = np.random.default_rng(0)
    minutes = rng.uniform(5, 40, (p, p))
    np.fill_diagonal(minutes, 0.0)
    given = dataclasses.replace(asked, matrix=Matrix(minutes, minutes / 2))
    found = planned(given)
    assert faults(given, found) == []
    assert found.tours
