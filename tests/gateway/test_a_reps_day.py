"""A rep's day: every customer of his has a place once, the list keeps within his minutes, and asking again changes nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import grpc.aio
import pytest
from google.type.date_pb2 import Date
from hypothesis import given
from hypothesis import strategies as st

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.allocation.v1 import allocation_service_pb2_grpc as allocation_grpc
from fieldwise.allocation.v1 import price_pb2, rep_pb2
from fieldwise.allocation.v1 import visit_service_pb2_grpc as visit_grpc
from fieldwise.gateway.v1.rep_days_service_pb2 import (
    ListNextActionsRequest,
    ListNextActionsResponse,
    NextAction,
)
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.profile.v1 import profile_service_pb2_grpc as profile_grpc
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend_pb
from fieldwise.recommend.v1 import recommend_service_pb2_grpc as recommend_grpc
from fieldwise_allocation.ranking import rank
from fieldwise_gateway import deciding
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.core.diversity import LEAVE_ALONE, diversity
from fieldwise_gateway.core.week import days_until, minutes_on
from fieldwise_gateway.decide import Answer, Ask
from fieldwise_gateway.jobs import deciding as job
from fieldwise_gateway.rep_days import RepDays
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, Unavailable

NOW = datetime(2017, 12, 25, 8, tzinfo=UTC)
WANG = "reps/wang"
CALL, MAIL = "actions/call", "actions/mail"
PEOPLE = [f"customers/{n:03}" for n in range(60)]


@dataclass
class Choices:
    """Stands for the gateway's decider: a third are to be called, a third get mail, a third are left alone."""

    made: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    away: set[str] = field(default_factory=set)

    async def decide(self, asks: Sequence[Ask], trace_id: str) -> list[Answer]:
        return [self._one(ask) for ask in asks]

    def _one(self, ask: Ask) -> Answer:
        self.asked.append(ask.customer)
        earlier = self.made.get(ask.request_id)
        if earlier is not None:
            return Answer(earlier.decision, repeated=True)
        if ask.customer in self.away:
            return Answer(decision_pb2.Decision(verdict=decision_pb2.VERDICT_NO_DECISION))
        self.made[ask.request_id] = Answer(a_decision(ask.customer))
        return self.made[ask.request_id]


def a_decision(customer: str) -> decision_pb2.Decision:
    number = int(customer[-3:])
    action = (CALL, MAIL, LEAVE_ALONE)[number % 3]
    made = decision_pb2.Decision(name=f"decisions/{number:036d}", customer=customer, chosen_action=action)
    made.verdict = decision_pb2.VERDICT_LEAVE_ALONE if number % 3 == 2 else decision_pb2.VERDICT_ACT
    chosen = made.actions.add(action=action, chosen=True)
    chosen.value.currency_code, chosen.value.micros = "USD", 1_000_000 + 37_000 * (number * 7 % 60)
    if action == CALL:
        made.best_time.FromDatetime(datetime(2017, 12, 26, 15, tzinfo=UTC))
        chosen.money.prices.add(resource=f"{WANG}/minutes", use=5.0 + number % 4).paid.micros = 100_000
    return made


@dataclass
class Allocation(allocation_grpc.AllocationServiceServicer, visit_grpc.VisitServiceServicer):
    """One plan in force: everybody but every tenth belongs to Wang; ranks as the real one does."""

    plan: str = "plans/1"
    prices: str = "priceSets/7"

    async def GetRep(self, request: Any, context: Any) -> Any:
        return rep_pb2.Rep(name=request.name, hours_per_week=5.0)

    async def GetPrices(self, request: Any, context: Any) -> Any:
        if not self.prices:
            await context.abort(grpc.StatusCode.NOT_FOUND, "none")
        return price_pb2.PriceSet(name=self.prices)

    async def ListBudgets(self, request: Any, context: Any) -> Any:
        return allocation_pb.ListBudgetsResponse(plan=self.plan)

    async def ListAssignments(self, request: Any, context: Any) -> Any:
        start = int(request.page_token or 0)
        answer = allocation_pb.ListAssignmentsResponse()
        for number, name in enumerate(PEOPLE[start : start + 25], start):
            answer.assignments.add(account=name, rep="reps/li" if number % 10 == 9 else WANG)
        answer.next_page_token = str(start + 25) if start + 25 < len(PEOPLE) else ""
        return answer

    async def RankOutreach(self, request: Any, context: Any) -> Any:
        return rank(request, "USD")


