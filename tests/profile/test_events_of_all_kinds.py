"""Events of every kind: what is refused and why, clocks that are wrong, custom events by their schema, agents."""

from __future__ import annotations

import json

import pytest

from fieldwise.profile.v1 import consent_pb2, event_pb2
from fieldwise_profile.core.event import Event, Flag, Kind
from fieldwise_profile.core.robots import names_a_program
from fieldwise_profile.core.schemas import EventSchema, SchemaField, Schemas
from fieldwise_profile.reading import Batch, Reader
from tests.profile.builders import NOW, at, batch, event, purchase

BOOKING = "eventSchemas/booking"
FIELDS = (
    SchemaField("nights", "number", "d", ("DECISION",), personal=False),
    SchemaField("sea_view", "truth", "", ("DECISION",), personal=False),
    SchemaField("guest", "text", "", ("SERVICE",), personal=True),
)
SCHEMAS: Schemas = {
    (BOOKING, version): EventSchema(BOOKING, version, FIELDS[: version + 1]) for version in (1, 2)
}


def read(*sent: event_pb2.Event, sent_at: float | None = None) -> Batch:
    one = batch(sent)
    if sent_at is not None:
        one.sent_at.CopyFrom(at(sent_at))
    return Reader("USD", lambda: SCHEMAS).read(one)


def accepted(*sent: event_pb2.Event, sent_at: float | None = None) -> Event:
    found = read(*sent, sent_at=sent_at)
    assert not found.rejected, found.rejected
    return found.events[0]


def faults(sent: event_pb2.Event) -> dict[str, str]:
    found = read(sent)
    assert not found.events
    return {each.field: each.description for each in found.rejected[0].details.field_violations}


def custom(version: int = 2, schema: str = BOOKING, **attributes: event_pb2.Attribute) -> event_pb2.Event:
    for name, attribute in attributes.items():
        attribute.name = name
    sent = event("c", custom=event_pb2.CustomEvent(schema=schema, attributes=attributes.values()))
    sent.schema_version = version
    return sent


def number(value: float, unit: str = "d") -> event_pb2.Attribute:
    return event_pb2.Attribute(number=value, unit=unit)


def text(value: str) -> event_pb2.Attribute:
    return event_pb2.Attribute(text=value)


def test_an_event_of_40_kb_is_refused_with_its_size_and_the_limit() -> None:
    attributes = [event_pb2.Attribute(name=f"a{n}", text="x" * 8000) for n in range(5)]
    sent = event("big", custom=event_pb2.CustomEvent(schema=BOOKING, attributes=attributes))
    told = faults(sent)["event"]
    assert "EVENT_TOO_LARGE" in told
    assert "32768 bytes" in told
    assert str(sent.ByteSize()) in told


def test_a_kind_that_is_not_known_here_is_refused_and_says_how_to_go_on() -> None:
    # Field 99 of a later release, as its bytes.
    sent = event_pb2.Event.FromString(event("new").SerializeToString() + b"\x9a\x06\x02\x08\x01")
    assert "replayed" in faults(sent)["what"]


def test_a_version_that_is_not_known_here_is_refused() -> None:
    sent = purchase("p")
    sent.schema_version = 2
    assert "UNKNOWN_SCHEMA_VERSION" in faults(sent)["schema_version"]
    assert "known are 1, 2" in faults(custom(version=3))["schema_version"]
    assert "UNKNOWN_SCHEMA:" in faults(custom(schema="eventSchemas/other"))["custom.schema"]


def test_a_custom_event_is_parted_into_what_is_plain_and_what_is_personal() -> None:
    stored = accepted(custom(nights=number(3), sea_view=event_pb2.Attribute(truth=True), guest=text("Ada")))
    assert (stored.kind, stored.target, stored.stage) == (Kind.CUSTOM, BOOKING, 2)
    assert json.loads(stored.details or "") == {"nights": 3.0, "sea_view": True}
    assert json.loads(stored.personal or b"") == {"guest": "Ada"}


def test_everything_that_is_wrong_with_attributes_is_told_at_once() -> None:
    told = faults(custom(nights=number(3, "h"), guest=number(1), colour=text("red")))
    assert "WRONG_UNIT: give nights in d" in told["custom.attributes[0].unit"]
    assert "give guest as text" in told["custom.attributes[1].number"]
    assert "FIELD_WITHOUT_PURPOSE" in told["custom.attributes[2].name"]
    assert "WRONG_UNIT" in faults(custom(nights=number(3, "")))["custom.attributes[0].unit"]
    assert "purposes" in faults(custom(version=1, guest=text("Ada")))["custom.attributes[0].name"]


@pytest.mark.parametrize(("hours", "moved"), [(5.0, True), (-5.0, True), (0.01, False)])
def test_a_senders_clock_that_is_wrong_by_over_a_minute_is_corrected(hours: float, moved: bool) -> None:
    ahead = hours * 3600
    # What happened ten minutes before sending, on a clock that is so far ahead.
    sent = purchase("p", seconds=NOW + ahead - 600)
    if not moved:
        sent.known_at.CopyFrom(at(NOW + ahead - 600))
    stored = accepted(sent, sent_at=NOW + ahead)
    expected = NOW - 600 if moved else NOW + ahead - 600
    assert stored.event_time == pytest.approx(expected * 1_000_000, abs=1)
    assert stored.known_at >= stored.event_time


