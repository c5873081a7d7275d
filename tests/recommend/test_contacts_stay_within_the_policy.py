"""Contacts: no window holds more than its cap, nobody is reached in quiet hours or while he rests, and replays find what was found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise.profile.v1.event_pb2 import Event, OutcomeKind
from fieldwise.profile.v1.profile_pb2 import Profile
from fieldwise.recommend.v1 import contact_pb2 as pb
from fieldwise.recommend.v1 import contact_service_pb2 as service
from fieldwise.recommend.v1 import contact_service_pb2_grpc as contact_rpc
from fieldwise.recommend.v1 import recommend_service_pb2 as wire
from fieldwise.recommend.v1 import recommend_service_pb2_grpc as rpc
from fieldwise.recommend.v1.catalogue_pb2 import ActionDefinition
from fieldwise.recommend.v1.decision_pb2 import Decision, DecisionInputs
from fieldwise.recommend.v1.effect_service_pb2 import ReportEffectRequest
from fieldwise.type.v1 import rules_pb2
from fieldwise_recommend.catalogue_in_force import InForce
from fieldwise_recommend.contact_message import policy_of
from fieldwise_recommend.core.catalogue import Action
from fieldwise_recommend.core.contact_policy.book import ANSWERED, REACHED, Book, Remark
from fieldwise_recommend.core.contact_policy.policy import ContactPolicy, Quiet, Suppression, faults_of
from fieldwise_recommend.core.contact_policy.quiet import spans
from fieldwise_recommend.core.contact_policy.terms import DAY, Cap, Contact, Span, Terms, after_quiet, reached
from fieldwise_recommend.pairing import look_up_pairs
from fieldwise_recommend.shipped_contacts import SHIPPED
from fieldwise_runtime.errors import from_rpc_error
from tests.recommend.recommend_builders import (
    CATALOGUE,
    NOW,
    PLAIN,
    batch,
    connected,
    in_file,
    inputs_for,
    prices,
)

MAIL = Action("actions/a", "A", "mail")
MAIL_TOO = Action("actions/a.big", "A", "mail", family="actions/a")
CALL = Action("actions/c", "C", "call")
DECIDED = service.UpdateContactPolicyRequest(actor="ann", request_id="r1")
DECIDED.decision_time.FromSeconds(NOW)


class Served:
    """Both services of one process, as stubs."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.actions: rpc.RecommendServiceAsyncStub = rpc.RecommendServiceStub(channel)
        self.contacts: contact_rpc.ContactPolicyServiceAsyncStub = contact_rpc.ContactPolicyServiceStub(
            channel
        )

    async def allow(self, request_id: str = "r1", etag: str = "", **policy: Any) -> pb.ContactPolicy:
        request = service.UpdateContactPolicyRequest()
        request.CopyFrom(DECIDED)
        request.request_id = request_id
        request.contact_policy.CopyFrom(pb.ContactPolicy(etag=etag, **policy))
        return await self.contacts.UpdateContactPolicy(request)

    async def decide(self, *inputs: DecisionInputs) -> list[Decision]:
        answer = await self.actions.BatchRecommendActions(
            batch(*inputs, price_set=prices(minute=0, coupon=0, slot=0))
        )
        return [each.decision for each in answer.decided]

    async def say(self, decision: Decision, kind: str, at: int, event_id: str = "") -> None:
        event = Event(event_id=event_id or f"{decision.name}/{kind}", source="s", customer=decision.customer)
        event.event_time.FromSeconds(at)
        event.outcome.decision = decision.name
        event.outcome.kind = OutcomeKind.Value(f"OUTCOME_KIND_{kind}")
        await self.actions.RecordOutcomes(wire.RecordOutcomesRequest(events=[event]))


@asynccontextmanager
async def served(url: str, zone: str = "UTC") -> AsyncIterator[Served]:
    async with connected(url, replace(PLAIN, time_zone=zone)) as channel:
        yield Served(channel)


def at(moment: int, customer: str = "customers/1", **fields: Any) -> DecisionInputs:
    made = inputs_for(customer, **fields)
    made.decision_time.FromSeconds(moment)
    return made


def reaching(decisions: Iterable[Decision]) -> list[Decision]:
    return [each for each in decisions if each.HasField("best_time")]


