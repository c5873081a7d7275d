"""A plan of visits held against its question, stop by stop; knows no solver and none of its arrays."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterator

from fieldwise_allocation.core.question import Place
from fieldwise_allocation.core.visits.question import Question, Shift, Tour, VisitPlan

# Minutes, km and money by which sums may differ.
SLACK = 1e-5
EARTH_RADIUS_KM = 6371.0088
DETOUR = 1.3


def faults(question: Question, plan: VisitPlan) -> list[str]:
    """Every broken rule and every wrong sum; empty for a plan that may be given out."""
    found = [fault for tour in plan.tours for fault in _tour_faults(question, tour)]
    if len({(tour.visitor, tour.day) for tour in plan.tours}) < len(plan.tours):
        found.append("a rep has two tours on one day")
    found += _visit_faults(question, plan)
    profit = profit_of(question, plan)
    if abs(profit - plan.profit) > SLACK * (1.0 + abs(profit)):
        found.append(f"the profit is {profit}, the plan says {plan.profit}")
    if plan.bound < profit - SLACK * (1.0 + abs(profit)):
        found.append(f"the bound {plan.bound} lies below the profit {profit}")
    return found


def profit_of(question: Question, plan: VisitPlan) -> float:
    """Prizes less km and hours, from the question alone."""
    total = 0.0
    for tour in plan.tours:
        visitor = question.visitors[tour.visitor]
        total += sum(question.stops[visit.stop].prize for visit in tour.visits)
        total -= (
            distance(question, tour) * visitor.per_km + (tour.returns - tour.leaves) / 60.0 * visitor.per_hour
        )
    return total


def distance(question: Question, tour: Tour) -> float:
    """Km of a tour."""
    return sum(km for _, km in _legs(question, tour))


def _tour_faults(question: Question, tour: Tour) -> Iterator[str]:
    visitor = question.visitors[tour.visitor]
    name = f"{visitor.name} on day {tour.day}"
    shifts = [shift for shift in visitor.shifts if shift.day == tour.day]
    if not shifts:
        yield f"{name}: he does not work"
        return
    shift = shifts[0]
    if tour.leaves < shift.starts - SLACK or tour.returns > shift.ends + SLACK:
        yield f"{name}: out from {tour.leaves} to {tour.returns}, beyond his shift"
    if tour.returns - tour.leaves > shift.longest + SLACK:
        yield f"{name}: longer than {shift.longest} minutes"
    if sum(question.stops[visit.stop].load for visit in tour.visits) > visitor.capacity + SLACK:
        yield f"{name}: carries more than {visitor.capacity}"
    if abs(distance(question, tour) - tour.km) > SLACK * (1.0 + tour.km):
        yield f"{name}: drives {distance(question, tour)} km, the plan says {tour.km}"
    yield from _rest_faults(name, shift, tour)
    yield from _time_faults(question, name, shift, tour)
    for visit in tour.visits:
        stop = question.stops[visit.stop]
        if not stop.needs <= visitor.skills or stop.visitor not in ("", visitor.name):
            yield f"{name}: may not visit {stop.name}"


def _rest_faults(name: str, shift: Shift, tour: Tour) -> Iterator[str]:
    rest = shift.rest
    if rest is None:
        return
    if math.isnan(tour.rest_begins):
        if tour.returns > rest.latest + SLACK:
            yield f"{name}: back at {tour.returns} without a break"
    elif not rest.earliest - SLACK <= tour.rest_begins <= rest.latest + SLACK:
        yield f"{name}: break at {tour.rest_begins}, outside {rest.earliest} to {rest.latest}"


def _time_faults(question: Question, name: str, shift: Shift, tour: Tour) -> Iterator[str]:
    ways = [minutes for minutes, _ in _legs(question, tour)]
    now = tour.leaves
    for i, visit in enumerate([*tour.visits, None]):
        if i == tour.rest_after and shift.rest is not None and not math.isnan(tour.rest_begins):
            if tour.rest_begins < now - SLACK:
                yield f"{name}: break begins before visit {i} is over"
            now = tour.rest_begins + shift.rest.minutes
        now += ways[i]
        if visit is None:
            if tour.returns < now - SLACK:
                yield f"{name}: cannot be back before {now}, the plan says {tour.returns}"
            return
        stop = question.stops[visit.stop]
        if visit.arrives < now - SLACK or visit.begins < visit.arrives - SLACK:
            yield f"{name}: cannot be at {stop.name} before {now}, the plan says {visit.arrives}"
        if visit.leaves < visit.begins + stop.minutes - SLACK:
            yield f"{name}: leaves {stop.name} too early"
        windows = [w for w in stop.windows if w.day == tour.day]
        if stop.windows and not any(w.opens - SLACK <= visit.begins <= w.closes + SLACK for w in windows):
            yield f"{name}: visits {stop.name} at {visit.begins}, outside its windows"
        now = visit.leaves


def _visit_faults(question: Question, plan: VisitPlan) -> Iterator[str]:
    days: dict[int, list[int]] = defaultdict(list)
    for tour in plan.tours:
        for visit in tour.visits:
            days[visit.stop].append(tour.day)
    left = Counter(out.stop for out in plan.left_out)
    for j, stop in enumerate(question.stops):
        if len(days[j]) + left[j] != stop.visits:
            yield f"{stop.name}: {len(days[j])} visits and {left[j]} left out, not {stop.visits}"
        ordered = sorted(days[j])
        if any(later - earlier < stop.spacing for earlier, later in itertools.pairwise(ordered)):
            yield f"{stop.name}: visits on days {ordered}, closer than {stop.spacing}"


def _legs(question: Question, tour: Tour) -> list[tuple[float, float]]:
    """Minutes and km of each leg."""
    n = len(question.stops)
    places = [
        n + tour.visitor,
        *(visit.stop for visit in tour.visits),
        n + len(question.visitors) + tour.visitor,
    ]
    return [_leg(question, a, b) for a, b in itertools.pairwise(places)]


def _leg(question: Question, a: int, b: int) -> tuple[float, float]:
    if question.matrix is not None:
        return float(question.matrix.minutes[a, b]), float(question.matrix.km[a, b])
    km = _road_km(_place(question, a), _place(question, b))
    return km / question.speed * 60.0, km


def _place(question: Question, i: int) -> Place:
    n, m = len(question.stops), len(question.visitors)
    if i < n:
        found = question.stops[i].place
    elif i < n + m:
        found = question.visitors[i - n].start
    else:
        found = question.visitors[i - n - m].end or question.visitors[i - n - m].start
    if found is None:
        raise ValueError(f"place {i} of the question is unknown")
    return found


def _road_km(a: Place, b: Place) -> float:
    """Great circle x 1.3 by the haversine formula."""
    north, south = math.radians(a.latitude), math.radians(b.latitude)
    east = math.radians(a.longitude - b.longitude)
    half = math.sin((north - south) / 2) ** 2 + math.cos(north) * math.cos(south) * math.sin(east / 2) ** 2
    return 2 * DETOUR * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, half)))
