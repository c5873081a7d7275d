"""Uploading accounts through both clients: chunks, and going on where it broke off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fieldwise.allocation.v1 import account_service_pb2 as accounts_pb
from fieldwise.allocation.v1 import plan_pb2
from fieldwise_client.account_requests import CHUNK
from tests.client.both_clients import Ask, asking
from tests.client.fake_services import FakeServices, serving

NAME = "accountSets/0190a5b0-0000-7000-8000-000000000001"


class Kept:
    """What an upload has left behind."""

    def __init__(self, fake: FakeServices) -> None:
        self.names: list[str] = []
        self.chunks = 0
        fake.answers |= {
            "CreateAccountSet": self._known,
            "GetAccountSet": self._known,
            "AppendAccounts": self._grown,
        }

    def _known(self, _request: Any) -> list[Any]:
        return [accounts_pb.AccountSet(name=NAME, accounts=len(self.names), next_sequence=self.chunks)]

    def _grown(self, request: Any) -> list[Any]:
        assert request.sequence == self.chunks
        self.names += [account.name for account in request.accounts]
        self.chunks += 1
        return self._known(request)


@pytest.fixture
def allocation() -> FakeServices:
    return FakeServices("fieldwise.allocation.v1")


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, allocation: FakeServices) -> Iterator[Ask]:
    with serving(allocation) as address:
        yield asking(request.param, address)


def accounts(count: int) -> Iterator[plan_pb2.Account]:
    return (plan_pb2.Account(name=f"customers/{j}", workload_hours=1) for j in range(count))


def test_accounts_go_up_in_chunks_in_their_order(ask: Ask, allocation: FakeServices) -> None:
    kept = Kept(allocation)
    made = ask("upload_accounts", accounts(CHUNK + 7))
    assert (made.accounts, made.next_sequence) == (CHUNK + 7, 2)
    assert kept.names == [f"customers/{j}" for j in range(CHUNK + 7)]


def test_an_upload_that_broke_off_goes_on_where_it_was(ask: Ask, allocation: FakeServices) -> None:
    kept = Kept(allocation)
    ask("upload_accounts", accounts(CHUNK))
    ask("upload_accounts", accounts(2 * CHUNK + 1), account_set=NAME)
    assert kept.names == [f"customers/{j}" for j in range(2 * CHUNK + 1)]
    assert [name for name, _ in allocation.asked] == [
        "CreateAccountSet",
        "AppendAccounts",
        "GetAccountSet",
        "AppendAccounts",
        "AppendAccounts",
    ]


def test_a_chunk_that_nobody_answered_is_sent_again(ask: Ask, allocation: FakeServices) -> None:
    kept = Kept(allocation)
    allocation.unavailable = 2
    ask("upload_accounts", accounts(3))
    assert kept.names == ["customers/0", "customers/1", "customers/2"]
