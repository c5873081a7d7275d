"""Keys and sealing by themselves, and on a database: what is sealed opens in its own place only, and rotation loses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from fieldwise.profile.v1 import consent_pb2, event_pb2, privacy_service_pb2
from fieldwise.profile.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from fieldwise_profile import key_file
from fieldwise_profile.__main__ import wired
from fieldwise_profile.core import keys
from fieldwise_profile.core.envelope import Chance, Cipher, NotOurs, place
from fieldwise_profile.core.keys import RetiredKey, WrongKeys
from fieldwise_profile.rotating import Rotating
from fieldwise_profile.sealing import Sealing
from fieldwise_profile.store import customer_keys
from fieldwise_runtime import engines, scrubbing
from fieldwise_runtime.errors import FailedPrecondition
from tests.profile.builders import NOW, Client, at, batch, event, migrate, serving, settings


def chance(seed: int = 1) -> Chance:
    return random.Random(seed).randbytes


@pytest.fixture
def ring() -> keys.KeyRing:
    return keys.generated(chance())


def test_a_sealed_text_opens_in_its_own_place_with_its_own_key_only() -> None:
    mine, his = Cipher(chance(1)(32)), Cipher(chance(2)(32))
    here, there = place("event", "customers/1", "pos", "a"), place("event", "customers/1", "pos", "b")
    sealed = mine.seal(b"secret", here, chance(3))
    assert mine.open(sealed, here) == b"secret"
    assert b"secret" not in sealed
    for cipher, where, text in (
        (mine, there, sealed),
        (his, here, sealed),
        (mine, here, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (mine, here, b"\x02" + sealed[1:]),
        (mine, here, sealed[:5]),
        (mine, here, b""),
    ):
        with pytest.raises(NotOurs):
            cipher.open(text, where)


def test_a_customers_key_cannot_be_put_in_the_place_of_anothers(ring: keys.KeyRing) -> None:
    key, wrapped = ring.new_customer_key("customers/1", chance(2))
    assert ring.unwrap(wrapped, "customers/1") == key
    with pytest.raises(NotOurs):
        ring.unwrap(wrapped, "customers/2")


def test_a_turned_ring_opens_the_old_and_a_retired_one_only_what_was_wrapped_anew(ring: keys.KeyRing) -> None:
    key, wrapped = ring.new_customer_key("customers/1", chance(2))
    turned = ring.turned(chance(3))
    assert turned.unwrap(wrapped, "customers/1") == key
    anew = turned.wrap(key, "customers/1", chance(4))
    retired = turned.retired()
    assert (anew.version, retired.unwrap(anew, "customers/1")) == (2, key)
    with pytest.raises(RetiredKey):
        retired.unwrap(wrapped, "customers/1")


def test_the_blind_index_finds_equal_values_of_one_field_and_nothing_else(ring: keys.KeyRing) -> None:
    assert ring.blind("phone", "123") == ring.blind("phone", "123")
    assert len({ring.blind("phone", "123"), ring.blind("phone", "124"), ring.blind("number", "123")}) == 3
    assert ring.blind("phone", "123") != keys.generated(chance(9)).blind("phone", "123")


def test_a_key_file_is_read_as_it_was_written_and_tells_nothing_of_a_wrong_one(ring: keys.KeyRing) -> None:
    raw = keys.written(ring.turned(chance(5)))
    assert keys.written(keys.read(raw)) == raw
    assert str(ring.index) not in repr(ring)
    body = json.loads(raw)
    secret = body["index"]
    for wrong in (
        b"no json",
        b"[]",
        raw.replace(b'"index"', b'"other"'),
        raw.replace(secret[:8].encode(), b"A"),
    ):
        with pytest.raises(WrongKeys) as raised:
            keys.read(wrong)
        assert secret not in str(raised.value)


async def test_the_key_file_is_made_by_migrate_for_its_owner_only_and_once(
    sqlite_database_url: str, tmp_path: Path
) -> None:
    migrate(sqlite_database_url)
    path = tmp_path / "test.keys"
    before = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    migrate(sqlite_database_url)
    assert path.read_bytes() == before


async def refused_start(url: str) -> str:
    with pytest.raises(FailedPrecondition) as raised:
        await wired(settings(url))
    assert raised.value.reason == "KEYS_UNUSABLE"
    return raised.value.message


async def test_a_missing_foreign_broken_or_open_key_file_is_refused_with_what_cures_it(
    sqlite_database_url: str, tmp_path: Path
) -> None:
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([event("a", search=event_pb2.Search(query="cheese"))]))
    path = tmp_path / "test.keys"
    right = path.read_bytes()
    path.unlink()
    assert "restore it from its backup" in await refused_start(sqlite_database_url)
    # Making new keys would hide that the old ones are lost.
    with pytest.raises(FailedPrecondition):
        migrate(sqlite_database_url)
    assert not path.exists()
    key_file.make(path)
    assert "does not open this database's customer keys" in await refused_start(sqlite_database_url)
    path.write_bytes(b"{}")
    assert "is no key file" in await refused_start(sqlite_database_url)
    path.write_bytes(right)
    path.chmod(0o644)
    assert "chmod 600" in await refused_start(sqlite_database_url)
    path.chmod(0o600)
    async with serving(sqlite_database_url) as client:
        assert (await client.profile()).event_count == 1


async def rotated(client: Client) -> list[privacy_service_pb2.RotateKeysResponse]:
    request = privacy_service_pb2.RotateKeysRequest(decision_time=at(NOW))
    return [each async for each in PrivacyServiceStub(client.channel).RotateKeys(request)]


async def phone_of(client: Client, customer: str) -> str:
    request = privacy_service_pb2.GetPersonalDataRequest(
        name=f"customers/{customer}", purpose=consent_pb2.PURPOSE_SERVICE, decision_time=at(NOW)
    )
    found = await PrivacyServiceStub(client.channel).GetPersonalData(request)
    return found.records[0].fields["phone"]


def stated(customer: int) -> event_pb2.Event:
    told = event_pb2.Identification(phone=f"phone of {customer}")
    return event(f"i{customer}", str(customer), identification=told)


async def test_rotation_wraps_every_key_anew_and_the_old_key_file_is_refused_afterwards(
    database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.keys"
    async with serving(database_url, keys=str(path)) as client:
        await client.ingest(batch(stated(number) for number in range(1, 41)))
        old = path.read_bytes()
        told = await rotated(client)
        assert (told[-1].done, told[-1].version, told[-1].retired) == (40, 2, True)
        assert await phone_of(client, "7") == "phone of 7"
        await client.ingest(batch([stated(41)]))
        assert await phone_of(client, "41") == "phone of 41"
    async with serving(database_url, keys=str(path)) as client:
        assert await phone_of(client, "7") == "phone of 7"
    path.write_bytes(old)
    with pytest.raises(FailedPrecondition):
        await wired(settings(database_url, keys=str(path)))


async def test_a_rotation_that_was_cut_off_goes_on_where_it_ended(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fieldwise_profile.rotating.AT_ONCE", 10)
    path = tmp_path / "own.keys"
    async with serving(database_url, keys=str(path)) as client:
        await client.ingest(batch(stated(number) for number in range(1, 41)))
        with monkeypatch.context() as patch:
            patch.setattr(Rotating, "_retired", _dies)
            with pytest.raises(Exception, match="fault of ours"):
                await rotated(client)
        assert len(json.loads(path.read_bytes())["wrapping"]) == 2
    async with serving(database_url, keys=str(path)) as client:
        assert await phone_of(client, "7") == "phone of 7"
        told = await rotated(client)
        assert (told[0].done, told[-1].version, told[-1].retired) == (40, 2, True)
        assert list(json.loads(path.read_bytes())["wrapping"]) == ["2"]
        assert await phone_of(client, "39") == "phone of 39"


def _dies(*_: object) -> None:
    raise RuntimeError("killed")


@pytest.fixture
def opened(sqlite_database_url: str, tmp_path: Path) -> Iterator[tuple[Sealing, sa.Engine]]:
    migrate(sqlite_database_url)
    engine = engines.writing(sqlite_database_url, survives_power_loss=False)
    yield Sealing.at(tmp_path / "test.keys"), engine
    engine.dispose()


def _in_transaction(engine: sa.Engine, work: Callable[[sa.Connection], None]) -> None:
    with engine.begin() as connection:
        work(connection)


def test_a_key_whose_transaction_failed_seals_nothing(opened: tuple[Sealing, sa.Engine]) -> None:
    sealing, engine = opened
    sealer = sealing.sealer()

    def fails(connection: sa.Connection) -> None:
        sealer.made(connection, ["customers/1"])
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk"):
        _in_transaction(engine, fails)
    again = sealing.sealer()
    with engine.begin() as connection:
        again.made(connection, ["customers/1"])
    again.durable()
    with engine.begin() as connection:
        stored = customer_keys.of(connection, ["customers/1"])["customers/1"]
        text = sealing.ciphers(connection, ["customers/1"])["customers/1"].seal(b"x", b"here", os.urandom)
        # A process that begins now must be able to open it.
        fresh = Sealing(sealing.file)
        assert fresh.unwrapped("customers/1", stored).open(text, b"here") == b"x"


async def test_of_two_processes_that_make_a_customers_key_at_once_both_use_the_same(
    postgres_database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.keys"
    migrate(postgres_database_url, str(path))
    engine = engines.writing(postgres_database_url, survives_power_loss=False)
    other = engines.writing(postgres_database_url, survives_power_loss=False)

    def seals() -> bytes:
        return _with_key(other, lambda cipher: cipher.seal(b"secret", b"here", os.urandom), Sealing.at(path))

    with engine.begin() as connection:
        mine = Sealing.at(path).sealer().made(connection, ["customers/1"])["customers/1"]
        sealing = asyncio.ensure_future(asyncio.to_thread(seals))
        await asyncio.sleep(0.3)
        assert not sealing.done()
    assert mine.open(await sealing, b"here") == b"secret"
    engine.dispose()
    other.dispose()


def _with_key(engine: sa.Engine, use: Callable[[Cipher], bytes], sealing: Sealing) -> bytes:
    with engine.begin() as connection:
        return use(sealing.sealer().made(connection, ["customers/1"])["customers/1"])


def test_a_key_that_was_destroyed_is_not_remembered_by_who_read_it_before(
    opened: tuple[Sealing, sa.Engine],
) -> None:
    sealing, engine = opened
    with engine.begin() as connection:
        sealing.sealer().made(connection, ["customers/1"])
    since = sealing.generation
    with engine.begin() as connection:
        read = sealing.unwrapped("customers/1", customer_keys.of(connection, ["customers/1"])["customers/1"])
        customer_keys.destroy(connection, ["customers/1"])
    sealing.forget(["customers/1"])
    sealing.remember({"customers/1": read}, since)
    with engine.begin() as connection:
        assert sealing.ciphers(connection, ["customers/1"]) == {}


def test_destroyed_keys_leave_no_byte_in_the_file_whatever_the_order(
    opened: tuple[Sealing, sa.Engine], sqlite_database_url: str, tmp_path: Path
) -> None:
    """Pages are split and merged while keys come and go; none may keep a copy of what was on it."""
    sealing, engine = opened
    mixed = random.Random(2)
    names = [f"customers/{mixed.randrange(10**9)}" for _ in range(3_000)]
    for start in range(0, len(names), 100):
        with engine.begin() as connection:
            sealing.sealer().made(connection, names[start : start + 100])
    gone = mixed.sample(sorted(set(names)), 2_000)
    with engine.begin() as connection:
        keys_gone = [each.sealed for each in customer_keys.of(connection, gone).values()]
    files = (tmp_path / "test.sqlite", tmp_path / "test.sqlite-wal")
    assert all(any(key in path.read_bytes() for path in files) for key in keys_gone[:20])
    for start in range(0, len(gone), 50):
        with engine.begin() as connection, scrubbing.zeroing(connection):
            customer_keys.destroy(connection, gone[start : start + 50])
    scrubbing.scrub(sqlite_database_url, ())
    left = b"".join(path.read_bytes() for path in files)
    assert not [key for key in keys_gone if key[16:40] in left]


async def test_a_rotation_that_cannot_write_the_file_says_so_and_breaks_nothing(
    sqlite_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([stated(1)]))
        with monkeypatch.context() as patch:
            patch.setattr(key_file, "_write", refuses)
            with pytest.raises(Exception, match="cannot be replaced"):
                await rotated(client)
        assert await phone_of(client, "1") == "phone of 1"
        assert (await rotated(client))[-1].retired


@pytest.mark.parametrize("by", ["another installation's", "an old backup"])
async def test_a_key_file_that_is_replaced_while_the_service_runs_seals_nothing(
    sqlite_database_url: str, tmp_path: Path, by: str
) -> None:
    path = tmp_path / "test.keys"
    async with serving(sqlite_database_url) as client:
        await client.ingest(batch([stated(1)]))
        old = path.read_bytes()
        await rotated(client)
        right = path.read_bytes()
        path.unlink()
        if by == "an old backup":
            path.write_bytes(old)
            path.chmod(0o600)
        else:
            key_file.make(path)
        for _ in range(2):
            with pytest.raises(Exception, match="does not open this database's customer keys"):
                await client.ingest(batch([stated(2)]))
            with pytest.raises(Exception, match="does not open this database's customer keys"):
                await rotated(client)
        path.write_bytes(right)
        await client.ingest(batch([stated(2)]))
    async with serving(sqlite_database_url) as client:
        assert await phone_of(client, "2") == "phone of 2"


async def test_a_sealed_column_that_was_moved_to_another_event_is_not_shown(sqlite_database_url: str) -> None:
    async with serving(sqlite_database_url) as client:
        first = event("a", "1", identification=event_pb2.Identification(phone="111"))
        second = event("b", "1", identification=event_pb2.Identification(phone="222"))
        await client.ingest(batch([first, second]))
        engine = engines.writing(sqlite_database_url, survives_power_loss=False)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE events SET personal = (SELECT personal FROM events WHERE event_id = 'a') WHERE event_id = 'b'"
            )
        engine.dispose()
        with pytest.raises(Exception, match="fault of ours"):
            await phone_of(client, "1")
