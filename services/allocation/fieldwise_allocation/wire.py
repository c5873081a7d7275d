"""Messages of the allocation contract to core values and back; knows no rule beyond the currency and the defaults."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.type import latlng_pb2

from fieldwise.allocation.v1 import price_pb2, rep_pb2
from fieldwise.type.v1 import money_pb2
from fieldwise_allocation.core import budgets
from fieldwise_allocation.core.prices.outcome import Clearing
from fieldwise_allocation.core.question import Place, Rep
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, Violation

MICROS = 1_000_000
MOST_MICROS = 2**63 - 1


def money(amount: float, currency: str) -> money_pb2.Money:
    """Whole currency units as micros, to the nearest.

    Raises:
        FailedPrecondition: Reason AMOUNT_TOO_LARGE, more than a message can state.
    """
    micros = round(amount * MICROS)
    if abs(micros) > MOST_MICROS:
        message = f"an amount of the answer is {amount:.4g} {currency}, above {MOST_MICROS / MICROS:.4g}; state smaller amounts"
        raise FailedPrecondition("AMOUNT_TOO_LARGE", message)
    return money_pb2.Money(currency_code=currency, micros=micros)


def demand_currency(stated: Iterable[tuple[str, money_pb2.Money]], currency: str) -> None:
    """Refuse amounts of another currency.

    Raises:
        InvalidRequest: Reason FOREIGN_CURRENCY, every such field named.
    """
    remedy = f"state every amount in {currency}, the currency of this installation"
    foreign = [
        Violation.of(f"{path}.currency_code", amount.currency_code, remedy)
        for path, amount in stated
        if amount.currency_code != currency
    ]
    if foreign:
        raise InvalidRequest(foreign, reason="FOREIGN_CURRENCY")


# ---- reps and budgets ---------------------------------------------------------------------------------------------


def rep_from(message: rep_pb2.Rep) -> Rep:
    home = _place(message.home) if message.HasField("home") else None
    return Rep(
        message.name,
        message.hours_per_week,
        home,
        frozenset(message.skills),
        message.display_name,
        share=message.share_of_full_time or 1.0,
        free_home=message.free_home,
    )


def rep_message(rep: Rep) -> rep_pb2.Rep:
    """Skills come back sorted."""
    message = rep_pb2.Rep(
        name=rep.name, display_name=rep.display_name, hours_per_week=rep.hours, skills=sorted(rep.skills)
    )
    # Full time is the default: it goes unsaid, and a rep comes back as he was sent.
    message.share_of_full_time = 0.0 if rep.share == 1 else rep.share
    message.free_home = rep.free_home
    if rep.home is not None:
        message.home.latitude, message.home.longitude = rep.home.latitude, rep.home.longitude
    return message


def budget_from(message: price_pb2.Budget) -> budgets.Budget:
    return budgets.Budget(message.resource, message.unit, message.capacity)


def budget_message(budget: budgets.Budget) -> price_pb2.Budget:
    return price_pb2.Budget(resource=budget.resource, unit=budget.unit, capacity=budget.capacity)


def _place(message: latlng_pb2.LatLng) -> Place:
    return Place(message.latitude, message.longitude)


# ---- prices -------------------------------------------------------------------------------------------------------


def price_set_message(
    clearing: Clearing, stated: Sequence[budgets.Budget], currency: str
) -> price_pb2.PriceSet:
    """The price set without its name and its time; ``stated`` are the budgets, in the order of the prices."""
    priced = zip(stated, clearing.price.tolist(), clearing.used.tolist(), strict=True)
    return price_pb2.PriceSet(
        prices=[
            price_pb2.Price(
                resource=budget.resource,
                unit=budget.unit,
                micros_per_unit=price * MICROS,
                capacity=budget.capacity,
                used=used,
            )
            for budget, price, used in priced
        ],
        value=money(clearing.value, currency),
        bound=money(clearing.bound, currency),
        gap=clearing.gap,
        assumed_share=min(1.0, clearing.assumed_share),
    )
