"""A customer through the only door, all seven processes behind it: he is seen within a second, obeyed within a second, and erased."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

import fieldwise_client as fw
from fieldwise.allocation.v1 import plan_pb2
from fieldwise.profile.v1 import event_pb2, privacy_service_pb2
from fieldwise.type.v1 import provenance_pb2 as provenance
from fieldwise_client.decision import Decision
from tests.system.installation import Running
from tests.system.small_world import END, consents, customer, purchase

T = TypeVar("T")

PLACES = {"profile", "recommend", "forecast", "allocation", "gateway", "jobs"}
SOON = END - timedelta(minutes=5)


@pytest.fixture
def client(company: Running) -> Iterator[fw.Client]:
    with fw.Client(f"127.0.0.1:{company.base}", timeout=5.0, api_key=company.key) as made:
        yield made


def within(seconds: float, ask: Callable[[], T], done: Callable[[T], bool]) -> T:
    """The first answer that is ``done``; asked again until then, for so many seconds."""
    ends = time.monotonic() + seconds
    while True:
        answer = ask()
        if done(answer):
            return answer
        assert time.monotonic() < ends, f"not within {seconds} s: {answer}"
        time.sleep(0.02)


def told(client: fw.Client, *events: event_pb2.Event) -> None:
    """Send events; each must be taken."""
    answers = list(client.ingest(events))
    assert [fault for answer in answers for fault in answer.rejected] == []


def an_event(name: str, **what: object) -> event_pb2.Event:
    event = event_pb2.Event(event_id=uuid.uuid4().hex, source="app", customer=name, **what)  # type: ignore[arg-type]
    event.event_time.FromDatetime(SOON)
    event.known_at.FromDatetime(SOON)
    return event


def codes(decision: Decision) -> dict[str, str]:
    return {rejected.action: rejected.code for rejected in decision.rejected}


def profile_part(decision: Decision) -> provenance.Part:
    return next(part for part in decision.proto.parts if part.name == "profile")


def test_an_event_shows_in_profile_tags_and_score_within_a_second(client: fw.Client) -> None:
    name = f"customers/new-{uuid.uuid4().hex[:8]}"
    client.create_tag("system-buyer", "profile.purchase_days > 0", purposes=["decision", "service"])
    try:
        before = client.decide(name)
        assert profile_part(before).state == provenance.PART_STATE_COLD_START
        told(client, *consents(name), purchase(name, SOON, 1, source="app"))
        seen = within(
            1.0,
            lambda: client.profile(name, purpose="service"),
            lambda found: "tags/system-buyer" in found.tags,
        )
        assert seen.purchase_days == 1
        after = client.decide(name)
        # One purchase and two consents.
        assert profile_part(after).version == "3"
        # Who buys is scored by a model now, who falls silent is not yet: one purchase is no rhythm.
        assert after.proto.predictions[0].model_version
        assert after.proto.predictions[0].probability != before.proto.predictions[0].probability
    finally:
        client.retire_tag("system-buyer")
    within(
        1.0,
        lambda: client.profile(name, purpose="service"),
        lambda found: "tags/system-buyer" not in found.tags,
    )


def test_who_watches_is_told_within_a_second(client: fw.Client) -> None:
    name = customer(141)
    watching = client.watch_profiles([name], purpose="service")
    count = next(watching).event_count
    told(client, purchase(name, SOON, 7, source="watched"))
    begun = time.monotonic()
    assert next(profile for profile in watching if profile.event_count > count).event_count == count + 1
    assert time.monotonic() - begun < 1.0


def test_a_refused_channel_is_not_used_any_more(client: fw.Client) -> None:
    name = customer(142)
    # A recorded clock stands, and of two words at one moment the withdrawal holds: it has to be the earlier one here.
    for channel in ("call", "email", "mail"):
        client.set_consent(name, channel, granted=False, said_time=SOON)
    refused = client.decide(name)
    assert refused.verdict is fw.Verdict.LEAVE_ALONE
    assert set(codes(refused).values()) <= {"CHANNEL_REFUSED"}
    for channel in ("call", "email", "mail"):
        client.set_consent(name, channel, granted=True, proof="form 7")
    assert "CHANNEL_REFUSED" not in codes(client.decide(name)).values()


def test_a_withdrawn_consent_stops_every_action_at_once_and_while_profile_is_away(
    company: Running, client: fw.Client
) -> None:
    name = customer(143)
    client.decide(name)
    client.set_consent(name, "decision", granted=False, said_time=SOON)
    decision = client.decide(name)
    assert decision.verdict is fw.Verdict.LEAVE_ALONE
    assert "consent withheld" in profile_part(decision).detail
    # The gateway follows by itself; a second is what is promised.
    time.sleep(1.0)
    company.kill("profile")
    decisions = [client.decide(name) for _ in range(20)]
    assert {each.verdict for each in decisions} == {fw.Verdict.LEAVE_ALONE}
    assert all("consent withheld" in profile_part(each).detail for each in decisions)
    within(10.0, lambda: client.decide(customer(24)), lambda made: not made.degraded)
    client.set_consent(name, "decision", granted=True, proof="form 7")
    assert not client.decide(name).degraded


def test_a_merge_outlives_a_kill_and_can_be_taken_back(company: Running, client: fw.Client) -> None:
    one, other = customer(144), customer(145)
    apart = {name: client.profile(name, purpose="service").event_count for name in (one, other)}
    link = client.link_customers(one, other, decided_by="reps/wang")
    company.kill("profile")

    def seen(name: str) -> int:
        with contextlib.suppress(fw.Unavailable, fw.DeadlineExceeded):
            return client.profile(name, purpose="service").event_count
        return -1

    for name in (one, other):
        within(10.0, lambda name=name: seen(name), lambda count: count == sum(apart.values()))  # type: ignore[misc]
    client.unlink_customers(link.name, decided_by="reps/wang")
    within(1.0, lambda: {name: seen(name) for name in apart}, lambda counts: counts == apart)


def files_with(data: Path, canaries: list[str]) -> dict[str, list[str]]:
    """Which canaries stand in which file of the installation."""
    found: dict[str, list[str]] = {}
    for file in sorted(path for path in data.rglob("*") if path.is_file()):
        raw = file.read_bytes()
        hits = [canary for canary in canaries if canary.encode() in raw]
        if hits:
            found[str(file.relative_to(data))] = hits
    return found


def personal_events(name: str, canaries: list[str]) -> list[event_pb2.Event]:
    """An event for each place in which something personal may stand, each with a canary of its own."""
    give = iter(f"canary{uuid.uuid4().hex}" for _ in range(100))

    def canary() -> str:
        canaries.append(next(give))
        return canaries[-1]

    who = event_pb2.Identification(
        given_name=canary(), family_name=canary(), phone=f"+1 {canary()}", email=f"{canary()}@example.com",
        address=canary(), city=canary(), number=canary(), company=canary(), birth_date="1985-05-17", gender="f",
    )  # fmt: skip
    search = event_pb2.Search(query=canary())
    events = [an_event(name, identification=who), an_event(name, search=search)]
    consent = event_pb2.Consent(channel="email", granted=True, proof=canary())
    return [*events, *consents(name), an_event(name, consent=consent), purchase(name, SOON, 3, source="app")]


def test_the_facts_of_a_reason_are_found_in_the_rows_that_it_names(client: fw.Client) -> None:
    """LOYAL counts days with a purchase, BEST_SPEND and RESTOCK_DUE what was bought: counted here from the rows themselves."""
    checked = set()
    for number in range(30):
        decision = client.decide(customer(number), request_id=uuid.uuid4().hex)
        for reason in {each.code: each for ranked in decision.actions for each in ranked.reasons}.values():
            if reason.source is None:
                continue
            rows = [each.event for each in client.rows_of(reason.source, purpose="service")]
            days = {each.event_time.seconds // 86_400 for each in rows if each.HasField("purchase")}
            checked.add(reason.code)
            if reason.code == "LOYAL":
                assert len(days) == reason.numbers["purchase_days"]
            elif reason.code == "RESTOCK_DUE":
                last = max(each.event_time.seconds for each in rows)
                since = (decision.decision_time.timestamp() - last) / 86_400
                assert reason.numbers["days"] == pytest.approx(since, abs=0.06)
            elif reason.code == "POPULAR_UNBOUGHT":
                assert not rows
            else:
                assert rows
    assert {"LOYAL", "USUAL_GAP"} <= checked


def test_an_erased_customer_is_gone_from_every_file_of_every_process(
    company: Running, client: fw.Client
) -> None:
    name = f"customers/gone-{uuid.uuid4().hex[:8]}"
    canaries: list[str] = []
    told(client, *personal_events(name, canaries))
    refused = an_event(name, search=event_pb2.Search(query="x" * 5_000 + "canary-refused"))
    canaries.append("canary-refused")
    assert next(iter(client.ingest([refused]))).rejected
    decision = client.decide(name)
    facts = fw.Source(name, (), "", decision.decision_time)
    assert list(client.rows_of(facts, purpose="rights"))
    opened = client.personal_data(name, purpose="rights")
    exported = "\n".join(client.export(name))
    assert canaries[0] in str(opened)
    assert [canary for canary in canaries if canary not in exported] == []
    assert files_with(company.data, canaries) == {}, "what is personal is sealed before it is written"

    begun = time.monotonic()
    receipt = client.erase(name, request_id=f"letter {name}")
    assert {part.place for part in receipt.parts} == PLACES
    assert client.verify_receipt(receipt).valid
    assert client.erase(name, request_id=f"letter {name}") == receipt
    with pytest.raises(fw.NotFound):
        client.profile(name, purpose="rights")
    with pytest.raises(fw.NotFound) as gone:
        client.get_decision(decision.name)
    assert gone.value.reason == "ERASED"
    with pytest.raises(fw.NotFound):
        list(client.rows_of(facts, purpose="rights"))
    assert files_with(company.data, canaries) == {}
    assert time.monotonic() - begun < 60.0
    # Sent again, as a careful sender would: his events stay out.
    again = list(client.ingest([purchase(name, SOON, 3, source="app")]))
    assert again[0].accepted == 0


def test_who_stands_only_in_an_upload_is_erased_there_and_the_receipt_says_what_each_place_had(
    client: fw.Client,
) -> None:
    name = f"customers/unheard-{uuid.uuid4().hex[:8]}"
    client.upload_accounts([plan_pb2.Account(name=name, workload_hours=1)])
    receipt = persistently(client, name, f"letter {name}")
    counts = {part.place: dict(part.counts) for part in receipt.parts}
    assert set(counts["profile"].values()) == {0}
    assert counts["allocation"] == {"uploads": 1}
    assert client.verify_receipt(receipt).valid


def persistently(client: fw.Client, name: str, letter: str) -> privacy_service_pb2.ErasureReceipt:
    """Ask for the erasure until it is whole, as a person would with the letter in his hand."""

    def ask() -> privacy_service_pb2.ErasureReceipt | None:
        with contextlib.suppress(fw.Unavailable, fw.DeadlineExceeded, fw.FailedPrecondition):
            return client.erase(name, request_id=letter, timeout=10.0)
        return None

    whole = within(30.0, ask, lambda got: got is not None and {part.place for part in got.parts} == PLACES)
    assert whole is not None
    return whole


@pytest.mark.parametrize("victim", ["profile", "recommend", "gateway"])
def test_an_erasure_goes_through_whatever_is_killed(company: Running, client: fw.Client, victim: str) -> None:
    name = f"customers/killed-{uuid.uuid4().hex[:8]}"
    canaries: list[str] = []
    told(client, *personal_events(name, canaries))
    within(10.0, lambda: client.decide(name), lambda made: not made.degraded)
    company.kill(victim)
    receipt = persistently(client, name, f"letter {name}")
    assert client.verify_receipt(receipt).valid
    assert files_with(company.data, canaries) == {}
    within(10.0, lambda: client.decide(customer(24)), lambda made: not made.degraded)
