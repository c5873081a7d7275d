"""ListNextActions: a rep's customers decided for, and those he turns to on a day within his minutes.

The gateway decides and ranks nothing itself: recommend chooses for each customer, allocation ranks whom the rep turns to.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import grpc
import grpc.aio
from google.type import date_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.allocation.v1 import visit_service_pb2 as visit_pb
from fieldwise.allocation.v1 import visit_service_pb2_grpc as visit_grpc
from fieldwise.gateway.v1 import rep_days_service_pb2 as days_pb
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.core.week import DAYS_AHEAD, days_until, minutes_on
from fieldwise_gateway.decide import Answer, Decider
from fieldwise_gateway.deciding import (
    catalogue_of,
    decide_each,
    diversity_message,
    key_of,
    price_set_in_force,
)
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, Violation
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

_ASSIGNMENTS: Final = 50_000
_AT_ONCE: Final = 32
# After one of these nobody turns to the customer again for the same decision.
_ENDING: Final = frozenset(
    f"OUTCOME_KIND_{word}"
    for word in ("ACTED", "DECLINED", "RESPONDED", "PURCHASED", "OPTED_OUT", "COMPLAINED")
)
_MOST_MINUTES: Final = 1440.0


@dataclass(frozen=True, slots=True)
class Next:
    """A customer's decision as the day needs it."""

    decision: decision_pb2.Decision
    minutes: float
    done: bool

    @property
    def needs_rep(self) -> bool:
        return self.minutes > 0.0


@dataclass(frozen=True, slots=True)
class Listed:
    """The day's list: places by customer, and what a minute more would bring."""

    places: Mapping[str, visit_pb.OutreachEntry]
    minutes: float
    minute_price: Money


class RepDays:
    """Composes the days of reps from recommend's decisions and allocation's ranking."""

    def __init__(
        self, backends: Backends, decider: Decider, now: Callable[[], datetime], currency: str
    ) -> None:
        self._backends = backends
        self._decider = decider
        self._now = now
        self._currency = currency

    async def page(self, request: days_pb.ListNextActionsRequest) -> days_pb.ListNextActionsResponse:
        """A page of the day.

        Raises:
            InvalidRequest: A day that is none or out of reach, a token of another list.
            FailedPrecondition: NO_PLAN; no plan of territories is in force.
            Unavailable: NOT_DECIDED; a decision could not be made.
            RpcError: A service did not answer, or does not know the rep.
        """
        now = self._now()
        size = clamp_page_size(request.page_size, default=50, most=500)
        days = _days(request, now.date())
        scope = f"{request.parent}/{days[-1]}/{request.minutes if request.HasField('minutes') else ''}"
        start = int(cursor_of(request.page_token, scope) or 0)
        rep = await self._backends.allocation.GetRep(allocation_pb.GetRepRequest(name=request.parent))
        minutes = [
            min(_MOST_MINUTES, minutes_on(day, rep.hours_per_week, rep.share_of_full_time)) for day in days
        ]
        if request.HasField("minutes"):
            minutes[-1] = request.minutes
        price_set = await price_set_in_force(self._backends, now)
        customers = await self._customers(request.parent)
        answers = await decide_each(self._decider, key_of(price_set, now), customers)
        found = await self._next(answers, request.parent)
        listed = await self._ranked(found, request.parent, days, minutes, now)
        ordered = _ordered(found, listed)
        answer = days_pb.ListNextActionsResponse(
            next_actions=[_message(each, listed, days[-1], now) for each in ordered[start : start + size]],
            rep_day=await self._summary(found, listed, request.parent, days[-1], minutes[-1]),
        )
        answer.rep_day.price_set = price_set
        answer.rep_day.decision_time.FromDatetime(now)
        if start + size < len(ordered):
            answer.next_page_token = page_token(str(start + size), scope)
        return answer

    async def _customers(self, rep: str) -> list[str]:
        """His customers under the plan in force, by name."""
        stated = await self._backends.allocation.ListBudgets(allocation_pb.ListBudgetsRequest())
        if not stated.plan:
            remedy = "plan territories and put the plan in force: `fieldwise plan`"
            raise FailedPrecondition("NO_PLAN", f"nobody has customers: no plan is in force; {remedy}")
        asked = allocation_pb.ListAssignmentsRequest(plan=stated.plan, page_size=_ASSIGNMENTS)
        found: list[str] = []
        while True:
            page = await self._backends.allocation.ListAssignments(asked)
            found += [each.account for each in page.assignments if each.rep == rep]
            if not page.next_page_token:
                return sorted(found)
            asked.page_token = page.next_page_token

    async def _next(self, answers: Sequence[Answer], rep: str) -> list[Next]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(answer: Answer) -> Next:
            minutes = _minutes_of(answer.decision, rep)
            # Nothing came yet of a decision that was made just now.
            if not answer.repeated or not minutes:
                return Next(answer.decision, minutes, done=False)
            async with gate:
                return Next(answer.decision, minutes, await self._done(answer.decision.name))

        return list(await asyncio.gather(*map(one, answers)))

    async def _done(self, name: str) -> bool:
        try:
            stored = await self._backends.recommend.GetDecision(recommend_pb.GetDecisionRequest(name=name))
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:  # erased meanwhile
                return True
            raise
        return any(outcome.kind in _ENDING for outcome in stored.outcomes)

    async def _ranked(
        self, found: Sequence[Next], rep: str, days: Sequence[date], minutes: Sequence[float], now: datetime
    ) -> Listed:
        """Whom he turns to, day after day; allocation fills his minutes by value per minute."""
        request = visit_pb.RankOutreachRequest(
            candidates=[
                visit_pb.OutreachCandidate(
                    customer=each.decision.customer,
                    value=_worth_of_minutes(each.decision, rep, self._currency),
                    minutes=each.minutes,
                    rep=rep,
                )
                for each in found
                if each.needs_rep and not each.done
            ],
            capacities=[
                visit_pb.OutreachCapacity(rep=rep, date=_date(day), minutes=room)
                for day, room in zip(days, minutes, strict=True)
            ],
        )
        request.decision_time.FromDatetime(now)
        none = Money(currency_code=self._currency)
        if not request.candidates:
            return Listed({}, 0.0, none)
        stub: visit_grpc.VisitServiceAsyncStub = visit_grpc.VisitServiceStub(
            self._backends.allocation_channel
        )
        answer = await stub.RankOutreach(request)
        for day in answer.days:
            if day.date == _date(days[-1]):
                return Listed({each.customer: each for each in day.entries}, day.minutes, day.minute_price)
        price = answer.days[0].minute_price if answer.days else none
        return Listed({}, 0.0, price)

    async def _summary(
        self, found: Sequence[Next], listed: Listed, rep: str, day: date, minutes: float
    ) -> days_pb.RepDay:
        counts = Counter(each.decision.chosen_action for each in found)
        alone = sum(each.decision.verdict == decision_pb2.VERDICT_LEAVE_ALONE for each in found)
        with_rep = sum(each.needs_rep for each in found)
        return days_pb.RepDay(
            rep=rep,
            day=_date(day),
            minutes=minutes,
            minutes_listed=listed.minutes,
            minute_price=listed.minute_price,
            customers=len(found),
            listed=len(listed.places),
            waiting=sum(
                each.needs_rep and not each.done and each.decision.customer not in listed.places
                for each in found
            ),
            by_channel=len(found) - alone - with_rep,
            left_alone=alone,
            diversity=diversity_message(counts, await catalogue_of(self._backends)),
        )