@dataclass
class Recommend(recommend_grpc.RecommendServiceServicer):
    """Knows what came of decisions."""

    outcomes: dict[str, str] = field(default_factory=dict)

    async def ListActions(self, request: Any, context: Any) -> Any:
        answer = recommend_pb.ListActionsResponse()
        for name in (LEAVE_ALONE, CALL, MAIL, "actions/never"):
            answer.actions.add(name=name)
        return answer

    async def GetDecision(self, request: Any, context: Any) -> Any:
        found = decision_pb2.Decision(name=request.name)
        if request.name in self.outcomes:
            found.outcomes.add(kind=self.outcomes[request.name])
        return found


@dataclass
class People(profile_grpc.ProfileServiceServicer):
    """Lists everybody, some at a time."""

    async def ListCustomers(self, request: Any, context: Any) -> Any:
        start = int(request.page_token or 0)
        names = PEOPLE[start : start + 25]
        after = str(start + 25) if start + 25 < len(PEOPLE) else ""
        return profile_pb.ListCustomersResponse(names=names, next_page_token=after)


@dataclass
class Company:
    """Fakes over real sockets."""

    backends: Backends
    allocation: Allocation
    recommend: Recommend
    choices: Choices

    async def day(self, **more: Any) -> ListNextActionsResponse:
        days = RepDays(self.backends, self.choices, lambda: NOW, "USD")  # type: ignore[arg-type]  # decides as it does
        return await days.page(ListNextActionsRequest(parent=WANG, **more))


@asynccontextmanager
async def company() -> AsyncIterator[Company]:
    allocation, recommend = Allocation(), Recommend()  # type: ignore[abstract]  # what the day reaches
    server = grpc.aio.server()
    allocation_grpc.add_AllocationServiceServicer_to_server(allocation, server)
    visit_grpc.add_VisitServiceServicer_to_server(allocation, server)
    recommend_grpc.add_RecommendServiceServicer_to_server(recommend, server)
    profile_grpc.add_ProfileServiceServicer_to_server(People(), server)  # type: ignore[abstract]  # as above
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    backends = Backends.connect(address, address, address, address)
    try:
        yield Company(backends, allocation, recommend, Choices())
    finally:
        await backends.close()
        await server.stop(None)


async def test_every_customer_has_one_place_and_the_list_keeps_within_the_minutes() -> None:
    async with company() as shop:
        found = await shop.day(page_size=500)
    mine = [name for number, name in enumerate(PEOPLE) if number % 10 != 9]
    assert sorted(each.customer for each in found.next_actions) == mine
    listed = [each for each in found.next_actions if each.rank]
    assert [each.rank for each in listed] == list(range(1, len(listed) + 1))
    assert found.rep_day.minutes == 60.0
    assert 60.0 - 8.0 < sum(each.minutes for each in listed) <= 60.0
    ratios = [each.decision.actions[0].value.micros + 100_000 for each in listed]
    worth = [ratio / each.minutes for ratio, each in zip(ratios, listed, strict=True)]
    assert worth == sorted(worth, reverse=True)
    told = found.rep_day
    assert told.listed + told.waiting + told.by_channel + told.left_alone == told.customers == len(mine)
    kinds = [each.decision.chosen_action for each in found.next_actions]
    assert kinds == sorted(kinds, key=[CALL, MAIL, LEAVE_ALONE].index)
    assert all(each.best_time.ToDatetime() == datetime(2017, 12, 25, 15) for each in listed)
    assert math.isclose(told.diversity.coverage, 2 / 3)


async def test_asked_again_and_page_by_page_the_day_is_the_same() -> None:
    async with company() as shop:
        first = await shop.day(page_size=500)
        pages: list[NextAction] = []
        token = ""
        while True:
            page = await shop.day(page_size=20, page_token=token)
            pages += page.next_actions
            token = page.next_page_token
            if not token:
                break
        assert pages == list(first.next_actions)
        with pytest.raises(InvalidRequest):
            await shop.day(page_token="made up")


async def test_those_of_an_earlier_day_have_no_place_on_a_later_one() -> None:
    async with company() as shop:
        days = [await shop.day(day=Date(year=2017, month=12, day=day), page_size=500) for day in (25, 26)]
    on = [{each.customer for each in day.next_actions if each.rank} for day in days]
    assert len(on[0]) > 1
    assert len(on[1]) > 1
    assert not on[0] & on[1]


