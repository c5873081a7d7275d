"""Prices run the engine: a scarcer budget costs more and is used less, and decisions one by one never overspend."""

from __future__ import annotations

import uuid
from collections import defaultdict

from fieldwise.allocation.v1 import price_pb2
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.recommend.v1 import decision_pb2
from tests.system.installation import Running
from tests.system.small_world import CUSTOMERS, customer


def price_of(prices: price_pb2.PriceSet, resource: str) -> price_pb2.Price:
    return next(price for price in prices.prices if price.resource == resource)


def decided(company: Running) -> list[decision_pb2.Decision]:
    customers = [customer(number) for number in range(CUSTOMERS)]
    request = pb.BatchDecideRequest(request_id=uuid.uuid4().hex, customers=customers)
    return list(company.gateway.BatchDecide(request, timeout=20).decisions)


def spent(decisions: list[decision_pb2.Decision]) -> dict[str, float]:
    """What the chosen actions take of each resource; the same action for the same customer takes it once."""
    chosen = {(decision.customer, decision.chosen_action): decision for decision in decisions}
    used: dict[str, float] = defaultdict(float)
    for decision in chosen.values():
        for ranked in decision.actions:
            for price in ranked.money.prices if ranked.chosen else ():
                used[price.resource] += price.use
    return used


def test_halving_the_coupon_budget_raises_its_price_and_lowers_its_use(company: Running) -> None:
    whole, uses_whole = company.next_week(coupon_money=12.0, email_slots=40.0), spent(decided(company))
    half, uses_half = company.next_week(coupon_money=6.0, email_slots=40.0), spent(decided(company))
    dearer, cheaper = price_of(half, "coupon-money"), price_of(whole, "coupon-money")
    assert dearer.micros_per_unit > cheaper.micros_per_unit > 0
    assert 0 < uses_half["coupon-money"] < uses_whole["coupon-money"]
    assert uses_half["coupon-money"] <= 6.0
    assert half.gap <= 0.2


def test_decisions_one_by_one_stay_within_every_budget(company: Running) -> None:
    prices = company.next_week(coupon_money=6.0, email_slots=25.0)
    used = spent([company.decide(customer(number % CUSTOMERS)) for number in range(2 * CUSTOMERS)])
    for price in prices.prices:
        assert used[price.resource] <= price.capacity + 1e-9, price.resource
    assert used["email-slots"] > 0, "a budget that nobody uses would hold trivially"


def test_prices_solved_again_in_the_week_give_no_budget_twice(company: Running) -> None:
    company.next_week(coupon_money=6.0, email_slots=25.0)
    decisions = decided(company)
    first = spent(decisions)
    company.run_job("solve-prices")
    again = company.prices()
    assert price_of(again, "email-slots").used >= first["email-slots"] > 0
    both = spent([*decisions, *decided(company)])
    for price in again.prices:
        assert both[price.resource] <= price.capacity + 1e-9, price.resource
