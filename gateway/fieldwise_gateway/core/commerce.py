"""E-commerce events by the names that Segment's specifications give them, as kinds that profile understands; knows no message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from fieldwise_gateway.core.capture import (
    MOST_LINES,
    Fields,
    first_text,
    known,
    micros,
    number,
    text,
)
from fieldwise_runtime.errors import Violation

_SENT, _OPENED = 1, 2
# A billion: beyond it a number is a fault of the source, as profile judges money.
_MOST: Final = 10**9


class Told(NamedTuple):
    """One event of an SDK.

    Attributes:
        channel: Where it happened, ``web`` or ``app``; ``agent`` is what the browser calls itself.
        currency: The installation's, for money that names none.
        faults: What is wrong is added to it.
    """

    properties: Fields
    channel: str
    agent: str
    currency: str
    event_id: str
    faults: list[Violation]


# What a name becomes: kind and fields, several for an order of several lines.
Happened = tuple[str, Fields]
_Reading = Callable[[Told], list[Happened]]


def read(name: str, told: Told) -> list[Happened] | None:
    """What a tracked event of this name is; None for a name that is the company's own."""
    reading = _NAMES.get(name.lower().removeprefix("ecommerce: "))
    return None if reading is None else reading(told)


def product_of(properties: Fields) -> str:
    """The product's id in the source system."""
    return first_text(properties, "product_id", "productId", "sku", "id")


def view(told: Told, category: str = "") -> Happened:
    """Somebody looked at a page or a product."""
    fields = known(
        [
            ("product", first_text(told.properties, "product_id", "productId", "sku")),
            ("category", category or first_text(told.properties, "category", "category_id")),
            ("channel", told.channel),
            ("agent", told.agent),
        ]
    )
    return "view", fields


def _viewed(told: Told) -> list[Happened]:
    return [view(told)]


def _searched(told: Told) -> list[Happened]:
    query = first_text(told.properties, "query", "search_query", "search_term")
    results = number(told.properties.get("results_count", told.properties.get("results")))
    fields = known(
        [
            ("query", query),
            ("category", first_text(told.properties, "category")),
            ("product", first_text(told.properties, "product_id", "sku")),
            ("results", None if results is None else int(results)),
            ("channel", told.channel),
        ]
    )
    return [("search", fields)]


def _clicked(target: str) -> _Reading:
    """A click; what was clicked is the event's own name, or the promotion or link that it names."""

    def reading(told: Told) -> list[Happened]:
        fields = known(
            [
                ("target", target),
                ("product", product_of(told.properties)),
                ("category", first_text(told.properties, "category", "category_id")),
                ("channel", told.channel),
                ("agent", told.agent),
            ]
        )
        return [("click", fields)]

    return reading


def _promotion(told: Told) -> list[Happened]:
    target = first_text(told.properties, "promotion_id", "id", "name") or "promotion"
    return [("click", known([("target", target), ("channel", told.channel), ("agent", told.agent)]))]


def _ordered(told: Told) -> list[Happened]:
    lines = told.properties.get("products")
    if not isinstance(lines, list) or not lines:
        remedy = "list what was bought: product_id, price, quantity and category of each"
        told.faults.append(Violation("properties.products", "nothing", remedy))
        return []
    if len(lines) > MOST_LINES:
        told.faults.append(
            Violation("properties.products", f"{len(lines)} lines", f"send at most {MOST_LINES} in one event")
        )
        return []
    read_lines = [
        _line(f"properties.products[{index}]", line, told.faults) for index, line in enumerate(lines)
    ]
    if told.faults:
        return []
    discount = _discount(told)
    if told.faults:
        return []
    amounts = [line.amount for line in read_lines]
    shares = divided(min(discount, sum(amounts)), amounts)
    currency = first_text(told.properties, "currency").upper() or told.currency
    basket = first_text(told.properties, "order_id", "orderId", "checkout_id")
    return [
        ("purchase", _purchase(line, share, currency, basket))
        for line, share in zip(read_lines, shares, strict=True)
    ]


class _Line(NamedTuple):
    product: str
    category: str
    quantity: int
    amount: int


def _line(path: str, line: Any, faults: list[Violation]) -> _Line:
    values: Fields = line if isinstance(line, dict) else {}
    product = product_of(values)
    if not product:
        faults.append(Violation(f"{path}.product_id", "nothing", "name the product: product_id or sku"))
    price = number(values.get("price"))
    if price is None or not 0 <= price <= _MOST:
        remedy = f"give the price of one unit, 0 to {_MOST}"
        faults.append(Violation.of(f"{path}.price", values.get("price"), remedy))
    quantity = number(values.get("quantity", 1))
    if quantity is None or not 0 <= quantity <= _MOST or not quantity.is_integer():
        remedy = f"give a whole number of units, 0 to {_MOST}"
        faults.append(Violation.of(f"{path}.quantity", values.get("quantity"), remedy))
    if faults:
        return _Line("", "", 0, 0)
    assert price is not None
    assert quantity is not None
    amount = micros(price * quantity)
    return _Line(product, first_text(values, "category") or "unknown", int(quantity), amount)


