"""Ranked outreach: candidates of a request sorted to their reps and days; knows no database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from fieldwise.allocation.v1 import visit_service_pb2 as service_pb2
from fieldwise_allocation.core.visits.outreach import Candidate, Ranked, ranked
from fieldwise_allocation.visit_wire import date_message, day_number, wrong_date
from fieldwise_allocation.wire import MICROS, demand_currency, money
from fieldwise_runtime.errors import InvalidRequest, Violation


def rank(request: service_pb2.RankOutreachRequest, currency: str) -> service_pb2.RankOutreachResponse:
    """Lists for every rep and day.

    Raises:
        InvalidRequest: Every fault at once: a customer twice, a rep without minutes, a rep and day twice, a date that is none.
    """
    demand_currency([(f"candidates[{i}].value", c.value) for i, c in enumerate(request.candidates)], currency)
    wrong = [*_wrong_capacities(request), *_wrong_candidates(request)]
    if wrong:
        raise InvalidRequest(wrong)
    minutes: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for capacity in request.capacities:
        minutes[capacity.rep].append((day_number(capacity.date), capacity.minutes))
    candidates: dict[str, list[Candidate]] = defaultdict(list)
    for c in request.candidates:
        candidates[c.rep].append(Candidate(c.customer, c.value.micros / MICROS, c.minutes))
    answer = service_pb2.RankOutreachResponse(decision_time=request.decision_time)
    value = bound = 0.0
    for rep in sorted(candidates):
        days = sorted(minutes[rep])
        found = ranked(candidates[rep], [room for _, room in days])
        answer.days.extend(_days(rep, [day for day, _ in days], found, currency))
        value += sum(c.value for listed in found.days for c in listed)
        bound += found.bound
    answer.value.CopyFrom(money(value, currency))
    answer.value_bound.CopyFrom(money(bound, currency))
    return answer


def _days(rep: str, days: list[int], found: Ranked, currency: str) -> Iterator[service_pb2.OutreachDay]:
    for day, listed in zip(days, found.days, strict=True):
        if listed:
            yield service_pb2.OutreachDay(
                rep=rep,
                date=date_message(day),
                minutes=sum(c.minutes for c in listed),
                minute_price=money(found.price, currency),
                entries=(
                    service_pb2.OutreachEntry(
                        customer=c.customer,
                        rank=place + 1,
                        value=money(c.value, currency),
                        surplus=money(c.value - found.price * c.minutes, currency),
                        minutes=c.minutes,
                    )
                    for place, c in enumerate(listed)
                ),
            )


def _wrong_capacities(request: service_pb2.RankOutreachRequest) -> Iterator[Violation]:
    seen: set[tuple[str, int]] = set()
    for i, capacity in enumerate(request.capacities):
        wrong = wrong_date(f"capacities[{i}].date", capacity.date)
        yield from wrong
        if not wrong:
            key = capacity.rep, day_number(capacity.date)
            if key in seen:
                yield Violation.of(
                    f"capacities[{i}]", capacity.rep, "this rep and day stand before; join the two"
                )
            seen.add(key)


def _wrong_candidates(request: service_pb2.RankOutreachRequest) -> Iterator[Violation]:
    reps = {capacity.rep for capacity in request.capacities}
    seen: dict[str, int] = {}
    for i, candidate in enumerate(request.candidates):
        if candidate.rep not in reps:
            remedy = "give his minutes in capacities, or take the candidate away"
            yield Violation.of(f"candidates[{i}].rep", candidate.rep, remedy)
        if candidate.minutes <= 0:
            yield Violation.of(f"candidates[{i}].minutes", candidate.minutes, "give minutes above 0")
        if candidate.customer in seen:
            remedy = f"candidates[{seen[candidate.customer]}] is the same customer; keep the better one"
            yield Violation.of(f"candidates[{i}].customer", candidate.customer, remedy)
        seen.setdefault(candidate.customer, i)
