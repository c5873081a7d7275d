"""Amounts of money as the wire brings them, and what is wrong with one; knows no call."""

from __future__ import annotations

from fieldwise.type.v1.money_pb2 import Money
from fieldwise_runtime.errors import Violation


def foreign(amount: Money, currency: str, at: str) -> list[Violation]:
    """The fault of an amount in another currency than the installation's; one that names none is in it."""
    if amount.currency_code in ("", currency):
        return []
    remedy = f"send amounts in {currency}, the installation's currency"
    return [Violation.of(f"{at}.currency_code", amount.currency_code, remedy)]


def unusable(amount: Money, currency: str, at: str) -> list[Violation]:
    """Faults of an amount that has to be 0 or more."""
    negative = [Violation.of(f"{at}.micros", amount.micros, "send 0 or more")] if amount.micros < 0 else []
    return [*foreign(amount, currency, at), *negative]