async def test_who_was_turned_to_gives_his_place_to_another() -> None:
    async with company() as shop:
        before = await shop.day(page_size=500)
        gone, refused = (each.decision.name for each in before.next_actions[:2])
        shop.recommend.outcomes = {gone: "OUTCOME_KIND_ACTED", refused: "OUTCOME_KIND_DECLINED"}
        after = await shop.day(page_size=500)
    listed = {each.decision.name for each in after.next_actions if each.rank}
    assert not listed & {gone, refused}
    assert 60.0 - 8.0 < after.rep_day.minutes_listed <= 60.0
    assert {each.decision.name for each in after.next_actions if each.done} == {gone, refused}


async def test_a_day_that_cannot_be_told_says_what_is_missing() -> None:
    async with company() as shop:
        for day in (
            Date(year=2017, month=12, day=24),
            Date(year=2018, month=2, day=1),
            Date(year=2017, month=2, day=30),
        ):
            with pytest.raises(InvalidRequest):
                await shop.day(day=day)
        shop.choices.away = {PEOPLE[3]}
        with pytest.raises(Unavailable, match="1 customers"):
            await shop.day()
        shop.choices.away = set()
        assert (await shop.day()).rep_day.customers == 54
        shop.allocation.plan = ""
        with pytest.raises(FailedPrecondition, match="fieldwise plan"):
            await shop.day()


async def test_everybody_is_decided_for_and_a_run_that_failed_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choices, place, told = Choices(away={PEOPLE[40]}), job.Place(), list[str]()
    monkeypatch.setattr(job, "Decider", lambda *_: choices)
    async with company() as shop:

        async def run() -> str:
            summary, made = await job.decide_for_all(shop.backends, place, NOW, told.append)
            assert made == ["priceSets/7"]
            return summary

        with pytest.raises(Unavailable):
            await run()
        choices.away, first = set(), list(choices.asked)
        summary = await run()
        again = await run()
    assert Counter(first)[PEOPLE[0]] == Counter(choices.asked[: len(first) + 35])[PEOPLE[0]] == 1
    assert {answer.decision.customer for answer in choices.made.values()} == set(PEOPLE)
    assert summary.startswith("decided for 35 customers")
    assert summary.endswith("(going on where it stopped)")
    assert "decided for 60 customers: 40 with an action, 20 left alone, 0 without either" in again
    assert told[0].startswith("decided for 25 customers")
    assert len(choices.made) == len(PEOPLE)


def test_without_prices_decisions_hold_for_the_day() -> None:
    assert deciding.key_of("", NOW) == "day-2017-12-25"
    assert deciding.key_of("priceSets/7", NOW) == "priceSets-7"


@given(st.dictionaries(st.sampled_from([LEAVE_ALONE, CALL, MAIL, "actions/x"]), st.integers(0, 50)))
def test_diversity_lies_between_one_action_for_all_and_all_alike(counts: dict[str, int]) -> None:
    found = diversity(counts, [LEAVE_ALONE, CALL, MAIL, "actions/x", "actions/y"])
    given_ = [count for action, count in counts.items() if count and action != LEAVE_ALONE]
    assert found.coverage == len(given_) / 4
    assert -1e-12 <= found.entropy_bits <= math.log2(max(1, len(given_))) + 1e-9
    assert found.most_frequent_share == (max(given_) / sum(given_) if given_ else 0.0)


def test_equally_frequent_actions_have_the_most_entropy_and_one_action_has_none() -> None:
    assert math.isclose(diversity({CALL: 5, MAIL: 5, LEAVE_ALONE: 90}, [CALL, MAIL]).entropy_bits, 1.0)
    assert diversity({CALL: 7}, [CALL, MAIL]).entropy_bits == 0.0


def test_a_week_has_five_days_of_work() -> None:
    monday = date(2017, 12, 25)
    week = [minutes_on(day, 40.0, 0.0) for day in days_until(monday, date(2017, 12, 31))]
    assert week == [480.0] * 5 + [0.0] * 2
    assert minutes_on(monday, 40.0, 0.5) == 240.0
    assert days_until(monday, date(2017, 12, 24)) == []
