"""Erasure over a real socket: nothing personal stands anywhere in plain before it, and nothing at all is left after it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import sqlalchemy as sa

from fieldwise.profile.v1 import (
    consent_pb2,
    event_pb2,
    identity_service_pb2,
    privacy_service_pb2,
    profile_service_pb2,
    schema_service_pb2,
)
from fieldwise.profile.v1.identity_service_pb2_grpc import IdentityServiceStub
from fieldwise.profile.v1.privacy_service_pb2_grpc import PrivacyServiceStub
from fieldwise.profile.v1.schema_service_pb2_grpc import SchemaServiceStub
from fieldwise_profile.states import CHECKPOINT_EVENTS
from fieldwise_runtime import engines, scrubbing
from fieldwise_runtime.errors import from_rpc_error
from tests.profile.builders import DAY, NOW, Client, at, batch, event, purchase, serving
from tests.profile.canaries import SCHEMA, Canaries, found_in, personal_events, refused_event
from tests.profile.test_profile_survives import Process, free_port

__all__ = ["free_port"]

ME = "customers/1"
OTHER = "customers/2"


@asynccontextmanager
async def planted(url: str, canaries: Canaries, other: Canaries, **changed: Any) -> AsyncIterator[Client]:
    """A server that knows two customers, with everything personal that an event can hold."""
    async with serving(url, **changed) as client:
        await SchemaServiceStub(client.channel).CreateEventSchema(fitting())
        for words, customer in ((canaries, "1"), (other, "2")):
            events = [*personal_events(words, customer, f"p{customer}"), purchase(f"b{customer}", customer)]
            (answer,) = await client.ingest(
                batch([*events, refused_event(words, customer, f"bad{customer}")])
            )
            assert (answer.accepted, len(answer.rejected)) == (len(events), 1), answer.rejected
        yield client


def fitting() -> schema_service_pb2.CreateEventSchemaRequest:
    field = schema_service_pb2.EventSchemaField
    service = [consent_pb2.PURPOSE_SERVICE]
    return schema_service_pb2.CreateEventSchemaRequest(
        name=SCHEMA,
        decision_time=at(NOW),
        fields=[
            field(name="size", type=schema_service_pb2.ATTRIBUTE_TYPE_NUMBER, unit="cm", purposes=service),
            field(
                name="remark", type=schema_service_pb2.ATTRIBUTE_TYPE_TEXT, purposes=service, personal=True
            ),
        ],
    )


def privacy(client: Client) -> Any:
    return PrivacyServiceStub(client.channel)


async def erased(
    client: Client, name: str = ME, request_id: str = "letter-1"
) -> privacy_service_pb2.ErasureReceipt:
    request = privacy_service_pb2.EraseCustomerRequest(
        name=name, request_id=request_id, decision_time=at(NOW)
    )
    receipt: privacy_service_pb2.ErasureReceipt = await privacy(client).EraseCustomer(request)
    return receipt


async def personal_data(client: Client, name: str = ME) -> privacy_service_pb2.PersonalData:
    request = privacy_service_pb2.GetPersonalDataRequest(
        name=name, purpose=consent_pb2.PURPOSE_RIGHTS, decision_time=at(NOW)
    )
    found: privacy_service_pb2.PersonalData = await privacy(client).GetPersonalData(request)
    return found


async def exported(client: Client, name: str = ME) -> list[dict[str, Any]]:
    request = privacy_service_pb2.ExportCustomerRequest(name=name, decision_time=at(NOW))
    return [json.loads(line) async for part in privacy(client).ExportCustomer(request) for line in part.lines]


async def refusal(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return from_rpc_error(raised.value).reason


async def test_nothing_personal_stands_in_plain_in_any_file_even_before_erasure(
    sqlite_database_url: str, tmp_path: Path
) -> None:
    canaries, other = Canaries("one"), Canaries("two")
    async with planted(sqlite_database_url, canaries, other) as client:
        for start in range(3):
            # As many as make checkpoints of his state, which knows what he searched for.
            words = [event_pb2.Search(query=canaries.word("words")) for _ in range(CHECKPOINT_EVENTS)]
            await client.ingest(
                batch(
                    event(f"s{start}-{number}", "1", NOW - DAY - 3_600 * number, search=each)
                    for number, each in enumerate(words)
                )
            )
        await client.profiles([ME, OTHER])
        await personal_data(client)
        assert _scalar(sqlite_database_url, "SELECT count(*) FROM profiles WHERE state IS NOT NULL") == 1
        assert len(list(tmp_path.iterdir())) >= 3
        assert found_in([tmp_path], "canary") == []
    assert found_in([tmp_path], "canary") == []


async def test_what_was_sent_can_be_read_by_whom_it_is_for(database_url: str) -> None:
    canaries, other = Canaries("one"), Canaries("two")
    async with planted(database_url, canaries, other) as client:
        (record,) = (await personal_data(client)).records
        assert canaries.mark in record.fields["phone"]
        lines = await exported(client)
        whole = json.dumps(lines)
        assert {line["type"] for line in lines} >= {"customer", "event", "consent", "dead_letter"}
        for number in range(1, canaries.given + 1):
            assert f"{canaries.mark}x{number}x" in whole
        assert other.mark not in whole


async def test_after_erasure_no_file_holds_a_word_and_no_call_an_answer(
    sqlite_database_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    canaries, other = Canaries("one"), Canaries("two")
    async with planted(sqlite_database_url, canaries, other) as client:
        await client.profiles([ME, OTHER])
        await exported(client)
        wrapped = _key_of(sqlite_database_url, ME)
        receipt = await erased(client)
        assert receipt.customers == [ME]
        assert _counts(receipt)["events"] == 10
        # Even the wrapped key is gone from the file and its log: with it goes whatever was sealed.
        assert all(wrapped not in path.read_bytes() for path in tmp_path.iterdir())
        assert (tmp_path / "test.sqlite-wal").stat().st_size == 0 or found_in([tmp_path], canaries.mark) == []
        assert found_in([tmp_path], canaries.mark) == []
        assert await refusal(personal_data(client)) == "CUSTOMER_NOT_FOUND"
        assert await refusal(client.profile()) == "CUSTOMER_NOT_FOUND"
        assert await refusal(exported(client)) == "CUSTOMER_NOT_FOUND"
        assert [each.name for each in await client.profiles([ME, OTHER])] == [OTHER]
        (record,) = (await personal_data(client, OTHER)).records
        assert other.mark in record.fields["phone"]
    assert canaries.mark not in "".join(capfd.readouterr())


async def test_an_erased_customer_leaves_lists_training_and_letters_and_his_late_events_are_refused(
    database_url: str,
) -> None:
    canaries, other = Canaries("one"), Canaries("two")
    async with planted(database_url, canaries, other) as client:
        await erased(client)
        listed = await client.stub.ListCustomers(
            profile_service_pb2.ListCustomersRequest(purpose=consent_pb2.PURPOSE_SERVICE)
        )
        assert (list(listed.names), listed.total_size) == ([OTHER], 1)
        assert {name for _, name in await client.rows(NOW)} == {OTHER}
        letters = await SchemaServiceStub(client.channel).ListDeadLetters(
            schema_service_pb2.ListDeadLettersRequest(
                purpose=consent_pb2.PURPOSE_RIGHTS, decision_time=at(NOW)
            )
        )
        assert [each.customer for each in letters.letters] == [OTHER]
        again = [*personal_events(canaries, "1", "p1"), purchase("new", "1"), refused_event(canaries, "1")]
        (answer,) = await client.ingest(batch(again))
        assert (answer.accepted, answer.duplicates, len(answer.rejected)) == (0, 0, len(again))
        assert await refusal(client.profile()) == "CUSTOMER_NOT_FOUND"
        assert await _rows_of(database_url, ME) == {"profiles": 1, "erasures": 1}


async def test_the_same_request_gives_the_same_receipt_and_another_request_the_first_one(
    database_url: str,
) -> None:
    async with planted(database_url, Canaries("one"), Canaries("two")) as client:
        receipt = await erased(client)
        assert await erased(client) == receipt
        assert await erased(client, request_id="letter-2") == receipt
        assert await refusal(erased(client, OTHER)) == "REQUEST_ID_TAKEN"


async def test_one_of_whom_nothing_is_stored_gets_a_receipt_that_says_so_and_is_refused_from_then_on(
    database_url: str,
) -> None:
    async with serving(database_url) as client:
        await client.ingest(batch([purchase("b2", "2")]))
        receipt = await erased(client)
        assert (list(receipt.customers), set(_counts(receipt).values())) == ([ME], {0})
        assert await erased(client) == receipt
        (answer,) = await client.ingest(batch([purchase("b1", "1")]))
        assert len(answer.rejected) == 1
        listed = await client.stub.ListCustomers(
            profile_service_pb2.ListCustomersRequest(purpose=consent_pb2.PURPOSE_SERVICE)
        )
        assert listed.total_size == 1
        assert await _rows_of(database_url, ME) == {"profiles": 1, "erasures": 1}


async def test_a_receipt_is_signed_takes_the_parts_of_other_places_and_a_changed_one_is_found(
    sqlite_database_url: str,
) -> None:
    async with planted(sqlite_database_url, Canaries("one"), Canaries("two")) as client:
        receipt = await erased(client)
        verify = privacy(client).VerifyReceipt
        asked = privacy_service_pb2.VerifyReceiptRequest
        assert (await verify(asked(receipt=receipt))).valid
        lacking = privacy_service_pb2.ListErasuresRequest(missing=["recommend"])
        assert [each.request_id for each in (await privacy(client).ListErasures(lacking)).receipts] == [
            "letter-1"
        ]
        part = privacy_service_pb2.ErasedPart(
            place="recommend", counts={"decisions": 3}, model_versions=["models/buys-28d/versions/2"]
        )
        whole = await privacy(client).ConfirmErasure(
            privacy_service_pb2.ConfirmErasureRequest(
                request_id="letter-1", part=part, decision_time=at(NOW + 60)
            )
        )
        assert [each.place for each in whole.parts] == ["profile", "recommend"]
        # Asked once more because its answer was late: what it had is gone by then.
        part.counts["decisions"], part.counts["plans"] = 0, 1
        whole = await privacy(client).ConfirmErasure(
            privacy_service_pb2.ConfirmErasureRequest(
                request_id="letter-1", part=part, decision_time=at(NOW + 90)
            )
        )
        assert dict(whole.parts[1].counts) == {"decisions": 3, "plans": 1}
        assert (await verify(asked(receipt=whole))).valid
        assert not (await privacy(client).ListErasures(lacking)).receipts
        changed = privacy_service_pb2.ErasureReceipt()
        changed.CopyFrom(whole)
        changed.parts[1].counts["decisions"] = 0
        assert not (await verify(asked(receipt=changed))).valid
        changed.CopyFrom(whole)
        changed.statement = changed.statement.replace('"decisions":3', '"decisions":0')
        assert not (await verify(asked(receipt=changed))).valid


async def test_an_erasure_whose_process_died_before_the_files_were_clean_is_finished_at_the_next_start(
    sqlite_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries = Canaries("one")

    def dies(*_: object) -> None:
        raise RuntimeError("killed between the transaction and the cleaning")

    async with planted(sqlite_database_url, canaries, Canaries("two")) as client:
        wrapped = _key_of(sqlite_database_url, ME)
        with monkeypatch.context() as patch:
            patch.setattr(scrubbing, "scrub", dies)
            await refusal(erased(client))
        # Unreadable already.
        assert await refusal(personal_data(client)) == "CUSTOMER_NOT_FOUND"
    async with serving(sqlite_database_url) as client:
        receipt = await erased(client)
        assert receipt.customers == [ME]
        assert all(wrapped not in path.read_bytes() for path in tmp_path.iterdir())
        assert _scalar(sqlite_database_url, "SELECT count(*) FROM erasures WHERE scrubbed_at IS NULL") == 0


async def test_another_process_on_the_same_database_forgets_him_within_a_second(
    postgres_database_url: str,
) -> None:
    async with (
        planted(postgres_database_url, Canaries("one"), Canaries("two")) as first,
        serving(postgres_database_url) as second,
    ):
        assert (await second.profile()).event_count == 10
        await erased(first)
        for _ in range(19):
            if not await second.profiles([ME]):
                return
            await asyncio.sleep(0.05)
        pytest.fail("the other process still shows him after a second")


async def test_who_was_linked_with_him_by_another_process_just_now_is_erased_with_him(
    postgres_database_url: str,
) -> None:
    async with (
        planted(postgres_database_url, Canaries("one"), Canaries("two")) as first,
        serving(postgres_database_url) as second,
    ):
        links: Any = IdentityServiceStub(second.channel)
        await links.LinkCustomers(
            identity_service_pb2.LinkCustomersRequest(
                name=ME, other_name=OTHER, decided_by="reps/1", decision_time=at(NOW)
            )
        )
        # At once: the first process has not looked at the log since.
        assert list((await erased(first)).customers) == [ME, OTHER]
        assert await first.profiles([ME, OTHER]) == []


def _counts(receipt: privacy_service_pb2.ErasureReceipt) -> dict[str, int]:
    (part,) = receipt.parts
    return dict(part.counts)


def _scalar(url: str, statement: str) -> object:
    engine = engines.reading(url, connections=1)
    with engine.connect() as connection:
        found: object = connection.exec_driver_sql(statement).scalar()
    engine.dispose()
    return found


def _key_of(url: str, customer: str) -> bytes:
    engine = engines.reading(url, connections=1)
    with engine.connect() as connection:
        found: bytes = connection.execute(
            sa.text("SELECT wrapped FROM customer_keys WHERE customer = :name"), {"name": customer}
        ).scalar_one()
    engine.dispose()
    return found


async def _rows_of(url: str, customer: str) -> dict[str, int]:
    """Rows of each table that name the customer in any column."""
    engine = engines.reading(url, connections=1)
    found: dict[str, int] = {}
    with engine.connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
            count = sum(customer in map(str, row) or f'"{customer}"' in str(row) for row in rows)
            if count and table != "changes":
                found[table] = count
    engine.dispose()
    return found


async def test_a_process_killed_in_the_midst_of_erasures_has_done_each_whole_or_not_at_all(
    tmp_path: Path, free_port: int
) -> None:
    process = Process(tmp_path, free_port)
    process.migrate()
    url = f"sqlite:///{tmp_path / 'profile.sqlite'}"
    names = [f"customers/{number}" for number in range(12)]
    told = [
        event(
            f"i{name}", name.partition("/")[2], identification=event_pb2.Identification(phone=f"canary{name}")
        )
        for name in names
    ]
    await process.start()
    async with grpc.aio.insecure_channel(process.address) as channel:
        await Client(channel).ingest(batch(told))
        wrapped = {name: _key_of(url, name) for name in names}
        asked = [asyncio.ensure_future(erased(Client(channel), name, f"of {name}")) for name in names]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        process.kill()
        answers = await asyncio.gather(*asked, return_exceptions=True)
    done = [
        name for name, answer in zip(names, answers, strict=True) if not isinstance(answer, BaseException)
    ]
    assert done
    await process.start()
    async with grpc.aio.insecure_channel(process.address) as channel:
        client = Client(channel)
        for name in names:
            known = bool(await client.profiles([name]))
            assert known or await refusal(personal_data(client, name)) == "CUSTOMER_NOT_FOUND"
            assert not (known and name in done)
        receipts = [await erased(client, name, f"of {name}") for name in names]
        assert [each.customers for each in receipts] == [[name] for name in names]
        # Each was erased once, whoever asked how often.
        assert sum(_counts(each)["events"] for each in receipts) == len(names)
        files = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
        assert not [name for name, key in wrapped.items() if any(key in raw for raw in files)]
    assert process.stop() == 0


async def test_everybody_merged_with_him_is_shown_exported_and_erased_with_him(database_url: str) -> None:
    canaries, other = Canaries("one"), Canaries("two")
    async with planted(database_url, canaries, other) as client:
        await client.ingest(batch([purchase("c", "3")]))
        links: Any = IdentityServiceStub(client.channel)
        await links.LinkCustomers(
            identity_service_pb2.LinkCustomersRequest(
                name=ME, other_name=OTHER, decided_by="reps/1", decision_time=at(NOW)
            )
        )
        shown = await personal_data(client)
        assert list(shown.members) == [ME, OTHER]
        assert {each.customer for each in shown.records} == {ME, OTHER}
        whole = json.dumps(await exported(client, OTHER))
        assert canaries.mark in whole
        assert other.mark in whole
        receipt = await erased(client)
        assert list(receipt.customers) == [ME, OTHER]
        assert [each.name for each in await client.profiles([ME, OTHER, "customers/3"])] == ["customers/3"]
        for name in (ME, OTHER):
            assert await _rows_of(database_url, name) == {"profiles": 1, "erasures": 1}