def _discount(told: Told) -> int:
    """Of the whole order, micros."""
    stated = told.properties.get("discount")
    discount = 0.0 if stated in (None, "") else number(stated)
    if discount is None or not 0 <= discount <= _MOST:
        remedy = f"give an amount, 0 to {_MOST}, or leave it out"
        told.faults.append(Violation.of("properties.discount", stated, remedy))
        return 0
    return micros(discount)


def divided(total: int, weights: list[int]) -> list[int]:
    """A total divided by weights, to the last micro: what rounding leaves goes to the first lines."""
    whole = sum(weights)
    if not total or not whole:
        return [0] * len(weights)
    shares = [total * weight // whole for weight in weights]
    left = total - sum(shares)
    for index, weight in enumerate(weights):
        room = min(left, weight - shares[index])
        shares[index] += room
        left -= room
    return shares


def _purchase(line: _Line, share: int, currency: str, basket: str) -> Fields:
    money = {"currency_code": currency, "micros": line.amount - share}
    fields: dict[str, Any] = {
        "product": line.product,
        "category": line.category,
        "quantity": line.quantity,
        "amount": money,
    }
    if share:
        fields["discount"] = {"currency_code": currency, "micros": share}
    if basket:
        fields["basket"] = basket
    return fields


def _redeemed(told: Told) -> list[Happened]:
    coupon = first_text(told.properties, "coupon_id", "coupon", "code")
    campaign = first_text(told.properties, "campaign", "campaign_id", "coupon_name") or coupon
    return [("redemption", known([("campaign", campaign), ("coupon", coupon)]))]


def _reviewed(told: Told) -> list[Happened]:
    rating = number(told.properties.get("rating"))
    fields = known(
        [
            ("product", product_of(told.properties)),
            ("category", first_text(told.properties, "category")),
            ("rating", None if rating is None else round(rating)),
            ("text", first_text(told.properties, "review_body", "review", "text")),
        ]
    )
    return [("review", fields)]


def _message(channel: str, stage: int) -> _Reading:
    def reading(told: Told) -> list[Happened]:
        campaign = told.properties.get("campaign")
        named = campaign if isinstance(campaign, dict) else {"name": campaign}
        fields = known(
            [
                ("stage", stage),
                ("channel", channel),
                ("message", first_text(told.properties, "email_id", "message_id", "notification_id")),
                ("campaign", first_text(told.properties, "campaign_id") or first_text(named, "id", "name")),
            ]
        )
        return [("message", fields)]

    return reading


def _link_clicked(told: Told) -> list[Happened]:
    target = first_text(told.properties, "link_id", "email_id") or "link"
    return [("click", {"target": target, "channel": "email"})]


def _unsubscribed(told: Told) -> list[Happened]:
    return [("consent", {"channel": "email", "granted": False, "proof": f"sdk event {told.event_id}"})]


def consents(preferences: Fields, event_id: str, faults: list[Violation]) -> Iterator[Happened]:
    """Consents by category, where a category is named as our purposes or channels are; others are the site's own business."""
    for name, granted in preferences.items():
        key = text(name).lower()
        if key not in _PURPOSES and key not in _CHANNELS:
            continue
        if not isinstance(granted, bool):
            path = f"context.consent.categoryPreferences.{key}"
            faults.append(Violation.of(path, granted, "send true or false"))
            continue
        stated = {"purpose": _PURPOSES[key]} if key in _PURPOSES else {"channel": key}
        yield "consent", {**stated, "granted": granted, "proof": f"sdk event {event_id}"}


# Numbers of profile's contract (consent.proto).
_PURPOSES: Final = {"decision": 1, "training": 2}
_CHANNELS: Final = frozenset({"call", "email", "mail", "sms", "app", "social", "all"})

_NAMES: Final[Mapping[str, _Reading]] = {
    "product viewed": _viewed,
    "product list viewed": _viewed,
    "product list filtered": _viewed,
    "products searched": _searched,
    "order completed": _ordered,
    "coupon applied": _redeemed,
    "product reviewed": _reviewed,
    "promotion clicked": _promotion,
    "email delivered": _message("email", _SENT),
    "email opened": _message("email", _OPENED),
    "email link clicked": _link_clicked,
    "unsubscribed": _unsubscribed,
    "push notification received": _message("app", _SENT),
    "push notification tapped": _message("app", _OPENED),
} | {
    name: _clicked(name)
    for name in (
        "product clicked",
        "product added",
        "product removed",
        "product added to wishlist",
        "product removed from wishlist",
        "wishlist product added to cart",
        "product shared",
        "cart viewed",
        "cart shared",
        "checkout started",
        "checkout step viewed",
        "checkout step completed",
        "payment info entered",
        "coupon entered",
    )
}