def codes(decision: Decision) -> set[str]:
    return {each.code for each in decision.rejected}


# The policy that comes with the software


async def test_a_policy_is_in_force_from_the_first_start_and_a_planner_replaces_it(tmp_path: Path) -> None:
    evening = int(datetime(2017, 12, 11, 22, tzinfo=UTC).timestamp())
    async with served(in_file(tmp_path)) as both:
        shipped = await both.contacts.GetContactPolicy(service.GetContactPolicyRequest())
        assert shipped.caps
        assert shipped.suppressions
        assert not shipped.HasField("update_time")
        days = [(await both.decide(at(evening + day * DAY, channels=["mail"])))[0] for day in range(10)]
        assert len(reaching(days)) == 2
        assert all("CONTACT_CAP" in codes(each) for each in days[2:])
        await both.allow(etag=shipped.etag)
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await both.allow("r2", etag=shipped.etag)
        assert late.value.code() is grpc.StatusCode.ABORTED
    async with served(in_file(tmp_path)) as both:
        mine = await both.contacts.GetContactPolicy(service.GetContactPolicyRequest())
        assert (mine.etag, len(mine.caps), len(mine.quiet_hours)) == ("v1", 0, 0)


def test_the_policy_that_comes_with_the_software_has_no_faults() -> None:
    assert faults_of(policy_of(SHIPPED), (), "contact_policy") == []


async def test_who_rests_raises_no_price(tmp_path: Path) -> None:
    async with served(in_file(tmp_path)) as both:
        worth = await both.actions.ValueActions(wire.ValueActionsRequest(inputs=[at(NOW)]))
        assert worth.candidates
        (first,) = await both.decide(at(NOW))
        await both.say(first, "COMPLAINED", NOW + 60)
        rested = await both.actions.ValueActions(wire.ValueActionsRequest(inputs=[at(NOW + 120)]))
    assert [each.action for each in rested.candidates] == []


