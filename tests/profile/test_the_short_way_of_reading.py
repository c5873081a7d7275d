"""The short way of reading accepts nothing that the field rules refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise.profile.v1 import event_pb2, profile_service_pb2
from fieldwise.type.v1 import money_pb2
from fieldwise_profile.reading import Batch, Reader, batches
from fieldwise_runtime.rules import violations
from tests.profile.builders import NOW, at, batch, purchase, unstated

TEXT = st.sampled_from(["", "a", "x" * 64, "x" * 65, "x" * 128, "x" * 129, "\0", "é"])
MONEY = st.builds(
    money_pb2.Money,
    currency_code=st.sampled_from(["", "USD", "EUR", "usd"]),
    micros=st.sampled_from([-1, 0, 1, 10**15, 10**15 + 1, 2**62]),
)
TIMES = st.sampled_from([0, -1, 946_684_799, 946_684_800, NOW - 5, NOW, NOW + 1, 4_102_444_800, 2**40])


CHANNELS = st.sampled_from(["", "web", "app", "store", "email", "fax"])
AGENTS = st.sampled_from(["", "Mozilla/5.0 (CUBOT P80)", "Googlebot/2.1", "x" * 513, "\0"])
NUMBERS = st.sampled_from([None, -1, 0, 299, 86_400_000, 86_400_001])


@st.composite
def events(draw: st.DrawFn) -> event_pb2.Event:
    sent = event_pb2.Event(
        event_id=draw(TEXT),
        source=draw(st.sampled_from(["pos", "", "P"])),
        customer=draw(st.sampled_from(["customers/1", "customers/", "1"])),
        schema_version=draw(st.sampled_from([0, 0, 1, 2, -1])),
    )
    what = draw(st.sampled_from(["purchase", "view", "click", "search", "message"]))
    _FILLED[what](draw, getattr(sent, what))
    if draw(st.booleans()):
        sent.event_time.seconds = draw(TIMES)
        sent.event_time.nanos = draw(st.sampled_from([0, 1, 999_999_999, -1, 10**9]))
    if draw(st.booleans()):
        sent.known_at.seconds = draw(TIMES)
    return sent


def _purchase(draw: st.DrawFn, line: event_pb2.Purchase) -> None:
    line.product, line.category, line.basket = draw(TEXT), draw(TEXT), draw(TEXT)
    line.quantity = draw(st.sampled_from([-1, 0, 1]))
    if draw(st.booleans()):
        line.amount.CopyFrom(draw(MONEY))
    if draw(st.booleans()):
        line.discount.CopyFrom(draw(MONEY))


def _view(draw: st.DrawFn, view: event_pb2.View) -> None:
    view.product, view.category, view.channel, view.agent = (
        draw(TEXT),
        draw(TEXT),
        draw(CHANNELS),
        draw(AGENTS),
    )
    dwell = draw(NUMBERS)
    if dwell is not None:
        view.dwell_ms = dwell


def _click(draw: st.DrawFn, click: event_pb2.Click) -> None:
    click.target, click.product, click.category = draw(TEXT), draw(TEXT), draw(TEXT)
    click.channel, click.agent = draw(CHANNELS), draw(AGENTS)


def _search(draw: st.DrawFn, search: event_pb2.Search) -> None:
    search.query, search.product, search.category = draw(TEXT), draw(TEXT), draw(TEXT)
    search.channel = draw(CHANNELS)
    results = draw(NUMBERS)
    if results is not None:
        search.results = results


def _message(draw: st.DrawFn, message: event_pb2.Message) -> None:
    message.message, message.campaign, message.channel = draw(TEXT), draw(TEXT), draw(CHANNELS)
    message.text = draw(st.sampled_from(["", "hello", "x" * 2049, "x" * 8193, "\0"]))
    message.stage = draw(st.sampled_from([0, 1, 2, 3, 4]))  # type: ignore[assignment]  # numbers that are none as well


_FILLED: dict[str, Callable[[st.DrawFn, Any], None]] = {
    "purchase": _purchase,
    "view": _view,
    "click": _click,
    "search": _search,
    "message": _message,
}


def by_rules(one: profile_service_pb2.IngestEventsRequest) -> Batch:
    """As a reader reads who knows no short way."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(batches, "quick", lambda *_: None)
        return Reader("USD").read(one)


@settings(max_examples=500)
@given(events())
def test_what_is_accepted_breaks_no_rule(sent: event_pb2.Event) -> None:
    read = Reader("USD").read(batch([sent]))
    if read.events:
        assert violations(sent) == []
        assert sent.event_time.seconds <= NOW
        assert sent.known_at.seconds <= NOW
        assert not sent.HasField("purchase") or sent.purchase.amount.currency_code == "USD"
        assert sent.schema_version in (0, 1)
    else:
        assert read.rejected[0].details.field_violations


@settings(max_examples=300)
@given(events())
def test_both_ways_make_the_same_event_and_the_same_verdict(sent: event_pb2.Event) -> None:
    for late in (0, 61, -61):
        one = batch([sent])
        if late:
            one.sent_at.CopyFrom(at(NOW - late))
        assert Reader("USD").read(one) == by_rules(one)


def test_a_time_is_cut_to_microseconds_and_known_at_defaults_to_the_batchs_moment() -> None:
    sent = unstated(purchase("a"))
    sent.event_time.CopyFrom(at(NOW - 10))
    sent.event_time.nanos = 123_456_789
    (event,) = Reader("USD").read(batch([sent])).events
    assert event.event_time == (NOW - 10) * 1_000_000 + 123_456
    assert event.known_at == NOW * 1_000_000
