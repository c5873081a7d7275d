"""Whether prices ration: a scarcer budget costs more and is used less, and decisions one by one overspend nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

from benchmarks.decide.company import Company
from benchmarks.decide.systems import Gateway
from benchmarks.report import Report, Row
from fieldwise.allocation.v1 import price_pb2
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise.gateway.v1 import gateway_service_pb2_grpc as gateway_grpc
from fieldwise.recommend.v1 import decision_pb2
from fieldwise_client.installation import Installation

COUPONS = "coupon-money"
_BATCH = 500


async def measure(company: Company, customers: Sequence[str], report: Report, decisions: int) -> None:
    """Price a fresh week with the coupon budget and with half of it; then decide one by one in the next week."""
    weeks = Weeks(company)
    with company.doors() as doors:
        stated = budgets_of(priced(doors))
        await weeks.begin()
        # Both in one week of which nothing is spent: the customers are the same, only the budget differs.
        whole, half = (coupons(solved(doors, scaled(stated, share))) for share in (1.0, 0.5))
        price, use = half.micros_per_unit / whole.micros_per_unit, half.used / whole.used
        report.add(Row("coupon price after halving its budget", price, "x", "must", "> 1"))
        report.add(Row("coupons used after halving their budget, as solved", use, "x", "must", "< 1"))
        spent = used_by(await weeks.everybody(customers))[COUPONS] / half.capacity
        report.add(
            Row("share of the halved budget used by decisions for everybody", spent, "share", "must", "<= 1")
        )
        await weeks.begin()
        prices = solved(doors, scaled(stated, 0.5))
        made = [await weeks.gateway.decide(customers[number % len(customers)]) for number in range(decisions)]
        _tell(report, prices, made)


class Weeks:
    """Weeks of the business clock: budgets are per week, so a fresh one has all of them left."""

    def __init__(self, company: Company) -> None:
        self.gateway = Gateway(company)
        self._company = company
        self._stub = gateway_grpc.GatewayServiceStub(self.gateway.channel)

    async def begin(self) -> None:
        """Move the clock by a week."""
        move = gateway_pb.MoveClockRequest()
        move.to.FromDatetime(self._company.now() + timedelta(weeks=1))
        await self._stub.MoveClock(move, timeout=10)

    async def everybody(self, customers: Sequence[str]) -> list[decision_pb2.Decision]:
        """A decision for each, in batches."""
        made: list[decision_pb2.Decision] = []
        for start in range(0, len(customers), _BATCH):
            made += await self.gateway.batch(customers[start : start + _BATCH])
        return made


def solved(doors: Installation, budgets: Sequence[price_pb2.Budget]) -> price_pb2.PriceSet:
    """The prices of these budgets for the week that runs."""
    doors.set_budgets(budgets)
    doors.run_job("solve-prices", lambda _: None)
    return priced(doors)


def coupons(prices: price_pb2.PriceSet) -> price_pb2.Price:
    return next(each for each in prices.prices if each.resource == COUPONS)


def _tell(report: Report, prices: price_pb2.PriceSet, decisions: Sequence[decision_pb2.Decision]) -> None:
    used = used_by(decisions)
    shares = [used[price.resource] / price.capacity for price in prices.prices if price.capacity]
    overruns = sum(share > 1 + 1e-9 for share in shares)
    label = f"budgets overrun by {len(decisions):,} decisions one by one, of {len(shares)}"
    report.add(Row(label, overruns, "budgets", "must", "<= 0"))
    report.add(Row("largest share of a budget used by them", max(shares), "share"))


def priced(doors: Installation) -> price_pb2.PriceSet:
    found = doors.prices()
    assert found is not None, "no prices are in force"
    return found


def budgets_of(prices: price_pb2.PriceSet) -> list[price_pb2.Budget]:
    """The budgets that prices were solved from; reps' minutes follow from their hours and are none."""
    return [
        price_pb2.Budget(resource=price.resource, unit=price.unit, capacity=price.capacity)
        for price in prices.prices
        if not price.resource.endswith("/minutes")
    ]


def scaled(budgets: Sequence[price_pb2.Budget], share: float) -> list[price_pb2.Budget]:
    """The budgets with this share of the coupon money."""
    return [
        price_pb2.Budget(
            resource=budget.resource,
            unit=budget.unit,
            capacity=budget.capacity * (share if budget.resource == COUPONS else 1.0),
        )
        for budget in budgets
    ]


def used_by(decisions: Iterable[decision_pb2.Decision]) -> dict[str, float]:
    """What the chosen actions take; the same action for the same customer is carried out once in a period."""
    once = {(decision.customer, decision.chosen_action): decision for decision in decisions}
    used: dict[str, float] = defaultdict(float)
    for decision in once.values():
        for ranked in decision.actions:
            if ranked.chosen:
                for price in ranked.money.prices:
                    used[price.resource] += price.use
    return used
