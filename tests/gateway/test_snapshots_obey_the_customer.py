"""A withdrawn consent, a merge or an erasure reaches what the gateway remembers within a second, also while answers are under way."""

from __future__ import annotations

import asyncio
import uuid

from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.profile.v1 import privacy_service_pb2 as privacy_pb
from fieldwise.profile.v1 import privacy_service_pb2_grpc as privacy_grpc
from fieldwise.profile.v1 import profile_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.profile.v1.consent_pb2 import PURPOSE_DECISION
from fieldwise.recommend.v1 import decision_pb2
from fieldwise.type.v1 import provenance_pb2 as provenance
from fieldwise_gateway.snapshots import Snapshots
from tests.gateway.backend_fakes import KNOWN, World

ONE, OTHER = KNOWN


async def decide(world: World, customer: str = ONE) -> decision_pb2.Decision:
    request = pb.DecideRequest(request_id=str(uuid.uuid4()), customer=customer)
    return (await world.gateway.Decide(request, timeout=2.0)).decision


async def followed(world: World) -> None:
    """Two more looks at the log, each within three quarters of a second: whatever was in it before is obeyed."""
    async with asyncio.timeout(5.0):
        for _ in range(2):
            world.fakes.profile.looked.clear()
            await world.fakes.profile.looked.wait()
    # The answer of the second look is on its way.
    await asyncio.sleep(0.05)


async def test_a_customer_who_withholds_gets_a_cold_start_that_says_so(world: World) -> None:
    world.fakes.profile.withheld.add(ONE)
    decision = await decide(world)
    part = decision.parts[0]
    assert part.state == provenance.PART_STATE_COLD_START
    assert "consent withheld" in part.detail
    inputs = world.fakes.recommend.requests[-1].inputs[0]
    # What he refuses has to be known, nothing else.
    assert list(inputs.profile.refused_channels) == ["email"]
    assert not inputs.profile.HasField("features")
    assert not any(each.model_version for each in inputs.scores.predictions)


async def test_a_withdrawn_consent_reaches_the_snapshot_within_a_second(world: World) -> None:
    await followed(world)
    await decide(world)
    world.fakes.profile.withheld.add(ONE)
    world.fakes.profile.changes.append((ONE, profile_pb.CHANGE_KIND_CONSENT))
    await followed(world)
    await world.fakes.kill("profile")
    decision = await decide(world)
    assert "consent withheld" in decision.parts[0].detail
    assert list(world.fakes.recommend.requests[-1].inputs[0].profile.refused_channels) == ["email"]


async def test_a_consent_set_at_this_gateway_is_obeyed_before_its_answer(world: World) -> None:
    def withdrawn(request: privacy_pb.SetConsentRequest) -> None:
        world.fakes.profile.withheld.add(request.name)
        world.fakes.profile.changes.append((request.name, profile_pb.CHANGE_KIND_CONSENT))

    await followed(world)
    await decide(world)
    world.fakes.profile.privacy.said = withdrawn
    stub = privacy_grpc.PrivacyServiceStub(world.channel)
    await stub.SetConsent(privacy_pb.SetConsentRequest(name=ONE, purpose=PURPOSE_DECISION), timeout=5)
    await world.fakes.kill("profile")
    assert "consent withheld" in (await decide(world)).parts[0].detail


async def test_others_keep_their_snapshots(world: World) -> None:
    await followed(world)
    await decide(world, OTHER)
    world.fakes.profile.changes.append((ONE, profile_pb.CHANGE_KIND_CONSENT))
    await followed(world)
    await world.fakes.kill("profile")
    assert (await decide(world, OTHER)).parts[0].state == provenance.PART_STATE_SNAPSHOT


async def test_a_log_that_began_anew_empties_the_memory_instead_of_being_trusted(world: World) -> None:
    await followed(world)
    await decide(world)
    world.fakes.profile.refuses_tokens = True
    await followed(world)
    await world.fakes.kill("profile")
    assert (await decide(world)).parts[0].state == provenance.PART_STATE_COLD_START


def profile(name: str, *members: str) -> profile_pb2.Profile:
    return profile_pb2.Profile(name=name, members=members)


def test_an_answer_that_was_under_way_does_not_bring_back_what_was_forgotten() -> None:
    snapshots = Snapshots()
    before = snapshots.moment
    snapshots.forget([ONE])
    snapshots.keep_profiles([profile(ONE), profile(OTHER)], {}, before)
    assert snapshots.profile(ONE) is None
    assert snapshots.profile(OTHER) is not None
    snapshots.keep_profiles([profile(ONE)], {}, snapshots.moment)
    assert snapshots.profile(ONE) is not None


def test_whoever_is_merged_with_the_customer_is_forgotten_with_him() -> None:
    snapshots = Snapshots()
    snapshots.keep_profiles([profile("customers/a", "customers/a", "customers/b")], {}, snapshots.moment)
    assert snapshots.forget(["customers/b"]) == ["customers/a"]
    assert snapshots.profile("customers/a") is None


def test_the_memory_is_bounded() -> None:
    snapshots = Snapshots(capacity=10)
    for number in range(100):
        both = (f"customers/{number}", f"customers/{number + 1000}")
        snapshots.keep_profiles([profile(both[0], *both)], {}, snapshots.moment)
    assert [n for n in range(100) if snapshots.profile(f"customers/{n}")] == list(range(90, 100))
    assert snapshots.forget(f"customers/{n + 1000}" for n in range(100)) == [
        f"customers/{n}" for n in range(90, 100)
    ]
