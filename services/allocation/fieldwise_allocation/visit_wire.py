"""Messages of visits to core values and back; knows no rule beyond the currency and the defaults."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence

import numpy as np
from google.type import date_pb2, latlng_pb2

from fieldwise.allocation.v1 import visit_pb2 as visits
from fieldwise.allocation.v1 import visit_service_pb2 as service
from fieldwise.type.v1 import money_pb2
from fieldwise_allocation.core.question import Place
from fieldwise_allocation.core.visits.question import (
    LeftOut,
    Matrix,
    Question,
    Rest,
    Shift,
    Stop,
    Tour,
    Visitor,
    VisitPlan,
    Window,
)
from fieldwise_allocation.wire import MICROS, demand_currency, money
from fieldwise_runtime.errors import InvalidRequest, Violation

SPEED_KMH = 40.0
SECONDS = 20.0


def question_from(request: service.PlanVisitsRequest, currency: str) -> Question:
    """The question in a request.

    Raises:
        InvalidRequest: An amount of another currency, a date that is none, a speed or a time limit too small.
    """
    rules = request.rules
    demand_currency(_amounts(request), currency)
    wrong = [*_wrong_dates(request), *_wrong_rules(rules)]
    if wrong:
        raise InvalidRequest(wrong)
    speed = rules.speed_kmh or SPEED_KMH
    visitors = tuple(_visitor(rep, rules) for rep in request.reps)
    days = {shift.day for visitor in visitors for shift in visitor.shifts}
    return Question(
        stops=tuple(_stop(stop, len(days)) for stop in request.stops),
        visitors=visitors,
        matrix=_matrix(request, speed) if request.HasField("matrix") else None,
        speed=speed,
        seconds=rules.time_limit_seconds or SECONDS,
        effort=rules.effort or 1.0,
    )


def plan_message(question: Question, plan: VisitPlan, currency: str) -> visits.VisitPlan:
    """The plan without its name, its time and its seconds."""
    prize = sum(question.stops[visit.stop].prize for tour in plan.tours for visit in tour.visits)
    hours = sum(tour.returns - tour.leaves for tour in plan.tours) / 60.0
    return visits.VisitPlan(
        profit=money(plan.profit, currency),
        profit_bound=money(plan.bound, currency),
        gap=(plan.bound - plan.profit) / prize if prize > 0 else 0.0,
        prize=money(prize, currency),
        cost=money(prize - plan.profit, currency),
        travel_km=sum(tour.km for tour in plan.tours),
        hours=hours,
        visits=sum(len(tour.visits) for tour in plan.tours),
        days=len(plan.tours),
        left_out=(_left_out(question, out, currency) for out in plan.left_out),
    )


def day_messages(question: Question, plan: VisitPlan, currency: str) -> Iterator[visits.DayVisits]:
    """The days of a plan, by rep and day."""
    by_name = sorted(plan.tours, key=lambda tour: (question.visitors[tour.visitor].name, tour.day))
    return (_day(question, tour, currency) for tour in by_name)


def day_number(date: date_pb2.Date) -> int:
    """Days since the year 1.

    Raises:
        ValueError: There is no such day.
    """
    return datetime.date(date.year, date.month, date.day).toordinal()


def date_message(day: int) -> date_pb2.Date:
    date = datetime.date.fromordinal(day)
    return date_pb2.Date(year=date.year, month=date.month, day=date.day)


def wrong_date(path: str, date: date_pb2.Date) -> list[Violation]:
    """The fault of a date that is none."""
    try:
        day_number(date)
    except ValueError:
        shown = f"{date.year}-{date.month}-{date.day}"
        return [Violation.of(path, shown, "give a whole date: year, month and day")]
    return []


def _amounts(request: service.PlanVisitsRequest) -> list[tuple[str, money_pb2.Money]]:
    found = [
        (f"stops[{j}].prize", stop.prize) for j, stop in enumerate(request.stops) if stop.HasField("prize")
    ]
    rules = request.rules
    if rules.HasField("kilometre_cost"):
        found.append(("rules.kilometre_cost", rules.kilometre_cost))
    if rules.HasField("hour_cost"):
        found.append(("rules.hour_cost", rules.hour_cost))
    return found


def _wrong_dates(request: service.PlanVisitsRequest) -> list[Violation]:
    dates = [
        (f"stops[{j}].windows[{k}].date", window.date)
        for j, stop in enumerate(request.stops)
        for k, window in enumerate(stop.windows)
    ]
    dates += [
        (f"reps[{i}].shifts[{k}].date", shift.date)
        for i, rep in enumerate(request.reps)
        for k, shift in enumerate(rep.shifts)
    ]
    return [fault for path, date in dates for fault in wrong_date(path, date)]


def _wrong_rules(rules: visits.VisitRules) -> list[Violation]:
    wrong = []
    if 0 < rules.speed_kmh < 5:
        wrong.append(Violation.of("rules.speed_kmh", rules.speed_kmh, "give 5 to 130, or 0 for 40"))
    if 0 < rules.time_limit_seconds < 1:
        wrong.append(
            Violation.of("rules.time_limit_seconds", rules.time_limit_seconds, "give 1 to 600, or 0 for 20")
        )
    for name, amount in (("kilometre_cost", rules.kilometre_cost), ("hour_cost", rules.hour_cost)):
        if amount.micros < 0:
            wrong.append(Violation.of(f"rules.{name}.micros", amount.micros, "give 0 or more"))
    return wrong


def _place(message: latlng_pb2.LatLng) -> Place:
    return Place(message.latitude, message.longitude)


def _stop(message: visits.VisitStop, days: int) -> Stop:
    count = message.visits or 1
    return Stop(
        name=message.name,
        minutes=message.service_minutes,
        place=_place(message.place) if message.HasField("place") else None,
        windows=tuple(
            Window(day_number(window.date), window.opens_minute, window.closes_minute)
            for window in message.windows
        ),
        needs=frozenset(message.needs_skills),
        prize=message.prize.micros / MICROS,
        mandatory=message.mandatory,
        visits=count,
        spacing=message.spacing_days or max(1, days // count),
        visitor=message.rep,
        load=message.load,
    )


def _visitor(message: visits.VisitingRep, rules: visits.VisitRules) -> Visitor:
    return Visitor(
        name=message.name,
        shifts=tuple(map(_shift, message.shifts)),
        start=_place(message.start) if message.HasField("start") else None,
        end=_place(message.end) if message.HasField("end") else None,
        skills=frozenset(message.skills),
        per_km=rules.kilometre_cost.micros / MICROS,
        per_hour=rules.hour_cost.micros / MICROS,
        capacity=message.capacity if message.HasField("capacity") else math.inf,
    )


def _shift(message: visits.VisitShift) -> Shift:
    pause = getattr(message, "break")
    rest = (
        Rest(pause.earliest_minute, pause.latest_minute, pause.minutes) if message.HasField("break") else None
    )
    return Shift(
        day_number(message.date),
        message.starts_minute,
        message.ends_minute,
        rest,
        message.longest_minutes or math.inf,
    )


def _matrix(request: service.PlanVisitsRequest, speed: float) -> Matrix:
    p = len(request.stops) + 2 * len(request.reps)
    minutes = np.array(request.matrix.minutes)
    km = np.array(request.matrix.km) if request.matrix.km else minutes / 60.0 * speed
    # Of another size they stay as they are, and the check of the question says so.
    return Matrix(*(table.reshape(p, p) if table.size == p * p else table for table in (minutes, km)))


def _left_out(question: Question, out: LeftOut, currency: str) -> visits.VisitLeftOut:
    message = visits.VisitLeftOut(
        stop=question.stops[out.stop].name,
        reason=out.reason,
        missing_skills=out.skills,
        missing_minutes=out.short_minutes,
    )
    if out.reason == "NOT_WORTH":
        message.missing_prize.CopyFrom(money(out.short_money, currency))
    return message


def _day(question: Question, tour: Tour, currency: str) -> visits.DayVisits:
    prizes: Sequence[float] = [question.stops[visit.stop].prize for visit in tour.visits]
    message = visits.DayVisits(
        rep=question.visitors[tour.visitor].name,
        date=date_message(tour.day),
        leaves_minute=tour.leaves,
        returns_minute=tour.returns,
        travel_km=tour.km,
        prize=money(sum(prizes), currency),
        visits_before_break=tour.rest_after,
        visits=(
            visits.PlannedVisit(
                stop=question.stops[visit.stop].name,
                arrives_minute=visit.arrives,
                begins_minute=visit.begins,
                leaves_minute=visit.leaves,
                prize=money(prize, currency),
            )
            for visit, prize in zip(tour.visits, prizes, strict=True)
        ),
    )
    if not math.isnan(tour.rest_begins):
        message.break_minute = tour.rest_begins
    return message