def test_a_clock_that_is_hours_ahead_and_does_not_say_so_is_refused_with_the_remedy() -> None:
    told = faults(purchase("p", seconds=NOW + 5 * 3600))
    assert "not after decision_time" in told["event_time"]


def test_a_time_after_sending_is_refused_though_the_clock_was_corrected() -> None:
    one = batch([purchase("p", seconds=NOW - 3600)])
    one.sent_at.CopyFrom(at(NOW - 7200))
    (rejected,) = Reader("USD").read(one).rejected
    assert "+7200 s" in rejected.details.field_violations[0].description


@pytest.mark.parametrize("version", [0, 1])
def test_a_senders_clock_so_wrong_that_events_would_come_before_2000_is_refused(version: int) -> None:
    # Version 1 said aloud takes the long way of reading, 0 the short one.
    sent = purchase("p", seconds=NOW - 60)
    sent.schema_version = version
    batch_ = batch([sent])
    batch_.sent_at.CopyFrom(at(4_102_444_799))
    (rejected,) = Reader("USD").read(batch_).rejected
    (fault,) = rejected.details.field_violations
    assert fault.field == "event_time"
    assert "sent_at that is right" in fault.description


def test_satisfaction_must_fit_its_scale() -> None:
    def said(scale: event_pb2.SatisfactionScale.ValueType, score: int) -> event_pb2.Event:
        return event("s", satisfaction=event_pb2.Satisfaction(scale=scale, score=score))

    csat, nps = event_pb2.SATISFACTION_SCALE_CSAT, event_pb2.SATISFACTION_SCALE_NPS
    for score in (0, 6):
        assert "1 to 5" in faults(said(csat, score))["satisfaction.score"]
    assert faults(said(nps, 11)).keys() == {"satisfaction.score"}
    assert [accepted(said(csat, 5)).measure, accepted(said(nps, 0)).measure] == [5, 0]


def test_a_consent_names_what_for_or_how_and_its_proof() -> None:
    def said(**fields: object) -> event_pb2.Event:
        return event("c", consent=event_pb2.Consent(**fields))  # type: ignore[arg-type]  # fields of different types

    decision, service = consent_pb2.PURPOSE_DECISION, consent_pb2.PURPOSE_SERVICE
    assert faults(said(granted=True)).keys() == {"consent.purpose", "consent.proof"}
    assert "PURPOSE_DECISION" in faults(said(purpose=service))["consent.purpose"]
    given = accepted(
        said(purpose=decision, channel="email", granted=True, proof="form 7", policy_version="3")
    )
    assert (given.target, given.channel, given.flags) == ("decision", "email", Flag.GRANTED)
    assert (given.details, given.personal) == ('{"policy_version":"3"}', b'{"proof":"form 7"}')
    assert accepted(said(channel="all")).flags is None


def test_of_a_person_only_coarse_facts_are_plain() -> None:
    stated = event_pb2.Identification(
        full_name="Ada Lovelace",
        birth_date="17.05.1987",
        gender="f",
        postcode=" sw1a 1aa",
        phone="+44 20 7946 0000",
    )
    stored = accepted(event("i", identification=stated))
    assert json.loads(stored.details or "") == {"birth": [5, 17, 1985], "gender": "f", "place": "SW1"}
    assert json.loads(stored.personal or b"")["phone"] == "+44 20 7946 0000"
    plain = [column for column in stored._replace(personal=None) if isinstance(column, str)]
    assert not any("Ada" in column or "7946" in column or "1987" in column for column in plain)
    assert "at least one" in faults(event("i", identification=event_pb2.Identification()))["identification"]
    assert accepted(event("i", identification=event_pb2.Identification(city="Ulm"))).details is None
    zoned = accepted(event("i", identification=event_pb2.Identification(time_zone="Asia/Shanghai")))
    assert (zoned.details, zoned.personal) == ('{"time_zone":"Asia/Shanghai"}', None)
    mars = event_pb2.Identification(time_zone="Mars/Olympus")
    assert "Asia/Shanghai" in faults(event("i", identification=mars))["identification.time_zone"]


def test_an_agent_is_judged_and_never_stored() -> None:
    agent = "Mozilla/5.0 (compatible; Baiduspider/2.0)"
    stored = accepted(event("v", view=event_pb2.View(product="p", agent=agent)))
    assert stored.flags == Flag.ROBOT
    assert agent not in stored
    assert stored.channel == "web"


@pytest.mark.parametrize(
    ("agent", "program"),
    [
        (
            "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 Chrome/125.0 Mobile Safari/537.36",
            False,
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile Safari/604.1", False),
        ("", False),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("Googlebot-Image/1.0", True),
        ("curl/8.6.0", True),
        ("python-requests/2.32.3", True),
        ("Mozilla/5.0 (X11; Linux x64) HeadlessChrome/125.0.0.0 Safari/537.36", True),
    ],
)
def test_programs_are_known_by_their_own_words(agent: str, program: bool) -> None:
    assert names_a_program(agent) is program


def test_a_batch_remembers_its_moment() -> None:
    assert read(purchase("p")).moment == NOW * 1_000_000
