"""Prices run the engine: a scarcer budget costs more and is used less, and decisions one by one never overspend."""

from __future__ import annotations

from collections import defaultdict

from fieldwise.allocation.v1 import price_pb2
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.recommend.v1 import decision_pb2
from tests.system.installation import Running
from tests.system.small_world import CUSTOMERS, customer


def price_of(prices: price_pb2.PriceSet, resource: str) -> price_pb2.Price:
    return next(price for price in prices.prices if price.resource == resource)


def decided(company: Running, label: str) -> list[decision_pb2.Decision]:
    request = pb.BatchDecideRequest(
        request_id=label, customers=[customer(number) for number in range(CUSTOMERS)]
    )
    return list(company.gateway.BatchDecide(request, timeout=20).decisions)


def spent(decisions: list[decision_pb2.Decision]) -> dict[str, float]:
    """What the chosen actions take of each resource."""
    used: dict[str, float] = defaultdict(float)
    for decision in decisions:
        for ranked in decision.actions:
            if ranked.chosen:
                for price in ranked.money.prices:
                    used[price.resource] += price.use
    return used


def test_halving_the_coupon_budget_raises_its_price_and_lowers_its_use(company: Running) -> None:
    company.set_budgets(coupon_money=30.0, email_slots=40.0)
    company.run_job("solve-prices")
    whole, uses_whole = price_of(company.prices(), "coupon-money"), spent(decided(company, "whole"))
    company.set_budgets(coupon_money=15.0, email_slots=40.0)
    company.run_job("solve-prices")
    half, uses_half = price_of(company.prices(), "coupon-money"), spent(decided(company, "half"))
    assert half.micros_per_unit > whole.micros_per_unit > 0
    assert uses_half["coupon-money"] < uses_whole["coupon-money"]
    assert uses_half["coupon-money"] <= 15.0
    assert company.prices().gap <= 0.2


def test_decisions_one_by_one_stay_within_every_budget(company: Running) -> None:
    company.set_budgets(coupon_money=20.0, email_slots=25.0)
    company.run_job("solve-prices")
    prices = company.prices()
    decisions = [company.decide(customer(number % CUSTOMERS)) for number in range(2 * CUSTOMERS)]
    used = spent(list({(d.customer, d.chosen_action): d for d in decisions}.values()))
    for price in prices.prices:
        assert used[price.resource] <= price.capacity + 1e-9, price.resource
    assert used["email-slots"] > 0, "a budget that nobody uses would hold trivially"
