"""AccountService on the wire: messages in, use cases, messages out; no rules and no SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf import empty_pb2

from fieldwise.allocation.v1 import account_service_pb2 as accounts_pb2
from fieldwise.allocation.v1 import account_service_pb2_grpc as accounts_grpc
from fieldwise_allocation import uploading
from fieldwise_runtime.database import Database


@dataclass(frozen=True)
class AccountServicer(accounts_grpc.AccountServiceServicer):
    """The calls of the contract; each says there what it does."""

    db: Database

    async def CreateAccountSet(
        self, request: accounts_pb2.CreateAccountSetRequest, context: Any
    ) -> accounts_pb2.AccountSet:
        return uploading.message(await uploading.create(self.db, request))

    async def AppendAccounts(
        self, request: accounts_pb2.AppendAccountsRequest, context: Any
    ) -> accounts_pb2.AccountSet:
        return uploading.message(await uploading.append(self.db, request))

    async def GetAccountSet(
        self, request: accounts_pb2.GetAccountSetRequest, context: Any
    ) -> accounts_pb2.AccountSet:
        return uploading.message(await uploading.get(self.db, request.name))

    async def ListAccountSets(
        self, request: accounts_pb2.ListAccountSetsRequest, context: Any
    ) -> accounts_pb2.ListAccountSetsResponse:
        sets, token = await uploading.page(self.db, request.page_size, request.page_token)
        return accounts_pb2.ListAccountSetsResponse(
            account_sets=map(uploading.message, sets), next_page_token=token
        )

    async def DeleteAccountSet(
        self, request: accounts_pb2.DeleteAccountSetRequest, context: Any
    ) -> empty_pb2.Empty:
        await uploading.remove(self.db, request.name)
        return empty_pb2.Empty()
