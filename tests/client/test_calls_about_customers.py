"""The calls about customers, of both clients: each reaches its method with a request that the gateway will take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import fieldwise_client as fw
from fieldwise.profile.v1 import identity_service_pb2, privacy_service_pb2, profile_pb2, schema_service_pb2
from fieldwise.profile.v1 import profile_service_pb2 as store
from fieldwise.profile.v1.consent_pb2 import PURPOSE_DECISION
from fieldwise.profile.v1.event_pb2 import Event, Identification
from fieldwise_client.aio_customer_calls import AsyncCustomerCalls
from fieldwise_client.customer_calls import CustomerCalls
from fieldwise_client.fake import FakeGateway
from fieldwise_runtime.rules import violations
from tests.client.both_clients import Ask, asking
from tests.client.fake_services import FakeServices, serving

NUMBER = schema_service_pb2.ATTRIBUTE_TYPE_NUMBER
# What the gateway fills in.
FILLED = {"decision_time", "as_of"}
SOURCE = fw.Source("customers/7", ("purchase",), "NUTS", datetime(2017, 5, 1, tzinfo=UTC))

CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("profile", ("7",), {"purpose": "decision"}, "GetProfile"),
    ("profiles", (["7", "8"],), {"purpose": "reporting"}, "BatchGetProfiles"),
    ("watch_profiles", (["7"],), {"purpose": "service"}, "WatchProfiles"),
    ("events", ("7",), {"purpose": "rights", "kinds": ["purchase"]}, "ListEvents"),
    ("rows_of", (SOURCE,), {"purpose": "service"}, "ListEvents"),
    ("changes", (), {"purpose": "upkeep", "kinds": ["consent"], "from_now": True}, "ListChanges"),
    ("rebuild_profiles", (["7"],), {}, "RebuildProfiles"),
    ("find_duplicates", ("7",), {}, "FindDuplicates"),
    ("find_duplicates", (Identification(phone="555 0100"),), {"purpose": "upkeep"}, "FindDuplicates"),
    ("link_customers", ("7", "8"), {"decided_by": "reps/1"}, "LinkCustomers"),
    ("unlink_customers", ("3",), {"decided_by": "reps/1"}, "UnlinkCustomers"),
    ("links", ("7",), {"show_revoked": True}, "ListLinks"),
    ("reviews", (), {}, "ListReviews"),
    ("decide_review", ("3",), {"same": False, "decided_by": "reps/1"}, "DecideReview"),
    ("resolve_identities", (), {"dry_run": True}, "ResolveIdentities"),
    ("fit_segments", (), {"counts": [3, 4]}, "FitSegments"),
    ("segments", (), {}, "ListSegments"),
    ("fit_lifecycle", (), {}, "FitLifecycle"),
    ("lifecycle", (), {}, "GetLifecycle"),
    ("measure_accuracy", (), {}, "MeasureAccuracy"),
    ("set_consent", ("7", "decision"), {"granted": True, "proof": "form 12"}, "SetConsent"),
    ("set_consent", ("7", "email"), {"granted": False}, "SetConsent"),
    ("consents", ("7",), {}, "ListConsents"),
    ("personal_data", ("7",), {"purpose": "rights"}, "GetPersonalData"),
    ("export", ("7",), {}, "ExportCustomer"),
    ("erase", ("7",), {"request_id": "letter 3"}, "EraseCustomer"),
    ("verify_receipt", (privacy_service_pb2.ErasureReceipt(request_id="letter 3"),), {}, "VerifyReceipt"),
    ("personal_fields", (), {}, "ListFields"),
    ("minimisation", (), {}, "ReportMinimisation"),
    ("audit_entries", ("7",), {}, "ListAuditEntries"),
    ("verify_audit", (), {}, "VerifyAudit"),
    ("rotate_keys", (), {}, "RotateKeys"),
    (
        "create_event_schema",
        (
            "test_drive",
            [
                schema_service_pb2.EventSchemaField(
                    name="km", type=NUMBER, unit="km", purposes=[PURPOSE_DECISION]
                )
            ],
        ),
        {},
        "CreateEventSchema",
    ),
    ("event_schemas", (), {}, "ListEventSchemas"),
    ("dead_letters", (), {"customer": "7"}, "ListDeadLetters"),
    ("replay_dead_letters", (), {"source": "till"}, "ReplayDeadLetters"),
    ("replay_dead_letters", (["0" * 32],), {}, "ReplayDeadLetters"),
    ("create_tag", ("big", "true"), {"purposes": ["decision"]}, "CreateTag"),
    ("tags", (), {}, "ListTags"),
    ("retire_tag", ("big",), {}, "RetireTag"),
    ("restore_tag", ("big",), {"version": 1}, "RestoreTag"),
    ("test_tag", ("true", ["7"]), {"scores": {"buys-28d": 0.5}}, "TestTag"),
    ("tagged_customers", ("big",), {"purpose": "decision"}, "ListTaggedCustomers"),
    ("evaluate_tags", (), {"propose": True}, "EvaluateTags"),
]


@pytest.fixture
def profile() -> FakeServices:
    return FakeServices("fieldwise.profile.v1")


@pytest.fixture
def address(profile: FakeServices) -> Iterator[str]:
    with serving(profile) as where:
        yield where


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, address: str) -> Ask:
    return asking(request.param, address)


@pytest.mark.parametrize(("method", "args", "more", "reached"), CALLS, ids=lambda value: str(value)[:24])
def test_a_call_reaches_its_method_with_a_request_that_obeys_the_contract(
    ask: Ask, profile: FakeServices, method: str, args: tuple[Any, ...], more: dict[str, Any], reached: str
) -> None:
    ask(method, *args, **more)
    ((name, request),) = profile.asked
    assert name == reached
    assert [fault for fault in violations(request) if fault.field not in FILLED] == []


def test_every_call_about_customers_is_tried_here() -> None:
    for kind in (CustomerCalls, AsyncCustomerCalls):
        own = {name for name, each in vars(kind).items() if callable(each) and not name.startswith("_")}
        assert own == {method for method, *_ in CALLS}


def test_a_profile_is_asked_for_as_it_was(ask: Ask, profile: FakeServices) -> None:
    ask("profile", "customers/7", purpose="decision", as_of=datetime(2024, 1, 1, tzinfo=UTC))
    ((_, request),) = profile.asked
    assert request.name == "customers/7"
    assert request.as_of.ToJsonString() == "2024-01-01T00:00:00Z"
    assert request.view == profile_pb2.PROFILE_VIEW_FULL


@pytest.mark.parametrize(
    ("method", "args", "more", "field"),
    [
        ("profile", ("7",), {"purpose": "curiosity"}, "purpose"),
        ("reviews", ("doubtful",), {}, "state"),
        ("changes", (), {"purpose": "upkeep", "kinds": ["weather"]}, "kinds"),
        ("evaluate_tags", ("rain",), {}, "target"),
    ],
)
def test_a_word_that_no_contract_knows_is_refused_with_those_it_knows(
    ask: Ask, method: str, args: tuple[Any, ...], more: dict[str, Any], field: str
) -> None:
    with pytest.raises(fw.InvalidRequest) as refused:
        ask(method, *args, **more)
    assert refused.value.violations[0].field == field
    assert "give" in str(refused.value)


def test_pages_are_fetched_until_the_last(ask: Ask, profile: FakeServices) -> None:
    def page(request: Any) -> list[Any]:
        first = int(request.page_token or 0)
        answer = store.ListEventsResponse(next_page_token=str(first + 2) if first < 4 else "")
        for number in (first, first + 1):
            answer.events.add(weight=1.0, event=Event(event_id=str(number)))
        return [answer]

    profile.answers["ListEvents"] = page
    found = ask("events", "7", purpose="service", page_size=2)
    assert [each.event.event_id for each in found] == ["0", "1", "2", "3", "4", "5"]


def test_the_rows_of_a_fact_are_of_its_category_and_from_before_the_decision(
    ask: Ask, profile: FakeServices
) -> None:
    answer = store.ListEventsResponse()
    for number, (day, known, category) in enumerate(
        ((29, 29, "NUTS"), (31, 31, "NUTS"), (29, 31, "NUTS"), (29, 29, "BEER"))
    ):
        event = answer.events.add(weight=1.0).event
        event.event_id, event.purchase.category = str(number), category
        event.event_time.FromDatetime(datetime(2017, 4, 1) + timedelta(days=day))
        event.known_at.FromDatetime(datetime(2017, 4, 1) + timedelta(days=known))
    profile.answers["ListEvents"] = lambda _: [answer]
    assert [each.event.event_id for each in ask("rows_of", SOURCE, purpose="service")] == ["0"]


def test_a_watch_that_breaks_is_begun_again(ask: Ask, profile: FakeServices) -> None:
    profile.answers["WatchProfiles"] = lambda _: [profile_pb2.Profile(name="customers/7")]
    profile.breaks_after_answers = 2
    assert len(ask("watch_profiles", ["7"], purpose="service", most=3)) == 3
    assert len(profile.asked) == 3


def test_a_long_call_is_tried_again_while_nobody_answers(ask: Ask, profile: FakeServices) -> None:
    profile.unavailable = 1
    assert len(ask("fit_lifecycle")) == 1
    assert len(profile.asked) == 2


def test_a_long_call_that_breaks_off_is_not_begun_anew_in_silence(ask: Ask, profile: FakeServices) -> None:
    profile.breaks_after_answers = 1
    with pytest.raises(fw.Unavailable):
        ask("resolve_identities")
    assert len(profile.asked) == 1


def test_an_export_comes_as_lines(ask: Ask, profile: FakeServices) -> None:
    parts = [privacy_service_pb2.ExportCustomerResponse(lines=lines) for lines in (["a", "b"], ["c"])]
    profile.answers["ExportCustomer"] = lambda _: parts
    assert ask("export", "7") == ["a", "b", "c"]


def test_a_record_and_a_name_are_told_apart(ask: Ask, profile: FakeServices) -> None:
    ask("find_duplicates", Identification(phone="555 0100"))
    ask("find_duplicates", "7")
    by_record, by_name = (request for _, request in profile.asked)
    assert isinstance(by_record, identity_service_pb2.FindDuplicatesRequest)
    assert (by_record.record.phone, by_record.name, by_name.name) == ("555 0100", "", "customers/7")


def test_the_fake_for_apps_tells_profiles_and_the_events_it_took() -> None:
    known = {"7": profile_pb2.Profile(event_count=3)}
    with fw.Client.fake(FakeGateway({}, known)) as client:
        assert client.profile("7", purpose="service").event_count == 3
        assert [each.name for each in client.watch_profiles(["7", "8"], purpose="service")] == ["customers/7"]
        with pytest.raises(fw.NotFound):
            client.profile("8", purpose="service")
        list(client.ingest([Event(event_id="1", source="till", customer="customers/7")]))
        assert [each.event.event_id for each in client.events("7", purpose="service")] == ["1"]
        with pytest.raises(fw.FieldwiseError, match="real installation"):
            client.segments()
