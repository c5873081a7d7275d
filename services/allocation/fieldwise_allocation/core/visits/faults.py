"""Faults of a question of visits that make it wrong whatever the search does; knows no search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from fieldwise_allocation.core.checks import off_the_earth
from fieldwise_allocation.core.visits.question import Question, Rest, Shift, Stop, Visitor
from fieldwise_runtime.errors import Violation

MOST_VISITS = 4000
MOST_TOURS = 5000
MOST_DAYS = 31


def faults(question: Question) -> list[Violation]:
    """Every fault at once, with the path of the field in the request; empty for a question that can be planned."""
    found = [*_repeated("stops", question.stops), *_repeated("reps", question.visitors)]
    found += [
        fault for j, stop in enumerate(question.stops) for fault in _stop(question, f"stops[{j}]", stop)
    ]
    found += [
        fault for i, rep in enumerate(question.visitors) for fault in _visitor(question, f"reps[{i}]", rep)
    ]
    found += _matrix(question)
    return [*found, *_size(question)]


def _repeated(path: str, named: Iterable[Stop | Visitor]) -> Iterator[Violation]:
    first: dict[str, int] = {}
    for i, each in enumerate(named):
        if each.name in first:
            remedy = f"{path}[{first[each.name]}] has this name already; give each a name of its own"
            yield Violation.of(f"{path}[{i}].name", each.name, remedy)
        first.setdefault(each.name, i)


def _stop(question: Question, path: str, stop: Stop) -> Iterator[Violation]:
    yield from off_the_earth(f"{path}.place", stop.place)
    if stop.place is None and question.matrix is None:
        yield Violation.of(f"{path}.place", "", "set it, or give a travel matrix")
    if stop.prize < 0:
        yield Violation.of(f"{path}.prize.micros", stop.prize, "give 0 or more")
    if stop.visitor and all(visitor.name != stop.visitor for visitor in question.visitors):
        yield Violation.of(f"{path}.rep", stop.visitor, "name a rep of this request, or leave it empty")
    known = {skill for visitor in question.visitors for skill in visitor.skills}
    if unknown := sorted(stop.needs - known):
        remedy = "no rep of this request has it: give it to one, or take it away"
        yield Violation.of(f"{path}.needs_skills", unknown[0], remedy)
    seen: set[int] = set()
    for k, window in enumerate(stop.windows):
        if window.closes < window.opens:
            remedy = f"it opens at {window.opens:g}: close no earlier"
            yield Violation.of(f"{path}.windows[{k}].closes_minute", window.closes, remedy)
        if window.day in seen:
            yield Violation.of(
                f"{path}.windows[{k}].date", k, "a day has one window: join or drop the second"
            )
        seen.add(window.day)


def _visitor(question: Question, path: str, visitor: Visitor) -> Iterator[Violation]:
    yield from off_the_earth(f"{path}.start", visitor.start)
    yield from off_the_earth(f"{path}.end", visitor.end)
    if visitor.start is None and question.matrix is None:
        yield Violation.of(f"{path}.start", "", "set it, or give a travel matrix")
    if visitor.per_km < 0 or visitor.per_hour < 0:
        yield Violation.of("rules", min(visitor.per_km, visitor.per_hour), "give costs of 0 or more")
    seen: set[int] = set()
    for k, shift in enumerate(visitor.shifts):
        yield from _shift(f"{path}.shifts[{k}]", shift)
        if shift.day in seen:
            yield Violation.of(
                f"{path}.shifts[{k}].date", k, "he has a shift on this day already; join the two"
            )
        seen.add(shift.day)


def _shift(path: str, shift: Shift) -> Iterator[Violation]:
    rest = shift.rest
    if shift.ends <= shift.starts:
        yield Violation.of(f"{path}.ends_minute", shift.ends, f"it starts at {shift.starts:g}: end later")
    elif rest is not None:
        yield from _rest(f"{path}.break", shift, rest)


def _rest(path: str, shift: Shift, rest: Rest) -> Iterator[Violation]:
    if rest.minutes <= 0:
        yield Violation.of(f"{path}.minutes", rest.minutes, "give a length above 0, or no break")
    elif rest.minutes >= min(shift.longest, shift.ends - shift.starts):
        yield Violation.of(f"{path}.minutes", rest.minutes, "give a break shorter than the shift")
    elif rest.latest < rest.earliest:
        remedy = f"it begins at {rest.earliest:g} at the earliest: give a latest begin no earlier"
        yield Violation.of(f"{path}.latest_minute", rest.latest, remedy)
    elif shift.starts > rest.latest or rest.earliest + rest.minutes > shift.ends:
        yield Violation.of(f"{path}.earliest_minute", rest.earliest, "put the break inside the shift")


def _matrix(question: Question) -> Iterator[Violation]:
    if question.matrix is None:
        return
    p = len(question.stops) + 2 * len(question.visitors)
    for name in ("minutes", "km"):
        table = getattr(question.matrix, name)
        if table.size != p * p:
            remedy = f"give {p * p} numbers: (stops + 2 x reps) squared"
            yield Violation.of(f"matrix.{name}", f"{table.size} numbers", remedy)
        elif (table < 0).any() or not np.isfinite(table).all():
            yield Violation.of(f"matrix.{name}", float(table.min()), "give 0 or more")


def _size(question: Question) -> Iterator[Violation]:
    visits = sum(stop.visits for stop in question.stops)
    if visits > MOST_VISITS:
        yield Violation.of(
            "stops", f"{visits} visits", f"plan by region: at most {MOST_VISITS} visits fit one plan"
        )
    tours = sum(len(visitor.shifts) for visitor in question.visitors)
    if tours > MOST_TOURS:
        yield Violation.of(
            "reps", f"{tours} shifts", f"plan by region: at most {MOST_TOURS} shifts fit one plan"
        )
    days = [shift.day for visitor in question.visitors for shift in visitor.shifts]
    if days and max(days) - min(days) >= MOST_DAYS:
        remedy = f"plan at most {MOST_DAYS} days at once"
        yield Violation.of("reps", f"{max(days) - min(days) + 1} days", remedy)
