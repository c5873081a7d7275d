"""What is held is used only while it is true: events, models, terms, silence and time itself end it."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator

import pytest

from fieldwise.allocation.v1.allocation_service_pb2 import WatchTermsResponse
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.profile.v1 import event_pb2
from fieldwise.profile.v1 import privacy_service_pb2 as privacy_pb
from fieldwise.profile.v1 import privacy_service_pb2_grpc as privacy_grpc
from fieldwise.profile.v1.consent_pb2 import PURPOSE_DECISION
from fieldwise.profile.v1.profile_pb2 import Profile
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.type.v1.provenance_pb2 import PART_STATE_FRESH, Part
from fieldwise_gateway.holding import HeldCustomer, Holding
from tests.gateway.backend_fakes import KNOWN, World

ONE, OTHER = KNOWN
VERSIONS = ("models/a/versions/1", "models/b/versions/2")
MINUTE = 60_000_000


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def live(capacity: int = 50_000) -> tuple[Holding, Clock]:
    clock = Clock()
    holding = Holding(2.0, 60.0, capacity, clock)
    holding.changed([], "1")
    holding.models(VERSIONS)
    for stream in ("changes", "models", "terms"):
        holding.alive(stream)
    return holding, clock


def held(name: str, *members: str, as_of: int = 0, version: str = VERSIONS[0]) -> HeldCustomer:
    profile = Profile(name=name, members=members)
    part = Part(name="profile", state=PART_STATE_FRESH)
    return HeldCustomer(profile, part, b"", Part(name="forecast", version=version), as_of, VERSIONS, {})


def test_what_was_kept_is_used_until_its_customer_changes() -> None:
    holding, _ = live()
    holding.keep(held("customers/a"), holding.moment)
    assert holding.customer("customers/a", 0) is not None
    holding.changed(["customers/b"], "1")
    assert holding.customer("customers/a", 0) is not None
    holding.changed(["customers/a"], "1")
    assert holding.customer("customers/a", 0) is None


def test_an_answer_that_was_under_way_while_he_changed_is_not_kept() -> None:
    holding, _ = live()
    before = holding.moment
    holding.changed(["customers/a"], "1")
    holding.changed(["customers/b"], "1")
    holding.keep(held("customers/a"), before)
    holding.keep(held("customers/c"), before)
    assert holding.customer("customers/a", 0) is None
    assert holding.customer("customers/c", 0) is not None


def test_an_answer_that_was_under_way_for_too_long_to_know_is_not_kept() -> None:
    holding, _ = live()
    before = holding.moment
    for number in range(300):
        holding.changed([f"customers/{number}"], "1")
    holding.keep(held("customers/a"), before)
    assert holding.customer("customers/a", 0) is None


def test_whoever_is_merged_with_a_changed_customer_is_dropped_with_him() -> None:
    holding, _ = live()
    holding.keep(held("customers/a", "customers/a", "customers/b"), holding.moment)
    holding.changed(["customers/b"], "1")
    assert holding.customer("customers/a", 0) is None


def test_new_tags_or_segments_drop_everybody() -> None:
    holding, _ = live()
    holding.keep(held("customers/a"), holding.moment)
    holding.changed([], "2")
    assert holding.customer("customers/a", 0) is None


def test_a_new_model_ends_all_scores_and_an_old_ones_scores_are_not_kept() -> None:
    holding, _ = live()
    holding.keep(held("customers/a"), holding.moment)
    holding.keep(held("customers/b", version="models/a/versions/9"), holding.moment)
    assert holding.customer("customers/b", 0) is None
    holding.models(("models/a/versions/2",))
    assert holding.customer("customers/a", 0) is None


@pytest.mark.parametrize("silent", ["changes", "models", "terms"])
def test_a_stream_that_falls_silent_ends_the_use_of_all(silent: str) -> None:
    holding, clock = live()
    holding.keep(held("customers/a"), holding.moment)
    clock.now += 1.9
    for stream in {"changes", "models", "terms"} - {silent}:
        holding.alive(stream)
    assert holding.customer("customers/a", 0) is not None
    clock.now += 0.2
    assert holding.customer("customers/a", 0) is None


def test_time_ends_it_and_so_does_a_moment_before_it_was_read() -> None:
    holding, _ = live()
    holding.keep(held("customers/a", as_of=MINUTE), holding.moment)
    assert holding.customer("customers/a", 2 * MINUTE) is not None
    assert holding.customer("customers/a", 2 * MINUTE + 1) is None
    assert holding.customer("customers/a", MINUTE - 1) is None


def test_after_a_lost_stream_nothing_from_before_is_used() -> None:
    holding, _ = live()
    holding.keep(held("customers/a"), holding.moment)
    holding.lost("changes")
    holding.alive("changes")
    assert holding.customer("customers/a", 0) is None


def test_memory_is_bounded_and_those_not_asked_for_longest_go_first() -> None:
    holding, _ = live(capacity=10)
    for number in range(100):
        holding.keep(held(f"customers/{number}"), holding.moment)
        holding.customer("customers/0", 0)
    alive = [n for n in range(100) if holding.customer(f"customers/{n}", 0)]
    assert alive == [0, *range(91, 100)]


def test_only_customers_asked_for_lately_are_read_again_and_each_once() -> None:
    holding, clock = live()
    for name in ("customers/a", "customers/b", "customers/c"):
        holding.keep(held(name), holding.moment)
    holding.customer("customers/a", 0)
    clock.now += 700
    holding.customer("customers/b", 0)
    for stream in ("changes", "models", "terms"):
        holding.alive(stream)
    holding.changed(["customers/a", "customers/b", "customers/c"], "1")
    assert holding.to_warm(64) == ["customers/b"]
    assert holding.to_warm(64) == []


def test_an_erased_customer_is_not_read_again() -> None:
    holding, _ = live()
    holding.keep(held("customers/a"), holding.moment)
    holding.customer("customers/a", 0)
    holding.forget(["customers/a"])
    assert holding.to_warm(64) == []
    assert holding.customer("customers/a", 0) is None


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_changes_and_readings_never_uses_an_old_version(seed: int) -> None:
    """A rival that numbers every customer's versions: what is used is always the newest that was told."""
    chance, (holding, _) = random.Random(seed), live(capacity=8)
    newest = {f"customers/{n}": 0 for n in range(12)}
    under_way: list[tuple[str, int, int]] = []
    for _ in range(2_000):
        name = chance.choice(list(newest))
        match chance.randrange(4):
            case 0:
                newest[name] += 1
                holding.changed([name], "1")
            case 1:
                under_way.append((name, newest[name], holding.moment))
            case 2 if under_way:
                read, version, moment = under_way.pop(chance.randrange(len(under_way)))
                one = held(read)
                one.profile.event_count = version
                holding.keep(one, moment)
            case _:
                found = holding.customer(name, 0)
                assert found is None or found.profile.event_count == newest[name]


