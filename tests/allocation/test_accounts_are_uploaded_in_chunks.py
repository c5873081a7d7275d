"""Account sets over a real socket: repeated, lost and missing chunks, lists, age, removal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest_asyncio

from fieldwise.allocation.v1 import account_service_pb2 as accounts_pb2
from fieldwise.allocation.v1 import plan_pb2
from fieldwise_allocation import uploading
from fieldwise_allocation.__main__ import PACKAGE
from fieldwise_allocation.settings import Settings
from fieldwise_runtime import migrations, settings
from fieldwise_runtime.database import Database
from tests.allocation.allocation_servers import NOW, Allocation, allocation, fault_of, moment

DAY = 86_400


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[Allocation]:
    async with allocation(tmp_path) as running:
        yield running


def creating(request_id: str = "set", at: int = NOW) -> accounts_pb2.CreateAccountSetRequest:
    return accounts_pb2.CreateAccountSetRequest(request_id=request_id, decision_time=moment(at))


def chunk(account_set: str, sequence: int, first: int, count: int = 3) -> accounts_pb2.AppendAccountsRequest:
    accounts = [
        plan_pb2.Account(name=f"customers/{j}", workload_hours=1 + j % 3, needs_skills=["wine"] * (j % 2))
        for j in range(first, first + count)
    ]
    return accounts_pb2.AppendAccountsRequest(account_set=account_set, sequence=sequence, accounts=accounts)


async def test_a_set_holds_what_was_uploaded_in_its_order(tmp_path: Path) -> None:
    async with allocation(tmp_path) as served:
        name = (await served.accounts.CreateAccountSet(creating())).name
        sent = [chunk(name, 0, 0), chunk(name, 1, 3, 2), chunk(name, 2, 5, 1)]
        for each in sent:
            await served.accounts.AppendAccounts(each)
        known = await served.accounts.GetAccountSet(accounts_pb2.GetAccountSetRequest(name=name))
        assert (known.accounts, known.next_sequence, known.create_time) == (6, 3, moment())
    database = Database.open(settings.load(Settings, {"FIELDWISE_DATA": str(tmp_path)}).database_url)
    kept = await database.read(lambda connection: list(uploading.accounts_of(connection, name)))
    await database.close()
    assert kept == [account for each in sent for account in each.accounts]


async def test_a_chunk_or_a_start_sent_again_changes_nothing(served: Allocation) -> None:
    # What a caller does whose answer was lost on the way.
    first = await served.accounts.CreateAccountSet(creating())
    assert await served.accounts.CreateAccountSet(creating()) == first
    once = await served.accounts.AppendAccounts(chunk(first.name, 0, 0))
    assert await served.accounts.AppendAccounts(chunk(first.name, 0, 0)) == once
    later = await served.accounts.AppendAccounts(chunk(first.name, 1, 3))
    assert await served.accounts.AppendAccounts(chunk(first.name, 0, 0)) == later
    assert later.accounts == 6


async def test_a_used_number_and_a_gap_are_refused_with_what_to_send(served: Allocation) -> None:
    name = (await served.accounts.CreateAccountSet(creating())).name
    await served.accounts.AppendAccounts(chunk(name, 0, 0))
    other = await fault_of(served.accounts.AppendAccounts(chunk(name, 0, 7)))
    assert (other.code, other.reason) == (grpc.StatusCode.ALREADY_EXISTS, "CHUNK_EXISTS")
    ahead = await fault_of(served.accounts.AppendAccounts(chunk(name, 2, 3)))
    assert (ahead.code, ahead.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CHUNK_AHEAD")
    assert ahead.metadata["next_sequence"] == "1"


async def test_a_chunk_without_accounts_or_with_too_many_is_refused(served: Allocation) -> None:
    name = (await served.accounts.CreateAccountSet(creating())).name
    for count in (0, 10_001):
        fault = await fault_of(served.accounts.AppendAccounts(chunk(name, 0, 0, count)))
        assert fault.violations[0].field == "accounts"


async def test_sets_are_listed_newest_first_and_removed(served: Allocation) -> None:
    names = [(await served.accounts.CreateAccountSet(creating(f"{i}"))).name for i in range(3)]
    first = await served.accounts.ListAccountSets(accounts_pb2.ListAccountSetsRequest(page_size=2))
    rest = await served.accounts.ListAccountSets(
        accounts_pb2.ListAccountSetsRequest(page_size=2, page_token=first.next_page_token)
    )
    assert [each.name for page in (first, rest) for each in page.account_sets] == names[::-1]
    assert rest.next_page_token == ""
    gone = accounts_pb2.DeleteAccountSetRequest(name=names[0])
    await served.accounts.DeleteAccountSet(gone)
    for call in (
        served.accounts.DeleteAccountSet(gone),
        served.accounts.GetAccountSet(accounts_pb2.GetAccountSetRequest(name=names[0])),
        served.accounts.AppendAccounts(chunk(names[0], 0, 0)),
    ):
        fault = await fault_of(call)
        assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "ACCOUNT_SET_NOT_FOUND")


async def test_old_sets_go_when_a_new_one_comes(served: Allocation) -> None:
    old = (await served.accounts.CreateAccountSet(creating("old"))).name
    young = (await served.accounts.CreateAccountSet(creating("young", NOW + DAY))).name
    await served.accounts.AppendAccounts(chunk(old, 0, 0))
    month = uploading.KEPT_DAYS * DAY
    new = (await served.accounts.CreateAccountSet(creating("new", NOW + month + 1))).name
    listed = await served.accounts.ListAccountSets(accounts_pb2.ListAccountSetsRequest())
    assert [each.name for each in listed.account_sets] == [new, young]


async def test_sets_are_kept_alike_on_both_databases(database_url: str) -> None:
    migrations.migrate(database_url, PACKAGE)
    database = Database.open(database_url)
    known = await uploading.create(database, creating())
    await uploading.append(database, chunk(known.name, 0, 0))
    grown = await uploading.append(database, chunk(known.name, 1, 3))
    assert (grown.accounts, grown.chunks) == (6, 2)
    await uploading.remove(database, known.name)
    assert (await uploading.page(database, 0, ""))[0] == ()
    await database.close()
