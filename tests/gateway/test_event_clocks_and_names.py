"""The pure part of event capture: times, customers' names, money, names of schemas; on nothing but values."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fieldwise_gateway.core import cloud_events, segment
from fieldwise_gateway.core.capture import Capture, customer_of_user, customer_of_visitor, snake
from fieldwise_gateway.core.commerce import divided
from fieldwise_gateway.core.event_clock import EventClock, moment

SECOND = 1_000_000
NOW = 1_750_000_000 * SECOND
HOUR = 3_600 * SECOND


def read(**told: Any) -> Capture:
    message = {"type": "track", "messageId": "m", "userId": "u", "event": "Product Viewed", **told}
    return segment.read([message], EventClock(NOW, None), "USD")


@pytest.mark.parametrize(
    ("told", "sent", "expected"),
    [
        # Right clocks, and a way of half a minute.
        (NOW - HOUR, NOW - 30 * SECOND, NOW - HOUR),
        # An hour slow, an hour fast.
        (NOW - 2 * HOUR, NOW - HOUR, NOW - HOUR),
        (NOW, NOW + HOUR, NOW - HOUR),
        # A second fast, and nothing to correct by: it cannot have happened after it came.
        (NOW + SECOND, NOW + SECOND, NOW),
        (NOW + SECOND, None, NOW),
        # After it was sent: another clock than the one that stamped the request.
        (NOW + HOUR, NOW - 2 * HOUR, NOW + HOUR),
        (NOW - HOUR, None, NOW - HOUR),
    ],
)
def test_times_are_moved_by_what_the_senders_clock_is_wrong(
    told: int, sent: int | None, expected: int
) -> None:
    assert EventClock(NOW, sent).time(told) == expected


def test_a_right_clock_gives_the_same_time_whenever_a_batch_is_sent_again() -> None:
    told = NOW - HOUR
    assert {EventClock(NOW + late * SECOND, NOW).time(told) for late in range(60)} == {told}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-06-15T15:06:40Z", NOW),
        ("2025-06-15T15:06:40.000000+00:00", NOW),
        ("2025-06-15T23:06:40+08:00", NOW),
        ("2025-06-15T15:06:40", NOW),
        ("2025-06-15 15:06:40.123456789Z", NOW + 123_456),
        ("1970-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-23:59", None),
        ("yesterday", None),
        (1_750_000_000, None),
        ("2" * 100, None),
    ],
)
def test_times_are_read_as_sdks_write_them(text: Any, expected: int | None) -> None:
    assert moment(text) == expected


def test_each_message_may_say_by_itself_when_it_was_sent() -> None:
    sent = "2025-06-15T14:06:40Z"
    (event,) = read(originalTimestamp="2025-06-15T13:06:40Z", sentAt=sent).events
    assert event.time == NOW - HOUR


def test_a_message_without_a_time_happened_when_it_came() -> None:
    assert read().events[0].time == NOW


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("u1", "customers/u1"),
        ("A-1.b_c~d", "customers/A-1.b_c~d"),
        (17, "customers/17"),
        (17.0, "customers/17"),
    ],
)
def test_an_apps_own_id_is_the_customers_name_where_it_can_be(user: Any, expected: str) -> None:
    assert read(userId=user).events[0].customer == expected


def test_ids_that_cannot_be_names_become_names_that_meet_nobody_elses() -> None:
    told = ["wang@example.com", "auth0|1", "x" * 65, "王", "", "visitor~a", "user~a", "a", "\ud800"]
    names = [customer_of_user(each) for each in told] + [customer_of_visitor(each) for each in told]
    assert len(set(names)) == len(names)
    assert all(len(name) <= len("customers/") + 64 and name.isascii() for name in names)
    assert not any("wang" in name for name in names)


def test_different_names_of_events_become_different_names_of_schemas() -> None:
    told = ["Trial Started", "trialEnded", "看了商品", "看了价格", "7 days", "x" * 200, "x" * 201, "!", "?"]
    names = [snake(each) for each in told]
    assert names[:2] == ["trial_started", "trial_ended"]
    assert len(set(names)) == len(names)
    assert all(name[0].isalpha() and name.isascii() and len(name) <= 63 for name in names)


def test_an_orders_discount_is_divided_to_the_last_micro_and_no_line_is_paid_for_taking_it() -> None:
    chance = random.Random(7)
    for _ in range(500):
        amounts = [chance.choice((0, 1, 3, chance.randrange(10**9))) for _ in range(chance.randrange(1, 9))]
        discount = chance.randrange(sum(amounts) + 1)
        shares = divided(discount, amounts)
        assert sum(shares) == (discount if any(amounts) else 0)
        assert all(0 <= share <= amount for share, amount in zip(shares, amounts, strict=True))


def test_attributes_keep_units_and_what_stands_within() -> None:
    properties = {
        "Km Driven": {"value": 3, "unit": "km"},
        "car": {"colour": "red"},
        "stops": ["a", 1],
        "ok": True,
    }
    (event,) = read(
        event="Test Drive", properties=properties, context={"protocols": {"event_version": 2}}
    ).events
    assert (event.what, event.schema_version) == ("custom", 2)
    assert event.fields == {
        "schema": "eventSchemas/test_drive",
        "attributes": [
            {"name": "km_driven", "number": 3.0, "unit": "km"},
            {"name": "car_colour", "text": "red"},
            {"name": "stops", "text": '["a",1]'},
            {"name": "ok", "truth": True},
        ],
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400])
def test_numbers_that_are_none_are_refused_by_name(value: Any) -> None:
    (refused,) = read(event="Test Drive", properties={"km": value}).refused
    assert [fault.field for fault in refused.faults] == ["properties.km"]


@pytest.mark.parametrize(
    "line",
    [
        {"price": 1e300, "quantity": 1e300},
        {"price": -1},
        {"price": "much"},
        {"price": 1, "quantity": 1.5},
        {},
        None,
    ],
)
def test_an_order_with_a_line_that_cannot_be_is_refused_whole(line: Any) -> None:
    lines = [{"product_id": "p", "price": 1}, {"product_id": "q", **line} if line is not None else line]
    found = read(event="Order Completed", properties={"products": lines, "discount": 1e308})
    assert not found.events
    assert all(fault.field.startswith("properties.products[1].") for fault in found.refused[0].faults)


def test_whatever_is_sent_is_an_event_or_refused_with_a_reason() -> None:
    """As fuzzing does, for a moment: values of all kinds at all places."""
    chance = random.Random(11)
    values: list[Any] = [
        None,
        True,
        0,
        -1,
        1.5,
        float("nan"),
        10**400,
        "",
        "x",
        "\ud800",
        "\0",
        [],
        [{}],
        {},
        {"value": 1},
    ]
    names = [
        "type",
        "messageId",
        "userId",
        "anonymousId",
        "event",
        "properties",
        "traits",
        "context",
        "timestamp",
    ]
    names += ["sentAt", "groupId", "previousId", "category", "channel"]
    events = [*("Order Completed", "Products Searched", "Product Reviewed", "Email Opened"), *segment.CALLS]
    for _ in range(3_000):
        message: dict[str, Any] = {
            "type": chance.choice(segment.CALLS),
            "messageId": "m",
            "userId": "u",
            "event": chance.choice(events),
            "properties": {
                name: chance.choice(values)
                for name in ("products", "price", "query", "discount", "rating", "campaign")
            },
        }
        for name in chance.sample(names, 2):
            message[name] = chance.choice(values)
        found = segment.read([message], EventClock(NOW, None), "USD")
        assert all(refused.faults for refused in found.refused)
        for capture in cloud_events.read(
            [message, {**message, "specversion": "1.0", "id": "1", "source": "s"}],
            EventClock(NOW, None),
            "USD",
        ).values():
            assert all(refused.faults for refused in capture.refused)