# Caps


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 72), st.sampled_from([MAIL, MAIL_TOO, CALL]), st.integers(0, 40)),
        max_size=40,
    ),
    st.lists(
        st.builds(
            Cap,
            st.integers(0, 3),
            st.integers(1, 9),
            st.sampled_from(["", "mail", "call"]),
            st.sampled_from(["", "actions/a"]),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_no_window_of_any_cap_ever_holds_more_contacts(
    steps: list[tuple[int, Action, int]], caps: list[Cap]
) -> None:
    """The rival counts the contacts of every window that ends at one of them."""
    book, moment, made = Book(), NOW, set()
    for hours, action, ahead in steps:
        moment += hours * 3600
        card = book.card("c", moment)
        known = () if card is None else card.contacts(moment, caps)
        terms = Terms(moment, reached(caps, known, moment), known)
        if terms.refusal(action) is None:
            contact = Contact(action.channel, action.family, terms.time_for(action, moment + ahead * 3600))
            book.add("c", contact)
            made.add(contact)
    for cap in caps:
        dues = sorted(each.due for each in made if cap.covers(each.channel, each.action))
        for last in dues:
            assert sum(last - cap.days * DAY < due <= last for due in dues) <= cap.most


async def test_many_decisions_at_once_never_pass_a_cap_together(tmp_path: Path) -> None:
    async with served(in_file(tmp_path)) as both:
        await both.allow(caps=[pb.ContactCap(most=1, days=7)])
        # Each decision has another channel to itself, so that none is the same contact as another.
        channels = ["call", "email", "mail"] * 8
        asked = [both.decide(at(NOW, f"customers/{n // 3}", channels=[c])) for n, c in enumerate(channels)]
        decisions = [each for made in await asyncio.gather(*asked) for each in made]
    reached = reaching(decisions)
    assert len(reached) == len({each.customer for each in reached}) == 8
    for decision in decisions:
        if decision not in reached:
            capped = [each for each in decision.rejected if each.code == "CONTACT_CAP"]
            assert {(each.fact, each.value, each.limit) for each in capped} == {("contacts_7d", 1.0, 1.0)}


async def test_the_same_contact_decided_again_before_its_time_is_no_second_one(tmp_path: Path) -> None:
    async with served(in_file(tmp_path)) as both:
        await both.allow(caps=[pb.ContactCap(most=1, days=7)])
        (first,) = await both.decide(at(NOW))
        (again,) = await both.decide(at(NOW + 60))
        after = first.best_time.seconds
        (later,) = await both.decide(at(after))
        (freed,) = await both.decide(at(after + 7 * DAY))
    assert again.chosen_action == first.chosen_action
    assert again.best_time == first.best_time
    assert reaching([later]) == []
    assert reaching([freed])


async def test_contacts_are_known_after_a_restart_and_gone_after_an_erasure(database_url: str) -> None:
    async with served(database_url) as both:
        await both.allow(caps=[pb.ContactCap(most=1, days=7)])
        (first,) = await both.decide(at(NOW, channels=["email"]))
    async with served(database_url) as both:
        (capped,) = await both.decide(at(NOW, channels=["mail"]))
        assert "CONTACT_CAP" in codes(capped)
        for each in (first, capped):
            replayed = await both.actions.ReplayDecision(wire.ReplayDecisionRequest(name=each.name))
            assert replayed.identical
        erased = await both.actions.EraseCustomers(wire.EraseCustomersRequest(names=["customers/1"]))
        assert erased.counts["contacts"] == 1
        (fresh,) = await both.decide(at(NOW, channels=["call"]))
        assert "CONTACT_CAP" not in codes(fresh)


async def test_a_recorded_contact_that_is_taken_away_changes_the_replay(tmp_path: Path) -> None:
    async with served(in_file(tmp_path)) as both:
        await both.allow(caps=[pb.ContactCap(most=1, days=7, channel="email")])
        await both.decide(at(NOW, channels=["email"]))
        (capped,) = await both.decide(at(NOW + 2 * DAY, channels=["email"]))
        request = wire.ReplayDecisionRequest(name=capped.name)
        recorded = await both.actions.ReplayDecision(request)
        assert recorded.identical
        request.what_if.CopyFrom(recorded.inputs)
        del request.what_if.contact.contacts[:]
        free = await both.actions.ReplayDecision(request)
    assert reaching([free.decision])
    assert reaching([capped]) == []


# Outcomes


async def test_a_contact_that_the_rep_did_not_make_gives_its_place_back(tmp_path: Path) -> None:
    async with served(in_file(tmp_path)) as both:
        await both.allow(caps=[pb.ContactCap(most=1, days=7)])
        (call,) = await both.decide(at(NOW, channels=["call"]))
        await both.say(call, "DECLINED", NOW + 60)
        (mail,) = await both.decide(at(NOW + 120, channels=["mail"]))
    assert call.rep
    assert reaching([mail])


async def test_a_contact_counts_from_when_it_took_place(tmp_path: Path) -> None:
    async with served(in_file(tmp_path)) as both:
        await both.allow(caps=[pb.ContactCap(most=1, days=7)])
        (mail,) = await both.decide(at(NOW, channels=["mail"]))
        took_place = mail.best_time.seconds + 3 * DAY
        await both.say(mail, "ACTED", took_place)
    async with served(in_file(tmp_path)) as both:
        (early,) = await both.decide(at(mail.best_time.seconds + 8 * DAY, channels=["email"]))
        (late,) = await both.decide(at(took_place + 7 * DAY, channels=["email"]))
    assert (reaching([early]), len(reaching([late]))) == ([], 1)


async def test_what_came_of_a_contact_holds_for_every_decision_that_planned_it_after_a_restart_too(
    tmp_path: Path,
) -> None:
    async with served(in_file(tmp_path)) as both:
        await both.allow(caps=[pb.ContactCap(most=2, days=7)])
        (mail,) = await both.decide(at(NOW, channels=["mail"]))
        await both.decide(at(NOW + 60, channels=["mail"]))
        await both.say(mail, "ACTED", NOW + 120)
        (call,) = await both.decide(at(NOW, "customers/2", channels=["call"]))
        await both.decide(at(NOW + 60, "customers/2", channels=["call"]))
        await both.say(call, "DECLINED", NOW + 120)
    async with served(in_file(tmp_path)) as both:
        (email,) = await both.decide(at(NOW + 180, channels=["email"]))
        (other,) = await both.decide(at(NOW + 180, "customers/2", channels=["email"]))
        for decision, contacts in ((email, 1), (other, 0)):
            replayed = await both.actions.ReplayDecision(wire.ReplayDecisionRequest(name=decision.name))
            assert replayed.identical
            assert len(replayed.inputs.contact.contacts) == contacts
    assert len(reaching([email, other])) == 2


@pytest.mark.parametrize(("kind", "fact"), [("COMPLAINED", "complained"), ("OPTED_OUT", "opted_out")])
async def test_who_complains_or_opts_out_is_left_in_peace_from_the_next_decision_on(
    tmp_path: Path, kind: str, fact: str
) -> None:
    async with served(in_file(tmp_path)) as both:
        (first,) = await both.decide(at(NOW))
        await both.say(first, kind, NOW + 60)
        (at_once,) = await both.decide(at(NOW + 120))
    async with served(in_file(tmp_path)) as both:
        (restarted,) = await both.decide(at(NOW + 180))
        (rested,) = await both.decide(at(NOW + 200 * DAY))
    for decision in (at_once, restarted):
        assert reaching([decision]) == []
        suppressed = [each for each in decision.rejected if each.code == "SUPPRESSED"]
        assert {(each.fact, each.value, each.limit) for each in suppressed} == {(fact, 1.0, 1.0)}
    assert reaching([rested])


async def test_after_refusals_a_customer_rests_and_the_same_refusal_told_twice_is_one(tmp_path: Path) -> None:
    rule = pb.SuppressionRule(count=2, window_days=10, rest_days=5, event=pb.CONTACT_EVENT_REFUSED)
    async with served(in_file(tmp_path)) as both:
        await both.allow(suppressions=[rule])
        (first,) = await both.decide(at(NOW, channels=["email"]))
        for again in ("a", "b"):
            await both.say(first, "DECLINED", NOW + DAY, event_id=again)
        (second,) = await both.decide(at(NOW + 2 * DAY, channels=["email"]))
        assert reaching([second])
        await both.say(second, "DECLINED", NOW + 3 * DAY)
        (resting,) = await both.decide(at(NOW + 4 * DAY, channels=["mail"]))
        (rested,) = await both.decide(at(NOW + 8 * DAY, channels=["mail"]))
    assert "SUPPRESSED" in codes(resting)
    assert reaching([rested])


def test_only_contacts_that_took_place_and_stayed_without_answer_count_as_unanswered() -> None:
    rules = [Suppression("unanswered", 2, 30, 10)]
    book = Book()
    contacts = [Contact("mail", "actions/a", NOW + n * DAY) for n in range(4)]
    for contact in contacts:
        book.add("c", contact)
    card = book.card("c", NOW + 7 * DAY)
    assert card is not None
    assert card.rests(NOW + 7 * DAY, rules) == ()
    for contact in contacts[:3]:
        book.move("c", contact, contact.due, REACHED)
    book.move("c", contacts[0], contacts[0].due, ANSWERED)
    (rest,) = card.rests(NOW + 7 * DAY, rules)
    assert (rest.found, rest.limit, rest.until) == (2, 2, NOW + (2 + 3 + 10) * DAY)
    assert card.rests(NOW + 4 * DAY, rules) == ()


@settings(max_examples=150)
@given(st.lists(st.integers(0, 60), max_size=12), st.integers(1, 4), st.integers(1, 20), st.integers(1, 20))
def test_rests_are_those_of_a_walk_through_all_remarks(
    days: list[int], limit: int, window: int, rest: int
) -> None:
    book, moment = Book(), NOW + 61 * DAY
    for number, day in enumerate(days):
        book.remark("c", Remark("refused", f"decisions/{number}", "mail", NOW + day * DAY))
    ends = [
        NOW + (day + rest) * DAY
        for day in days
        if sum(day - window < other <= day for other in days) >= limit
    ]
    card = book.card("c", moment)
    found = () if card is None else card.rests(moment, [Suppression("refused", limit, window, rest)])
    until = max(ends, default=0)
    assert [each.until for each in found] == ([until] if until > moment else [])


# Quiet hours


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 1439),
    st.integers(0, 1440),
    st.frozensets(st.integers(1, 7)),
    st.integers(NOW, NOW + 400 * DAY),
    st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata"]),
)
def test_quiet_hours_are_those_that_a_clock_on_the_wall_shows(
    start: int, end: int, weekdays: frozenset[int], moment: int, name: str
) -> None:
    zone = ZoneInfo(name)
    found = spans([Quiet(start, end, weekdays)], moment, zone)
    length = (end - start) % 1440 or 1440
    for hour in range(0, 7 * 24, 5):
        local = datetime.fromtimestamp(moment + hour * 3600, zone)
        shifted = [local.utcoffset() != (local + timedelta(days=days)).utcoffset() for days in (-2, 1)]
        if any(shifted):
            continue  # the day on which clocks change has an hour less or more
        minute = local.hour * 60 + local.minute
        here = [
            0 <= minute + 1440 * back - start < length
            for back in (0, 1)
            if not weekdays or (local - timedelta(days=back)).isoweekday() in weekdays
        ]
        now = int(local.timestamp())
        assert any(span.start <= now < span.end for span in found) == any(here)


