"""measure-results tells recommend what customers did after decisions: each once, from what profile says at the window's ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import nan
from typing import Any

import grpc.aio

from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.profile.v1 import profile_service_pb2_grpc as profile_grpc
from fieldwise.recommend.v1 import recommend_service_pb2_grpc as recommend_grpc
from fieldwise.recommend.v1 import result_pb2
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.jobs.measuring import measure_results

START = datetime(2017, 12, 1, 9, 30, tzinfo=UTC)
NOW = START + timedelta(days=90)
COLUMNS = ("spend_total", "spend_84d", "purchase_days", "days_since_purchase", "silence_after_days")


@dataclass
class Purchases(profile_grpc.ProfileServiceServicer):
    """Profile with purchases as (days after START, amount) by customer; who has none before a cut-off has no row there."""

    of: dict[str, list[tuple[float, float]]]
    cutoffs: list[int] = field(default_factory=list)

    async def StreamFeatures(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.cutoffs.append(len(request.cutoffs))
        head = profile_pb.StreamFeaturesResponse(cutoff=request.cutoffs[0])
        for name in COLUMNS:
            head.feature_set.columns.add(name=name, unit="USD" if "spend" in name else "d")
        yield head
        for cutoff in request.cutoffs:
            day = (cutoff.ToDatetime(tzinfo=UTC) - START) / timedelta(days=1)
            for name in request.names:
                before = [each for each in self.of.get(name, []) if each[0] < day]
                if before:
                    yield profile_pb.StreamFeaturesResponse(
                        cutoff=cutoff, names=[name], values=self._row(before, day)
                    )

    def _row(self, before: list[tuple[float, float]], day: float) -> list[float]:
        return [
            sum(amount for _, amount in before),
            sum(amount for when, amount in before if when >= day - 84),
            len({int(when // 1) for when, _ in before}),
            day - max(when for when, _ in before),
            20.0 if len(before) > 1 else nan,
        ]


@dataclass
class Decisions(recommend_grpc.RecommendServiceServicer):
    """Recommend with decisions as (customer, days after START), listed two at a time until they are recorded."""

    made: list[tuple[str, float]]
    results: dict[str, result_pb2.DecisionResult] = field(default_factory=dict)

    async def ListDueResults(self, request: Any, context: Any) -> Any:
        answer = result_pb2.ListDueResultsResponse(window_days=28)
        start = int(request.page_token or 0)
        for number, (customer, day) in enumerate(self.made[start : start + 2], start):
            due = answer.due.add(customer=customer, decision=f"decisions/{number:036d}")
            due.decision_time.FromDatetime(START + timedelta(days=day))
        answer.next_page_token = str(start + 2) if start + 2 < len(self.made) else ""
        return answer

    async def RecordResults(self, request: Any, context: Any) -> Any:
        new = [each for each in request.results if each.decision not in self.results]
        self.results |= {each.decision: each for each in new}
        return result_pb2.RecordResultsResponse(recorded=len(new), duplicates=len(request.results) - len(new))


def purchases(of: dict[str, list[tuple[float, float]]]) -> Purchases:
    return Purchases(of)  # type: ignore[abstract]  # it has the method that the job reaches


def decisions(made: list[tuple[str, float]]) -> Decisions:
    return Decisions(made)  # type: ignore[abstract]  # as above


async def measured(profile: Purchases, recommend: Decisions) -> str:
    server = grpc.aio.server()
    profile_grpc.add_ProfileServiceServicer_to_server(profile, server)
    recommend_grpc.add_RecommendServiceServicer_to_server(recommend, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    backends = Backends.connect(address, address, address, address)
    try:
        told, _ = await measure_results(backends, NOW)
    finally:
        await backends.close()
        await server.stop(None)
    return told


async def test_money_and_purchases_of_the_window_are_those_between_its_ends() -> None:
    profile = purchases(
        {
            "customers/loyal": [
                (-200, 50.0),
                (-10, 30.0),
                (-1, 20.0),
                (0.2, 7.0),
                (9, 5.0),
                (27.9, 3.0),
                (28.1, 99.0),
            ],
            "customers/silent": [(-60, 10.0), (-50, 10.0)],
            "customers/new": [(13, 8.0)],
            "customers/lapsing": [(-12, 10.0), (-2, 10.0)],
        }
    )
    recommend = decisions([(name, 0.0) for name in profile.of])
    told = await measured(profile, recommend)
    assert told == "measured 4 decisions; of 0 nothing can be known"
    loyal, silent, new, lapsing = (each.measured for each in recommend.results.values())
    assert (loyal.money.micros, loyal.money.currency_code) == (15_000_000, "USD")
    assert loyal.money_before.micros == 50_000_000
    assert (loyal.purchase_days, loyal.bought_in_7_days, loyal.bought, loyal.had_bought) == (
        3,
        True,
        True,
        True,
    )
    assert (silent.money.micros, silent.bought, silent.was_silent, silent.silent) == (0, False, True, True)
    assert (new.had_bought, new.bought_in_7_days, new.bought_in_14_days, new.bought) == (
        False,
        False,
        True,
        True,
    )
    assert new.money.micros == 8_000_000
    assert (lapsing.was_silent, lapsing.silent, lapsing.bought) == (False, True, False)


async def test_who_is_gone_or_withheld_is_told_as_unknown_and_decisions_of_many_moments_take_few_cutoffs() -> (
    None
):
    customers = {f"customers/{number}": [(-5.0, 1.0), (number, 2.0)] for number in range(40)}
    profile = purchases(customers)
    recommend = decisions(
        [*((name, day / 3) for day, name in enumerate(customers)), ("customers/gone", 20.0)]
    )
    told = await measured(profile, recommend)
    assert told == "measured 40 decisions; of 1 nothing can be known"
    assert not list(recommend.results.values())[-1].HasField("measured")
    assert max(profile.cutoffs) <= 60
    for number, result in enumerate(list(recommend.results.values())[:40]):
        within = number / 3 <= number < number / 3 + 28
        assert result.measured.money.micros == (2_000_000 if within else 0)
        assert result.measured.bought == within


async def test_measuring_again_changes_nothing() -> None:
    profile = purchases({"customers/1": [(-5.0, 1.0), (1.0, 2.0)]})
    recommend = decisions([("customers/1", 0.0)])
    await measured(profile, recommend)
    first = dict(recommend.results)
    profile.of["customers/1"].append((2.0, 50.0))
    assert await measured(profile, recommend) == "measured 0 decisions; of 0 nothing can be known"
    assert recommend.results == first
