"""The short way: purchases and browsing that are right at a glance; knows no reason to refuse.

Almost all events of a load are such. The way accepts only what the field rules
accept; None says nothing about an event but that it must be checked rule by rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fieldwise.profile.v1 import event_pb2
from fieldwise.type.v1 import money_pb2
from fieldwise_profile.core.event import Event, Kind
from fieldwise_profile.reading.columns import DEFAULT_CHANNEL, flagged, personal_json
from fieldwise_profile.reading.faults import EARLIEST, MOST_MONEY, moment
from fieldwise_profile.reading.names import Names

MOST_DWELL_MS: Final = 86_400_000
_PURCHASE, _VIEW, _CLICK, _SEARCH, _MESSAGE = map(
    int, (Kind.PURCHASE, Kind.VIEW, Kind.CLICK, Kind.SEARCH, Kind.MESSAGE)
)
_VIEWED_IN: Final = frozenset({"web", "app", "store", "social"})
_SEARCHED_IN: Final = frozenset({"web", "app"})
_WRITTEN_IN: Final = frozenset({"email", "sms", "app", "social", "mail"})
_LAST_STAGE: Final = int(event_pb2.MESSAGE_STAGE_ANSWERED)
# Longer texts are looked at with the rest: they could make the event too large.
_QUICK_TEXT: Final = 2048
_CLICKED_IN: Final = frozenset({"web", "app", "email", "social"})


def quick(
    sent: event_pb2.Event,
    now: int,
    shift: int,
    currency: str,
    names: Names,
) -> Event | None:
    """The event, when it is right at a glance."""
    read = _QUICK.get(sent.WhichOneof("what") or "")
    source, customer, event_id = sent.source, sent.customer, sent.event_id
    if read is None or sent.schema_version or not names.are_right(source, customer):
        return None
    event_time = moment(sent.event_time)
    known_at = moment(sent.known_at) if sent.HasField("known_at") else now - shift
    if not (0 < event_time <= known_at <= now - shift and 0 < len(event_id) <= 128 and "\0" not in event_id):
        return None
    if event_time + shift < EARLIEST:
        return None
    head = (source, event_id, customer, event_time + shift, known_at + shift)
    return read(head, sent, currency)


# Columns between those that are set: from the quantity to the coupon, and from the rep to the target or before it. By place,
# since a load makes millions of events, and names take a third more time.
_SIX: Final = (None,) * 6
_FIVE: Final = (None,) * 5
_FOUR: Final = (None,) * 4
_Head = tuple[str, str, str, int, int]


def _purchase(head: _Head, sent: event_pb2.Event, currency: str) -> Event | None:
    line = sent.purchase
    product, category, basket, quantity = line.product, line.category, line.basket, line.quantity
    amount, discount = _money(line.amount, currency), 0
    if line.HasField("discount"):
        discount = _money(line.discount, currency)
    if (
        amount >= 0
        and discount >= 0
        and quantity >= 0
        and 0 < len(product) <= 64
        and 0 < len(category) <= 64
        and len(basket) <= 64
        and "\0" not in product + category + basket
    ):
        return Event(*head, _PURCHASE, product, category, quantity, amount, discount, basket or None)
    return None


def _money(money: money_pb2.Money, currency: str) -> int:
    """Micros of the installation's currency; -1 for anything to look at twice."""
    micros = money.micros
    return micros if money.currency_code == currency and 0 <= micros <= MOST_MONEY else -1


def _view(head: _Head, sent: event_pb2.Event, _: str) -> Event | None:
    view = sent.view
    product, category, channel, agent = (
        view.product,
        view.category,
        view.channel or DEFAULT_CHANNEL,
        view.agent,
    )
    dwell = view.dwell_ms if view.HasField("dwell_ms") else None
    if (
        (dwell is None or 0 <= dwell <= MOST_DWELL_MS)
        and channel in _VIEWED_IN
        and len(product) <= 64
        and len(category) <= 64
        and len(agent) <= 512
        and "\0" not in product + category + agent
    ):
        flags = flagged(agent) if agent else None
        return Event(
            *head, _VIEW, product or None, category or None, *_SIX, channel, *_FIVE, dwell, None, flags
        )
    return None


def _click(head: _Head, sent: event_pb2.Event, _: str) -> Event | None:
    click = sent.click
    target, product, category, agent = click.target, click.product, click.category, click.agent
    channel = click.channel or DEFAULT_CHANNEL
    if (
        channel in _CLICKED_IN
        and 0 < len(target) <= 64
        and len(product) <= 64
        and len(category) <= 64
        and len(agent) <= 512
        and "\0" not in target + product + category + agent
    ):
        flags = flagged(agent) if agent else None
        looked = (product or None, category or None)
        return Event(*head, _CLICK, *looked, *_SIX, channel, *_FOUR, target, None, None, flags)
    return None


def _search(head: _Head, sent: event_pb2.Event, _: str) -> Event | None:
    search = sent.search
    query, product, category = search.query, search.product, search.category
    channel = search.channel or DEFAULT_CHANNEL
    results = search.results if search.HasField("results") else None
    if (
        (results is None or results >= 0)
        and channel in _SEARCHED_IN
        and 0 < len(query) <= 256
        and len(product) <= 64
        and len(category) <= 64
        and "\0" not in query + product + category
    ):
        personal = personal_json(query=query)
        looked = (product or None, category or None)
        return Event(*head, _SEARCH, *looked, *_SIX, channel, *_FIVE, results, None, None, None, personal)
    return None


def _message(head: _Head, sent: event_pb2.Event, _: str) -> Event | None:
    message = sent.message
    name, campaign, text, channel = message.message, message.campaign, message.text, message.channel
    if (
        1 <= message.stage <= _LAST_STAGE
        and channel in _WRITTEN_IN
        and len(name) <= 64
        and len(campaign) <= 64
        and len(text) <= _QUICK_TEXT
        and "\0" not in name + campaign + text
    ):
        personal = personal_json(text=text) if text else None
        stage = int(message.stage)
        name, campaign = name or None, campaign or None  # type: ignore[assignment]  # an empty one is none
        return Event(
            *head, _MESSAGE, *_SIX, campaign, None, channel, *_FOUR, name, None, stage, None, None, personal
        )
    return None


_QUICK: Final[dict[str, Callable[[_Head, event_pb2.Event, str], Event | None]]] = {
    "purchase": _purchase,
    "view": _view,
    "click": _click,
    "search": _search,
    "message": _message,
}