def test_terms_are_used_only_when_they_are_whole() -> None:
    holding, _ = live()
    begun = WatchTermsResponse(reassigned=True, reps_by_customer={"customers/a": "reps/x"}, unfinished=True)
    begun.periods.add().part.name = "first"
    begun.periods.add().start_time.FromMicroseconds(MINUTE)
    begun.periods[1].part.name = "second"
    holding.terms.take(begun)
    assert (holding.terms.period(0), holding.terms.rep_of("customers/a")) == (None, None)
    holding.terms.take(WatchTermsResponse(reps_by_customer={"customers/b": "reps/y"}))
    assert [holding.terms.rep_of(f"customers/{each}") for each in "abc"] == ["reps/x", "reps/y", ""]
    found = [holding.terms.period(moment) for moment in (-5, MINUTE - 1, MINUTE, 9 * MINUTE)]
    assert [each.part.name for each in found if each] == ["first", "first", "second", "second"]
    holding.terms.take(WatchTermsResponse(reassigned=True, reps_by_customer={"customers/b": "reps/z"}))
    assert [holding.terms.rep_of(f"customers/{each}") for each in "ab"] == ["", "reps/z"]


# Over real sockets.


async def streaming(world: World) -> None:
    """The services tell what changes from now on."""
    for fake in (world.fakes.profile, world.fakes.forecast, world.fakes.allocation):
        fake.tells.is_open = True
    async with asyncio.timeout(3.0):
        for fake in (world.fakes.profile, world.fakes.forecast, world.fakes.allocation):
            await fake.tells.heard.wait()
        # What was told last is on its way.
        await asyncio.sleep(0.02)


async def decide(world: World, customer: str = ONE) -> decision_pb2.Decision:
    request = pb.DecideRequest(request_id=str(uuid.uuid4()), customer=customer)
    return (await world.gateway.Decide(request, timeout=2.0)).decision


def asked(world: World) -> int:
    """Customers who were scored so far."""
    return sum(len(request.customers) for request in world.fakes.forecast.scored)


async def test_the_second_decision_asks_recommend_only_and_says_the_same(world: World) -> None:
    await streaming(world)
    first = await decide(world)
    before = world.fakes.mood("allocation").calls, asked(world)
    second = await decide(world)
    assert (world.fakes.mood("allocation").calls, asked(world)) == before
    assert [part.state for part in second.parts] == [part.state for part in first.parts]
    one, other = (request.inputs[0] for request in world.fakes.recommend.requests)
    assert (one.profile, one.scores, one.decision_time) == (other.profile, other.scores, other.decision_time)
    assert other.rep == "reps/held"
    assert world.fakes.recommend.requests[1].price_set.name == "priceSets/4"


async def test_a_customer_who_changed_is_read_again_before_he_is_decided_for(world: World) -> None:
    await streaming(world)
    await decide(world)
    before = asked(world)
    world.fakes.profile.tells.tell(ONE)
    async with asyncio.timeout(2.0):
        while asked(world) == before:  # noqa: ASYNC110  # the fake has no event for each call
            await asyncio.sleep(0.01)
    # He was asked for lately: read again without waiting for the next decision.
    await asyncio.sleep(0.02)
    after = asked(world)
    await decide(world)
    assert asked(world) == after


async def test_who_sends_an_event_here_is_decided_for_with_it(world: World) -> None:
    await streaming(world)
    await decide(world)
    before = asked(world)

    async def batch() -> AsyncIterator[pb.IngestEventsRequest]:
        event = event_pb2.Event(event_id="e1", source="app", customer=ONE)
        event.mailing.campaign = "c"
        yield pb.IngestEventsRequest(events=[event])

    async for _ in world.gateway.IngestEvents(batch()):
        pass
    await decide(world)
    assert asked(world) > before


async def test_when_a_service_falls_silent_it_is_asked_again(world: World) -> None:
    await streaming(world)
    await decide(world)
    before = asked(world)
    world.fakes.forecast.tells.end()
    await asyncio.sleep(0.02)
    await decide(world)
    assert asked(world) == before + 1


async def test_one_customers_consent_leaves_what_is_held_of_others(world: World) -> None:
    await streaming(world)
    await decide(world, OTHER)
    before = asked(world)
    stub = privacy_grpc.PrivacyServiceStub(world.channel)
    await stub.SetConsent(privacy_pb.SetConsentRequest(name=ONE, purpose=PURPOSE_DECISION), timeout=5)
    await decide(world, OTHER)
    assert asked(world) == before