def test_after_quiet_hours_comes_the_first_free_moment() -> None:
    quiet = (Span("", 10, 20), Span("call", 20, 30), Span("", 40, 50))
    assert [after_quiet(quiet, "mail", moment) for moment in (5, 10, 19, 20, 45)] == [5, 20, 20, 20, 50]
    assert after_quiet(quiet, "call", 12) == 30


async def test_a_contact_waits_for_the_end_of_quiet_hours_in_local_time(tmp_path: Path) -> None:
    # Monday 2017-12-11 13:46 UTC is 08:46 in New York; his usual hour, 17 UTC, is noon there.
    async with served(in_file(tmp_path), "America/New_York") as both:
        (free,) = await both.decide(at(NOW, "customers/1"))
        made = await both.allow(quiet_hours=[pb.QuietHours(start_minute=11 * 60, end_minute=8 * 60 + 30)])
        (waiting,) = await both.decide(at(NOW, "customers/2"))
        assert made.time_zone == "America/New_York"
        await both.allow("r2", quiet_hours=made.quiet_hours, immediate_channels=["email", "mail", "call"])
        (now,) = await both.decide(at(NOW, "customers/3"))
        (refused,) = await both.decide(at(NOW + 4 * 3600, "customers/4"))
    assert datetime.fromtimestamp(free.best_time.seconds, UTC).hour == 17
    assert datetime.fromtimestamp(waiting.best_time.seconds, UTC) == datetime(
        2017, 12, 12, 13, 30, tzinfo=UTC
    )
    assert now.best_time.seconds == NOW
    quiet = [each for each in refused.rejected if each.code == "QUIET_HOURS"]
    assert {round(each.value, 2) for each in quiet} == {19.72}
    assert reaching([refused]) == []