def _days(request: days_pb.ListNextActionsRequest, today: date) -> list[date]:
    if not request.HasField("day"):
        return [today]
    asked = request.day
    remedy = f"give a day from {today} to {DAYS_AHEAD} days after it, as year, month and day"
    words = f"{asked.year}-{asked.month:02}-{asked.day:02}"
    try:
        found = days_until(today, date(asked.year, asked.month, asked.day))
    except ValueError:
        found = []
    if not found:
        raise InvalidRequest([Violation.of("day", words, remedy)])
    return found


def _paid_for_minutes(decision: decision_pb2.Decision, rep: str) -> list[decision_pb2.PricePaid]:
    chosen = next((each for each in decision.actions if each.chosen), None)
    return (
        [] if chosen is None else [paid for paid in chosen.money.prices if paid.resource == f"{rep}/minutes"]
    )


def _minutes_of(decision: decision_pb2.Decision, rep: str) -> float:
    return sum(paid.use for paid in _paid_for_minutes(decision, rep))


def _worth_of_minutes(decision: decision_pb2.Decision, rep: str, currency: str) -> Money:
    """The value of the chosen action before its minutes are paid: what the minutes bring, at whatever price."""
    value = next(each.value.micros for each in decision.actions if each.chosen)
    paid = sum(each.paid.micros for each in _paid_for_minutes(decision, rep))
    return Money(currency_code=currency, micros=value + paid)


def _ordered(found: Sequence[Next], listed: Listed) -> list[Next]:
    """The list by rank, those who wait, those reached without the rep, those left alone; each by name."""

    def place(each: Next) -> tuple[int, int, str]:
        name = each.decision.customer
        entry = listed.places.get(name)
        if entry is not None:
            return 0, entry.rank, name
        if each.needs_rep:
            return 1, 0, name
        return 3 if each.decision.verdict == decision_pb2.VERDICT_LEAVE_ALONE else 2, 0, name

    return sorted(found, key=place)


def _message(each: Next, listed: Listed, day: date, now: datetime) -> days_pb.NextAction:
    customer = each.decision.customer
    entry = listed.places.get(customer)
    message = days_pb.NextAction(
        customer=customer, decision=each.decision, minutes=each.minutes, done=each.done
    )
    if each.decision.HasField("best_time"):
        message.best_time.CopyFrom(each.decision.best_time)
    if entry is not None:
        message.rank = entry.rank
        message.surplus.CopyFrom(entry.surplus)
        hour = each.decision.best_time.ToDatetime(tzinfo=UTC).hour
        then = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        if then > now:
            message.best_time.FromDatetime(then)
    return message


def _date(day: date) -> date_pb2.Date:
    return date_pb2.Date(year=day.year, month=day.month, day=day.day)
