"""Small markets for the tests of prices, candidate by candidate; each shows only what matters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.prices.market import Market, offsets


@dataclass(frozen=True, order=True)
class Offer:
    """A candidate as people write it."""

    customer: str
    action: str
    value: float
    uses: tuple[tuple[str, float], ...] = ()
    assumed: bool = False


def market_of(offers: Iterable[Offer], capacity: Sequence[tuple[str, float]]) -> Market:
    """Customers and candidates by name; offers have to be worth something."""
    listed = sorted(offers)
    place = {name: i for i, (name, _) in enumerate(capacity)}
    customers = list(dict.fromkeys(offer.customer for offer in listed))
    counts = [sum(offer.customer == name for offer in listed) for name in customers]
    uses = [use for offer in listed for use in offer.uses]
    return Market.of(
        capacity=np.array([amount for _, amount in capacity], dtype=np.float64),
        first=offsets(np.array(counts, dtype=np.int64)),
        value=np.array([offer.value for offer in listed]),
        first_use=offsets(np.array([len(offer.uses) for offer in listed], dtype=np.int64)),
        resource=np.array([place[name] for name, _ in uses], dtype=np.int32),
        amount=np.array([amount for _, amount in uses], dtype=np.float64),
        assumed=np.array([offer.assumed for offer in listed], dtype=np.bool_),
    )


def offers(customers: int, *, seed: int = 0, scale: float = 1.0) -> list[Offer]:
    """Up to three actions a customer over two reps' minutes, coupon money and e-mail slots."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(customers):
        minutes, coupons = rng.uniform(5, 30), rng.uniform(1, 5)
        for action, uses in (
            ("call", ((f"reps/r{i % 2}/minutes", float(minutes)),)),
            ("coupon", (("coupon-money", float(coupons)), ("email-slots", 1.0))),
            ("visit", (("coupon-money", float(coupons) / 2), (f"reps/r{i % 2}/minutes", float(minutes) * 2))),
        ):
            value = float(rng.normal(4, 4)) * scale
            if value > 0:
                made.append(Offer(f"customers/{i:05}", f"actions/{action}", value, uses, i % 4 == 0))
    return made


def capacities(customers: int, scarcity: float = 1.0) -> list[tuple[str, float]]:
    return [
        ("coupon-money", 0.8 * customers * scarcity),
        ("email-slots", 0.3 * customers * scarcity),
        ("reps/r0/minutes", 4.0 * customers * scarcity),
        ("reps/r1/minutes", 4.0 * customers * scarcity),
    ]


def market(customers: int, *, seed: int = 0, scarcity: float = 1.0, scale: float = 1.0) -> Market:
    return market_of(offers(customers, seed=seed, scale=scale), capacities(customers, scarcity))