def living(customer: str, zone: str) -> DecisionInputs:
    made = at(NOW, customer)
    made.profile.plain.time_zone = zone
    return made


async def test_quiet_hours_are_those_where_the_customer_lives(tmp_path: Path) -> None:
    # His usual hour, 17 UTC, is noon in New York, where the installation is, and 6 in the morning in Auckland.
    night = pb.QuietHours(start_minute=21 * 60, end_minute=8 * 60)
    async with served(in_file(tmp_path), "America/New_York") as both:
        await both.allow(quiet_hours=[night])
        far = living("customers/1", "Pacific/Auckland")
        made = await both.decide(far, living("customers/2", "Nowhere/Land"), at(NOW, "customers/3"))
        again = await both.actions.ReplayDecision(wire.ReplayDecisionRequest(name=made[0].name))
    assert [each.best_time.ToDatetime(tzinfo=UTC).hour for each in made] == [19, 17, 17]
    assert again.identical


def test_the_date_of_occasions_is_the_one_where_the_customer_lives() -> None:
    in_force = InForce(CATALOGUE, zone=ZoneInfo("America/New_York"))
    asked = [living("customers/1", "Pacific/Auckland"), living("customers/2", ""), at(NOW, "customers/3")]
    for inputs in asked:
        look_up_pairs(inputs, in_force)
    # Monday afternoon is Tuesday in Auckland already.
    assert [inputs.local_day - NOW // DAY for inputs in asked] == [1, 0, 0]


# Consent


async def test_who_did_not_consent_gets_only_what_is_the_same_for_everybody_and_only_where_that_is_allowed(
    tmp_path: Path,
) -> None:
    def unwilling(customer: str) -> DecisionInputs:
        made = at(NOW, customer)
        made.profile.CopyFrom(Profile(name=customer, withheld=True))
        return made

    async with served(in_file(tmp_path)) as both:
        (plain,) = await both.decide(at(NOW))
        (alone,) = await both.decide(unwilling("customers/2"))
        await both.allow(general_channels=["call"])
        (general,) = await both.decide(unwilling("customers/3"))
        (other,) = await both.decide(unwilling("customers/4"))
    assert plain.personalised
    assert not alone.personalised
    assert alone.HasField("personalised")
    assert codes(alone) == {"CONSENT_WITHHELD"}
    assert general.chosen_action == "actions/call-check-in"
    assert not general.personalised
    # Nothing but the name tells one of them from another.
    assert [each.value for each in general.actions] == [each.value for each in other.actions]
    assert not general.predictions


async def test_who_was_never_asked_is_treated_as_who_refused_where_consent_is_required(
    tmp_path: Path,
) -> None:
    def unasked(customer: str) -> DecisionInputs:
        made = at(NOW, customer)
        made.profile.consent_assumed = True
        return made

    async with served(in_file(tmp_path)) as both:
        (allowed,) = await both.decide(unasked("customers/1"))
        await both.allow(consent_required=True)
        (refused, asked) = await both.decide(unasked("customers/2"), at(NOW, "customers/3"))
        replayed = await both.actions.ReplayDecision(wire.ReplayDecisionRequest(name=refused.name))
    assert len(reaching([allowed, asked])) == 2
    assert codes(refused) == {"CONSENT_WITHHELD"}
    assert not refused.predictions
    assert replayed.identical


# The policy


async def test_a_policy_is_changed_only_by_who_knows_the_one_in_force(tmp_path: Path) -> None:
    async with served(in_file(tmp_path)) as both:
        first = await both.allow("r1", caps=[pb.ContactCap(most=3, days=7)])
        again = await both.allow("r1", caps=[pb.ContactCap(most=3, days=7)])
        second = await both.allow("r2", first.etag, caps=[pb.ContactCap(most=2, days=7)])
        with pytest.raises(grpc.aio.AioRpcError) as stale:
            await both.allow("r3", first.etag)
        with pytest.raises(grpc.aio.AioRpcError) as reused:
            await both.allow("r1")
    async with served(in_file(tmp_path)) as both:
        kept = await both.contacts.GetContactPolicy(service.GetContactPolicyRequest())
    assert (first.etag, again.etag, second.etag, kept.etag) == ("v1", "v1", "v2", "v2")
    assert (kept.actor, kept.caps[0].most) == ("ann", 2)
    assert from_rpc_error(stale.value).reason == "CONTACT_POLICY_CHANGED"
    assert from_rpc_error(reused.value).reason == "REQUEST_ID_REUSED"


def test_all_faults_of_a_policy_are_told_at_once() -> None:
    policy = ContactPolicy(
        (Cap(1, 7, "pigeon"), Cap(1, 7, "", "actions/gone")),
        (Quiet(0, 0),),
        immediate=frozenset({"none"}),
    )
    fields = {fault.field for fault in faults_of(policy, {"actions/a"}, "p")}
    assert fields == {"p.caps[0].channel", "p.caps[1].action", "p.immediate_channels", "p.quiet_hours"}
    assert faults_of(policy_of(pb.ContactPolicy()), set(), "p") == []


def test_caps_and_reports_take_every_name_that_an_action_may_have() -> None:
    fields = [
        ActionDefinition.DESCRIPTOR.fields_by_name["name"],
        pb.ContactCap.DESCRIPTOR.fields_by_name["action"],
        ReportEffectRequest.DESCRIPTOR.fields_by_name["action"],
    ]
    assert len({field.GetOptions().Extensions[rules_pb2.rules].pattern for field in fields}) == 1
