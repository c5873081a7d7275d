"""The in-memory client that apps test with keeps the promises of the real one."""

from __future__ import annotations

import pytest

import fieldwise_client as fw
from fieldwise.profile.v1.event_pb2 import Event
from fieldwise_client.fake import FakeGateway, decision


def test_a_test_of_an_app_takes_its_decision_from_a_table() -> None:
    client = fw.Client.fake({"C-1": decision("C-1", action="call-check-in", value=2.5, rep="wang")})
    made = client.decide("C-1")
    assert (made.action, made.rep, str(made.value)) == ("actions/call-check-in", "reps/wang", "2.50 USD")
    assert made.chosen is not None
    assert made.chosen.money.value == made.value


def test_a_customer_without_a_decision_is_left_alone_unless_he_must_be_known() -> None:
    client = fw.Client.fake()
    assert client.decide("new").verdict is fw.Verdict.LEAVE_ALONE
    with pytest.raises(fw.NotFound):
        fw.Client.fake().decide("new", require_known=True)


def test_the_same_request_gives_the_same_decision_and_another_body_is_refused() -> None:
    client = fw.Client.fake()
    assert client.decide("1", request_id="r") == client.decide("1", request_id="r")
    with pytest.raises(fw.RequestIdReused):
        client.decide("2", request_id="r")


def test_what_an_app_recorded_can_be_looked_at() -> None:
    gateway = FakeGateway({})
    client = fw.Client.fake(gateway)
    made = client.decide("1")
    for _ in range(2):
        client.record_outcome(made.name, "acted", request_id="once")
    sent = [Event(event_id="1", source="pos"), Event(event_id="1", source="pos")]
    assert [answer.duplicates for answer in client.ingest(sent)] == [1]
    assert len(gateway.outcomes) == 1
    assert len(gateway.events) == 1
    assert client.get_decision(made.name) == made


def test_a_stored_decision_replays_and_an_unknown_one_is_refused() -> None:
    client = fw.Client.fake({"1": decision("1")})
    assert client.replay_decision(client.decide("1").name).identical
    with pytest.raises(fw.NotFound):
        client.get_decision("decisions/none")


def test_what_the_fake_does_not_know_it_says() -> None:
    with pytest.raises(fw.FieldwiseError, match="real installation"):
        fw.Client.fake().plan_territories()


async def test_the_asyncio_client_has_the_same_fake() -> None:
    async with fw.AsyncClient.fake({"1": decision("1", action="email-new", value=1)}) as client:
        assert (await client.decide("1")).action == "actions/email-new"
        assert [each async for each in client.customers()] == ["customers/1"]
        assert [answer.accepted async for answer in client.ingest([Event(event_id="1", source="pos")])] == [1]
