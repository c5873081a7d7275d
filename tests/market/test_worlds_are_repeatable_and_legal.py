"""The same seed gives the same bytes, another seed another world, and every event obeys the contract."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from time import process_time

import numpy as np
import pytest

from fieldwise.profile.v1.event_pb2 import Event
from fieldwise_market import corruption, noise, registry, trial
from fieldwise_market import world as worlds
from fieldwise_market.noise import add_noise
from fieldwise_market.registry import make_registry
from fieldwise_market.world import World, make_world
from fieldwise_runtime.rules import violations
from tests.market.builders import noisy


def text_of(events: list[Event]) -> bytes:
    return b"".join(each.SerializeToString(deterministic=True) for each in events)


def digest_of(world: World) -> str:
    """Of all columns, the time in seconds: the last bit of a logarithm may differ between machines."""
    rounded = world.rows.copy()
    rounded["time"] //= 1_000_000
    return hashlib.sha256(rounded.tobytes()).hexdigest()[:16]


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others() -> None:
    first, again, other = (list(make_world(seed, customers=20, days=90).events()) for seed in (1, 1, 2))
    assert text_of(first) == text_of(again)
    assert text_of(first) != text_of(other)


def test_a_customer_lives_the_same_life_whoever_else_is_there() -> None:
    few, many = make_world(1, customers=20, days=90), make_world(1, customers=20, days=90, currency="CNY")
    assert np.array_equal(few.rows, many.rows)
    assert {each.purchase.amount.currency_code for each in many.events() if each.HasField("purchase")} == {
        "CNY"
    }


def test_versions_1_are_frozen() -> None:
    """Who changes a generator sees it here, raises its VERSION, and says so in docs/methods/simulated-worlds.md."""
    small = make_world(1, customers=40, days=120)
    records = corruption.corrupted_records(1, 30)
    rows = text_of(list(make_registry(1, 60, "mixed").events()))
    answers = trial.respond(small, range(40), "coupon", 1)
    assert {
        "world": (worlds.VERSION, digest_of(small)),
        "noise": (noise.VERSION, digest_of(add_noise(small, 1).world)),
        "registry": (registry.VERSION, hashlib.sha256(rows).hexdigest()[:16]),
        "corruption": (corruption.VERSION, hashlib.sha256(repr(records.rows).encode()).hexdigest()[:16]),
        "trial": (trial.VERSION, int(answers.without.sum()), int(answers.with_contact.sum())),
    } == FROZEN


FROZEN: dict[str, tuple[int, str] | tuple[int, int, int]] = {
    "world": (1, "f618bd6212ffcb61"),
    "noise": (1, "3f0bd4c3b78091e4"),
    "registry": (1, "a9db39fa667aec58"),
    "corruption": (1, "f1c201022c386676"),
    "trial": (1, 31, 34),
}


def test_every_event_obeys_the_contract_and_comes_by_time_with_an_id_of_its_own() -> None:
    world = add_noise(make_world(5, customers=60, days=120), 5).world
    events = list(world.events())
    assert [each for each in events if violations(each)] == []
    assert len({each.event_id for each in events}) == len(events) == len(world)
    at = [each.event_time.ToDatetime(UTC) for each in events]
    assert at == sorted(at)
    assert world.start <= at[0]
    assert at[-1] < world.end
    assert {each.WhichOneof("what") for each in events} >= {
        "purchase", "view", "click", "search", "message", "visit", "call", "coupon_received", "redemption", "review",
        "service_case", "satisfaction", "identification", "consent",
    }  # fmt: skip


def test_events_can_be_read_again_and_in_parts() -> None:
    world = make_world(5, customers=10, days=90, start=date(2023, 6, 1))
    whole = list(world.events())
    middle = len(whole) // 2
    assert [*world.events(0, middle), *world.events(middle)] == whole
    assert world.start == datetime(2023, 6, 1, tzinfo=UTC)


def test_an_id_tells_nothing_of_noise() -> None:
    found = noisy()
    assert found.world.event_id(17) == next(iter(found.world.events(17, 18))).event_id
    assert len(found.label_by_event_id()) == len(found.world)


@pytest.mark.parametrize(("customers", "days"), [(0, 365), (10, 30)])
def test_a_world_too_small_is_refused_with_its_size(customers: int, days: int) -> None:
    with pytest.raises(ValueError, match=f"customers={customers}, days={days}"):
        make_world(1, customers=customers, days=days)


def test_a_year_of_many_customers_is_made_in_seconds() -> None:
    begun = process_time()
    assert sum(1 for _ in make_world(1, customers=200, days=365).events()) > 20_000
    # 2,000 customers are to take less than 20 CPU-seconds.
    assert process_time() - begun < 2
