"""Bad input over HTTP: too large, too deep, compressed beyond its bound, of no form; refused in words, and nobody else notices."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise_gateway.http.bodies import Room
from fieldwise_gateway.http.bounds import JSON_BYTES
from tests.gateway import http_gateway
from tests.gateway.http_gateway import DECIDE, INGEST, HttpWorld, frame, frames

KIND = gateway_pb.DecideRequest.DESCRIPTOR
ASK = {"requestId": "ask-1", "customer": "customers/known-1"}

# One gateway for all of them: none leaves anything that another would notice.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HttpWorld]:
    async with http_gateway.running(tmp_path_factory.mktemp("gateway")) as running:
        yield running


def _fields(refused: httpx.Response) -> list[str]:
    return [
        each["field"]
        for detail in refused.json()["details"]
        for each in detail["debug"].get("fieldViolations", ())
    ]


def _reason(refused: httpx.Response) -> str:
    found = [detail["debug"]["reason"] for detail in refused.json()["details"] if "reason" in detail["debug"]]
    return str(found[0])


async def test_every_unknown_field_is_named_at_once(world: HttpWorld) -> None:
    refused = await world.post(DECIDE, ASK | {"max_action": 3, "context": {"chanels": []}, "custmer": "x"})
    assert refused.status_code == 400
    assert _fields(refused) == ["max_action", "context.chanels", "custmer"]
    assert "maxActions" in refused.text


async def test_field_rules_hold_for_json_as_for_grpc(world: HttpWorld) -> None:
    refused = await world.post(DECIDE, {"customer": "nobody", "maxActions": 99})
    assert _fields(refused) == ["request_id", "customer", "max_actions"]


MALFORMED = [
    (b'{"requestId": ', "no JSON"),
    (b"", "no JSON"),
    (b'{"requestId": "a", "requestId": "b"}', "the field twice"),
    (b'{"requestId": "a", "request_id": "b"}', "requestId too"),
    (b'{"requestId": "\xff\xfe"}', "not UTF-8"),
    (b'{"requestId": "\\ud800"}', "half of a surrogate pair"),
    (b'{"maxActions": NaN}', "NaN without quotes"),
    (b'{"maxActions": 1.5}', "whole number"),
    (b'{"maxActions": ' + b"9" * 5000 + b"}", "numbers as JSON writes them"),
    (b"[" * 100_000, "too deep"),
    (b'{"context":' * 70 + b"{}" + b"}" * 70, "does not exist"),
    (b'{"context": []}', "give an object"),
    (b"[]", "give an object"),
    (b"null", "give an object"),
]


async def test_what_is_no_request_is_refused_in_words(world: HttpWorld) -> None:
    for body, told in MALFORMED:
        refused = await world.post(DECIDE, body)
        assert refused.status_code == 400, told
        assert told in refused.text


async def test_a_body_above_its_bound_is_refused_and_the_reason_is_read(world: HttpWorld) -> None:
    # Longer than sockets hold: the refusal must arrive although the caller is still sending.
    body = b'{"requestId": "' + b"a" * (24 * 1024 * 1024) + b'"}'
    refused = await world.post(DECIDE, body)
    assert refused.status_code == 429
    assert _reason(refused) == "REQUEST_TOO_LARGE"
    assert (await world.post(DECIDE, ASK)).status_code == 200


async def test_a_gzip_bomb_is_refused_after_its_bound(world: HttpWorld) -> None:
    bomb = gzip.compress(b" " * (32 * 1024 * 1024), 1)
    assert len(bomb) < JSON_BYTES
    refused = await world.post(DECIDE, bomb, content_encoding="gzip")
    assert _reason(refused) == "REQUEST_TOO_LARGE"


async def test_gzip_is_read_and_what_is_none_is_refused(world: HttpWorld) -> None:
    good = gzip.compress(json.dumps(ASK).encode())
    assert (await world.post(DECIDE, good, content_encoding="gzip")).status_code == 200
    for bad in (good[:-9], b"no gzip", good + b"more", b""):
        refused = await world.post(DECIDE, bad, content_encoding="gzip")
        assert (refused.status_code, _reason(refused)) == (400, "MALFORMED_REQUEST"), bad
    other = await world.post(DECIDE, good, content_encoding="br")
    assert (other.status_code, _reason(other)) == (501, "UNKNOWN_ENCODING")


async def test_frames_that_lie_are_refused(world: HttpWorld) -> None:
    good = frame(json.dumps({"events": []}).encode())
    lies = {
        "cut off": good[:-1],
        "flags": frame(b"{}", 0x40),
        "longer than": b"\x00" + (2**31).to_bytes(4, "big"),
        "no gzip": frame(b"{}", 0x01),
    }
    for told, body in lies.items():
        headers = {"content-type": "application/connect+json", "connect-content-encoding": "gzip"}
        answer = await world.http.post(INGEST, content=body, headers=headers)
        flags, end = frames(answer.content)[-1]
        assert flags == 2
        assert told in json.loads(end)["error"]["message"], told


async def test_headers_that_make_no_sense_are_refused(world: HttpWorld) -> None:
    for name, value in (
        ("connect_timeout_ms", "soon"),
        ("connect_timeout_ms", "1" * 11),
        ("connect_protocol_version", "2"),
    ):
        refused = await world.post(DECIDE, ASK, **{name: value})
        assert refused.status_code == 400
        assert _fields(refused) == [name.replace("_", "-")]
    other = await world.http.post(DECIDE, content=b"<ask/>", headers={"content-type": "text/xml"})
    assert other.status_code == 415
    assert "application/json" in other.headers["accept-post"]
    many = await world.post(DECIDE, ASK, x_long="a" * 300_000)
    assert many.status_code == 400


async def test_two_messages_for_a_call_of_one_are_refused(world: HttpWorld) -> None:
    raw = frame(gateway_pb.DecideRequest(request_id="a", customer="customers/known-1").SerializeToString())
    for body in (raw * 2, b""):
        answer = await world.http.post(DECIDE, content=body, headers={"content-type": "application/grpc-web"})
        assert b"grpc-status: 3" in answer.content


async def test_bytes_that_are_no_message_are_refused_as_in_grpc(world: HttpWorld) -> None:
    refused = await world.http.post(
        DECIDE, content=b"\xff" * 9, headers={"content-type": "application/proto"}
    )
    assert (refused.status_code, _reason(refused)) == (400, "MALFORMED_REQUEST")


async def test_a_large_body_does_not_hold_up_the_others(world: HttpWorld) -> None:
    names = [f"customers/{n}" for n in range(150_000)]
    body = json.dumps({"requestId": "batch", "customers": names}).encode()
    large = asyncio.create_task(world.post("/fieldwise.gateway.v1.GatewayService/BatchDecide", body))
    await asyncio.sleep(0)
    answers = await asyncio.gather(*(world.post(DECIDE, ASK) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    refused = await large
    assert refused.status_code == 400
    assert "150000" in refused.text or "10,000" in refused.text or "split the batch" in refused.text


async def test_room_is_given_back_whatever_became_of_the_request(
    world: HttpWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    take, give = Room.take, Room.give

    def counted(self: Room, count: int) -> None:
        given.append(-count)
        take(self, count)

    def returned(self: Room, count: int) -> None:
        given.append(count)
        give(self, count)

    monkeypatch.setattr(Room, "take", counted)
    monkeypatch.setattr(Room, "give", returned)
    for body in (json.dumps(ASK).encode(), b"{", b"a" * (JSON_BYTES + 1)):
        await world.post(DECIDE, body)
    batch = frame(json.dumps({"events": []}).encode())
    headers = {"content-type": "application/connect+json"}
    await world.http.post(INGEST, content=batch * 3, headers=headers)
    assert min(given) < 0
    assert sum(given) == 0


async def test_a_fault_of_the_face_itself_tells_nothing_of_what_was_sent(
    world: HttpWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_raw: object) -> bytes:
        raise KeyError("customers/known-1")

    monkeypatch.setattr("fieldwise_gateway.http.json_answers.written", broken)
    failed = await world.post(DECIDE, ASK)
    assert (failed.status_code, failed.json()["code"]) == (500, "internal")
    assert "known-1" not in failed.text
    assert "known-1" not in caplog.text


async def test_long_answers_are_compressed_for_those_who_take_it(world: HttpWorld) -> None:
    names = [f"customers/{number}" for number in range(150)]
    path = "/fieldwise.gateway.v1.GatewayService/BatchDecide"
    for accepted, told in (("br, gzip", "gzip"), ("gzip;q=0, identity", None), ("identity", None)):
        ask = {"requestId": f"zip-{accepted[:2]}", "customers": names}
        answer = await world.post(path, ask, accept_encoding=accepted)
        assert answer.headers.get("content-encoding") == told
        assert len(answer.json()["decisions"]) == 150
