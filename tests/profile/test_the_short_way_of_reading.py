"""The short way of reading accepts nothing that the field rules refuse."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise.profile.v1 import event_pb2
from fieldwise.type.v1 import money_pb2
from fieldwise_profile.reading import Reader
from fieldwise_runtime.rules import violations
from tests.profile.builders import NOW, at, batch, purchase, unstated

TEXT = st.sampled_from(["", "a", "x" * 64, "x" * 65, "x" * 128, "x" * 129, "\0", "é"])
MONEY = st.builds(
    money_pb2.Money,
    currency_code=st.sampled_from(["", "USD", "EUR", "usd"]),
    micros=st.sampled_from([-1, 0, 1, 10**15, 10**15 + 1, 2**62]),
)
TIMES = st.sampled_from([0, -1, 946_684_799, 946_684_800, NOW - 5, NOW, NOW + 1, 4_102_444_800, 2**40])


@st.composite
def events(draw: st.DrawFn) -> event_pb2.Event:
    sent = event_pb2.Event(
        event_id=draw(TEXT),
        source=draw(st.sampled_from(["pos", "", "P"])),
        customer=draw(st.sampled_from(["customers/1", "customers/", "1"])),
    )
    line = sent.purchase
    line.product, line.category, line.basket = draw(TEXT), draw(TEXT), draw(TEXT)
    line.quantity = draw(st.sampled_from([-1, 0, 1]))
    if draw(st.booleans()):
        line.amount.CopyFrom(draw(MONEY))
    if draw(st.booleans()):
        line.discount.CopyFrom(draw(MONEY))
    if draw(st.booleans()):
        sent.event_time.seconds = draw(TIMES)
        sent.event_time.nanos = draw(st.sampled_from([0, 1, 999_999_999, -1, 10**9]))
    if draw(st.booleans()):
        sent.known_at.seconds = draw(TIMES)
    return sent


@settings(max_examples=500)
@given(events())
def test_what_is_accepted_breaks_no_rule(sent: event_pb2.Event) -> None:
    reader = Reader("USD")
    # The short way is open to known names only.
    reader.read(batch([purchase("seen")]))
    read = reader.read(batch([sent]))
    if read.events:
        assert violations(sent) == []
        assert sent.event_time.seconds <= NOW
        assert sent.known_at.seconds <= NOW
        assert sent.purchase.amount.currency_code == "USD"
    else:
        assert read.rejected[0].details.field_violations


@settings(max_examples=200)
@given(events())
def test_both_ways_make_the_same_event_and_the_same_verdict(sent: event_pb2.Event) -> None:
    known = Reader("USD")
    known.read(batch([purchase("seen")]))
    short, long = known.read(batch([sent])), Reader("USD").read(batch([sent]))
    assert short == long


def test_a_time_is_cut_to_microseconds_and_known_at_defaults_to_the_batchs_moment() -> None:
    sent = unstated(purchase("a"))
    sent.event_time.CopyFrom(at(NOW - 10))
    sent.event_time.nanos = 123_456_789
    (event,) = Reader("USD").read(batch([sent])).events
    assert event.event_time == (NOW - 10) * 1_000_000 + 123_456
    assert event.known_at == NOW * 1_000_000
