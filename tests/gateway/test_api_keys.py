"""The life of API keys: made, shown once, narrowed, rotated, revoked, limited, never seen again."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import sqlite3
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.gateway.v1 import access_service_pb2 as pb
from fieldwise.gateway.v1 import gateway_service_pb2 as gateway_pb
from fieldwise_gateway import principal
from fieldwise_gateway.access_servicer import AccessServicer
from fieldwise_gateway.core.access import Principal, Role
from fieldwise_gateway.core.rates import Bucket
from fieldwise_gateway.gate import OPERATOR_KEY, Gate, Rules, new_operator_key
from fieldwise_runtime.database import Database, Durability
from fieldwise_runtime.errors import FieldwiseError
from tests.gateway.access_by_hand import MINE, MY_REP, REPS_OF, THEIRS
from tests.gateway.gates import Standing, key, standing

DECIDE = "fieldwise.gateway.v1.GatewayService/Decide"
INGEST = "fieldwise.gateway.v1.GatewayService/IngestEvents"
WATCH = "fieldwise.profile.v1.ProfileService/WatchProfiles"
OPERATOR = Principal.of("apiKeys/operator", [Role.OPERATOR])


async def entered(stands: Standing, secret: str, path: str = DECIDE) -> str:
    """``ok``, or why such a call is refused."""
    try:
        await stands.gate.keeper.enter(stands.call(path, secret))
    except FieldwiseError as refused:
        return refused.reason
    return "ok"


async def created(stands: Standing, caller: Principal = OPERATOR, **fields: Any) -> Any:
    """What CreateApiKey answers to this caller."""
    principal.begin(caller)
    request = pb.CreateApiKeyRequest(**{"request_id": str(time.monotonic_ns()), "role": "app", **fields})
    return await AccessServicer(stands.gate.keyring).CreateApiKey(request, None)


async def test_of_a_key_only_the_hash_is_kept(tmp_path: Path) -> None:
    async with standing(tmp_path) as stands:
        made = await created(stands, label="shop")
        assert await entered(stands, made.secret) == "ok"
    dumped = "\n".join(sqlite3.connect(tmp_path / "gateway.sqlite").iterdump())
    assert hashlib.sha256(made.secret.encode()).hexdigest() in dumped
    assert made.secret.rpartition("_")[2] not in dumped
    assert made.secret.startswith(f"fw_{made.api_key.name.removeprefix('apiKeys/')}_")


async def test_a_key_is_taken_as_bearer_and_by_basic_as_sdks_and_browsers_send_it(tmp_path: Path) -> None:
    async with standing(tmp_path) as stands:
        secret = stands.keys["app"]
        basic = base64.b64encode(f"{secret}:".encode()).decode()
        typed = base64.b64encode(f"me:{secret}".encode()).decode()
        for header in (f"Bearer {secret}", f"bearer  {secret}", f"Basic {basic}", f"Basic {typed}"):
            assert (await stands.gate.access.authenticate(header)).roles == {Role.APP}
        for header in (secret, "Basic !!!", f"Digest {secret}", "Bearer", "Bearer \u00e4", "x" * 20_000):
            with pytest.raises(FieldwiseError) as refused:
                await stands.gate.access.authenticate(header)
            assert refused.value.reason == "BAD_CREDENTIALS"
            assert secret not in str(refused.value)


async def test_a_key_in_a_browser_can_be_narrowed_to_sending_events(tmp_path: Path) -> None:
    async with standing(tmp_path) as stands:
        made = await created(stands, scopes=["events.write"])
        assert await entered(stands, made.secret, INGEST) == "ok"
        assert await entered(stands, made.secret, DECIDE) == "SCOPE_MISSING"


async def test_all_faults_of_a_wanted_key_are_told_at_once(tmp_path: Path) -> None:
    async with standing(tmp_path) as stands:
        past = Timestamp(seconds=946684801)
        with pytest.raises(FieldwiseError) as refused:
            await created(stands, role="rep", scopes=["plans.write"], burst=3, expire_time=past)
        assert {each.field for each in refused.value.violations} == {
            "scopes", "reps", "expire_time", "burst",
        }  # fmt: skip
        with pytest.raises(FieldwiseError) as refused:
            await created(stands, role="app", reps=[MY_REP])
        assert [each.field for each in refused.value.violations] == ["reps"]


async def test_nobody_hands_out_more_than_he_has(tmp_path: Path) -> None:
    async with standing(tmp_path) as stands:
        narrow = Principal.of("apiKeys/narrow", [Role.OPERATOR], only=["access.write", "events.write"])
        assert (await created(stands, narrow, scopes=["events.write"])).secret
        with pytest.raises(FieldwiseError) as refused:
            await created(stands, narrow, role="operator")
        assert refused.value.reason == "SCOPE_MISSING"
        principal.begin(narrow)
        name = f"apiKeys/{stands.keys['operator'].split('_')[1]}"
        with pytest.raises(FieldwiseError) as refused:
            await AccessServicer(stands.gate.keyring).RotateApiKey(pb.RotateApiKeyRequest(name=name), None)
        assert refused.value.reason == "SCOPE_MISSING"


async def test_a_request_id_makes_one_key_and_shows_it_once(tmp_path: Path) -> None:
    async with standing(tmp_path) as stands:
        made = await created(stands, request_id="once")
        with pytest.raises(FieldwiseError) as refused:
            await created(stands, request_id="once")
        assert refused.value.reason == "REQUEST_ID_REUSED"
        assert made.api_key.name in str(refused.value)


async def test_after_a_rotation_both_secrets_work_until_the_overlap_ends(tmp_path: Path) -> None:
    async with standing(tmp_path) as stands:
        now = [1000.0]
        keyring = stands.gate.keyring
        keyring._now = lambda: now[0]
        made, first = await keyring.make(key("app"), "app of the test")
        _, second = await keyring.rotate(made.id, 60.0, lambda _: None)
        assert [await entered(stands, each) for each in (first, second)] == ["ok", "ok"]
        now[0] = 1060.0
        assert [await entered(stands, each) for each in (first, second)] == ["BAD_CREDENTIALS", "ok"]
        _, third = await keyring.rotate(made.id, 0.0, lambda _: None)
        assert [await entered(stands, each) for each in (second, third)] == ["BAD_CREDENTIALS", "ok"]


async def test_an_expired_key_is_told_so_and_only_to_who_holds_it(tmp_path: Path) -> None:
    async with standing(tmp_path) as stands:
        now = [1000.0]
        stands.gate.keyring._now = lambda: now[0]
        made, secret = await stands.gate.keyring.make(key("app", expires=1001.0), "short")
        assert await entered(stands, secret) == "ok"
        now[0] = 1001.0
        assert await entered(stands, secret) == "EXPIRED_CREDENTIALS"
        assert await entered(stands, f"fw_{made.id}_{'A' * 43}") == "BAD_CREDENTIALS"


async def test_a_revoked_key_ends_within_a_second_at_another_gateway_and_never_comes_back(
    tmp_path: Path,
) -> None:
    async with standing(tmp_path) as stands:
        database = Database.open(f"sqlite:///{tmp_path / 'gateway.sqlite'}", durability=Durability.POWER_LOSS)
        other = Gate(Rules(open=False, data=tmp_path), database, stands.assignments)
        tasks = await other.open()
        elsewhere = Standing(other, stands.keys, stands.assignments)
        made, secret = await stands.gate.keyring.make(key("app"), "to be revoked")
        # Made a moment ago, and known there at once.
        await asyncio.sleep(0.06)
        assert await entered(elsewhere, secret) == "ok"
        watching = elsewhere.call(INGEST, secret)
        await other.keeper.enter(watching)
        await stands.gate.keyring.revoke(made.id)
        assert await entered(stands, secret) == "REVOKED_CREDENTIALS"
        begun = time.monotonic()
        for _ in range(100):
            if await entered(elsewhere, secret) != "ok":
                break
            await asyncio.sleep(0.02)
        assert time.monotonic() - begun < 1.0
        assert await entered(elsewhere, secret) == "REVOKED_CREDENTIALS"
        # A stream that it began ends with its next message.
        with pytest.raises(FieldwiseError) as refused:
            await other.keeper.check(watching, gateway_pb.IngestEventsRequest())
        assert refused.value.code is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(FieldwiseError) as refused:
            await stands.gate.keyring.rotate(made.id, 60.0, lambda _: None)
        assert refused.value.reason == "API_KEY_REVOKED"
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await database.close()


async def test_when_the_database_is_away_keys_hold_for_a_minute_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with standing(tmp_path) as stands:
        keyring = stands.gate.keyring

        async def away() -> None:
            raise FieldwiseError("DATABASE_AWAY", "told to", code=grpc.StatusCode.UNAVAILABLE)

        monkeypatch.setattr(keyring, "_read", away)
        assert await entered(stands, stands.keys["app"]) == "ok"
        assert await entered(stands, f"fw_{'a' * 16}_{'B' * 43}") in ("DATABASE_AWAY", "BAD_CREDENTIALS")
        keyring._read_at -= 61.0
        assert await entered(stands, stands.keys["app"]) == "KEYS_UNKNOWN"


async def test_the_last_operator_key_cannot_be_revoked(tmp_path: Path) -> None:
    async with standing(tmp_path) as stands:
        keyring = stands.gate.keyring
        operators = [each.id for each in keyring.all() if each.role is Role.OPERATOR]
        assert len(operators) == 2  # the gate's first one and the test's
        await keyring.revoke(operators[0])
        with pytest.raises(FieldwiseError) as refused:
            await keyring.revoke(operators[1])
        assert refused.value.reason == "LAST_OPERATOR_KEY"


async def test_the_first_start_leaves_an_operator_key_for_its_owner_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with standing(tmp_path) as stands:
        place = tmp_path / OPERATOR_KEY
        first = place.read_text().strip()
        assert place.stat().st_mode & 0o777 == 0o600
        assert await entered(stands, first, "fieldwise.gateway.v1.AccessService/CreateApiKey") == "ok"
        # Whoever lost it and reaches the database makes another.
        database = Database.open(f"sqlite:///{tmp_path / 'gateway.sqlite'}", durability=Durability.POWER_LOSS)
        assert await new_operator_key(database, tmp_path) == place
        await database.close()
        assert place.read_text().strip() != first
    assert str(place) in str([record.__dict__ for record in caplog.records])
    assert first not in str([record.__dict__ for record in caplog.records])


async def test_a_caller_over_his_limit_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with standing(tmp_path) as stands:
        now = [0.0]
        stands.gate.access._clock = lambda: now[0]
        _, secret = await stands.gate.keyring.make(key("app", calls_per_second=2.0, burst=3), "slow")
        assert [await entered(stands, secret) for _ in range(4)] == ["ok"] * 3 + ["RATE_LIMITED"]
        with pytest.raises(FieldwiseError) as refused:
            await stands.gate.keeper.enter(stands.call(DECIDE, secret))
        assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refused.value.retry_after_seconds == pytest.approx(0.5)
        now[0] = 0.5
        assert [await entered(stands, secret) for _ in range(2)] == ["ok", "RATE_LIMITED"]
        # Each batch of a stream counts; other callers are not his.
        now[0] = 1.0
        call = stands.call(INGEST, secret)
        await stands.gate.keeper.enter(call)
        await stands.gate.keeper.check(call, gateway_pb.IngestEventsRequest())
        with pytest.raises(FieldwiseError) as refused:
            await stands.gate.keeper.check(call, gateway_pb.IngestEventsRequest())
        assert refused.value.reason == "RATE_LIMITED"
        assert await entered(stands, stands.keys["app"]) == "ok"


def test_a_bucket_never_gives_more_than_its_rate_and_its_burst() -> None:
    bucket = Bucket(10.0, 5, 0.0)
    given = sum(bucket.take(step / 1000) == 0.0 for step in range(10_000))
    assert given == 5 + 99  # ten seconds, less the millisecond that is missing
    # A clock that jumps back gives nothing away.
    assert bucket.take(-100.0) > 0.0


async def test_a_customer_who_moves_to_another_rep_ends_the_watch_of_the_first(tmp_path: Path) -> None:
    from fieldwise.profile.v1 import profile_pb2
    from fieldwise.profile.v1 import profile_service_pb2 as profile_pb

    async with standing(tmp_path) as stands:
        call = stands.call(WATCH, stands.keys["rep"])
        await stands.gate.keeper.enter(call)
        await stands.gate.keeper.check(call, profile_pb.WatchProfilesRequest(names=[MINE]))
        answer = profile_pb2.Profile(name=MINE).SerializeToString()
        await stands.gate.keeper.passes(call, answer)
        stands.assignments.reps[MINE] = REPS_OF[THEIRS]
        with pytest.raises(FieldwiseError) as refused:
            await stands.gate.keeper.passes(call, answer)
        assert refused.value.reason == "NOT_YOUR_TERRITORY"
        assert MINE not in str(refused.value)


async def test_a_span_names_the_caller_and_not_what_he_showed(tmp_path: Path) -> None:
    async with standing(tmp_path) as stands:
        secret = stands.keys["app"]
        assert await entered(stands, secret) == "ok"
        assert stands.span.noted == {"fieldwise.caller": f"apiKeys/{secret.split('_')[1]}"}


async def test_neither_keys_nor_customers_are_in_what_is_logged_of_refusals(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with standing(tmp_path) as stands:
        shown = [*stands.keys.values(), "fw_aaaaaaaaaaaaaaaa_" + "B" * 43, "eyJhbGciOiJub25lIn0.e30."]
        for secret in shown:
            for path in (DECIDE, "fieldwise.gateway.v1.AccessService/CreateApiKey", INGEST):
                await entered(stands, secret, path)
        call = stands.call(DECIDE, stands.keys["rep"])
        await stands.gate.keeper.enter(call)
        with pytest.raises(FieldwiseError):
            await stands.gate.keeper.check(call, gateway_pb.DecideRequest(customer=THEIRS))
    told = str([record.__dict__ for record in caplog.records])
    assert "call refused" in told
    assert "apiKeys/" in told
    assert not [each for each in shown if each in told or each[-20:] in told]
    assert THEIRS not in told
