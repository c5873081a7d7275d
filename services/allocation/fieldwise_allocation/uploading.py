"""Accounts uploaded in chunks, kept until a plan is made from them; knows no planning."""

from __future__ import annotations

import asyncio
import uuid
import zlib
from collections.abc import Iterable, Iterator
from functools import partial

import sqlalchemy as sa
from google.protobuf import timestamp_pb2

from fieldwise.allocation.v1 import account_service_pb2 as accounts_pb2
from fieldwise.allocation.v1 import plan_pb2
from fieldwise_allocation import store_accounts as store
from fieldwise_allocation.repeating import once
from fieldwise_allocation.store_accounts import AccountSet
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import AlreadyExists, FailedPrecondition, NotFound
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

log = get_logger(__name__)

# A set is material for plans; the plans themselves stay.
KEPT_DAYS = 30
PAGE = 100
MOST = 1000
# Speed before size: measured on accounts with places, level 1 halves the bytes at 150 MB/s.
_COMPRESSION = 1
_LIST = "accountSets"


async def create(db: Database, request: accounts_pb2.CreateAccountSetRequest) -> AccountSet:
    """Start an empty set, once, and remove those that are older than `KEPT_DAYS`.

    Raises:
        AlreadyExists: Reason REQUEST_ID_REUSED.
    """
    asked, created = fingerprint(request), request.decision_time.seconds

    def write(connection: sa.Connection) -> str:
        return once(connection, "CreateAccountSet", request.request_id, asked, lambda c: _create(c, created))

    name = await db.write(write)
    return await get(db, name)


async def append(db: Database, request: accounts_pb2.AppendAccountsRequest) -> AccountSet:
    """Add a chunk; one that is there already changes nothing.

    Raises:
        NotFound: Reason ACCOUNT_SET_NOT_FOUND.
        AlreadyExists: Reason CHUNK_EXISTS, the number was used for other accounts.
        FailedPrecondition: Reason CHUNK_AHEAD, one before it is missing.
    """
    body = await asyncio.to_thread(packed, request.accounts)
    asked = fingerprint(request)
    return await db.write(lambda connection: _append(connection, request, asked, body))


async def get(db: Database, name: str) -> AccountSet:
    """One set.

    Raises:
        NotFound: Reason ACCOUNT_SET_NOT_FOUND.
    """
    return await db.read(lambda connection: _known(connection, name))


async def page(db: Database, page_size: int, token: str) -> tuple[tuple[AccountSet, ...], str]:
    """Sets, newest first, and the token of the next page."""
    size = clamp_page_size(page_size, PAGE, MOST)
    before = int(cursor) if (cursor := cursor_of(token, _LIST)) else None
    found = await db.read(partial(store.sets, before=before, most=size + 1))
    return found[:size], page_token(str(found[size - 1].number), _LIST) if len(found) > size else ""


async def remove(db: Database, name: str) -> None:
    """Take a set away; plans made from it stay.

    Raises:
        NotFound: Reason ACCOUNT_SET_NOT_FOUND.
    """
    if not await db.write(lambda connection: store.remove_sets(connection, [name])):
        raise _unknown(name)


async def chunks(db: Database, name: str) -> tuple[bytes, ...]:
    """The chunks of a set, for `unpacked`.

    Raises:
        NotFound: Reason ACCOUNT_SET_NOT_FOUND.
    """

    def read(connection: sa.Connection) -> tuple[bytes, ...]:
        _known(connection, name)
        return store.chunks(connection, name)

    return await db.read(read)


def accounts_of(connection: sa.Connection, name: str) -> Iterator[plan_pb2.Account]:
    """The accounts of a set, in the order of their upload.

    Raises:
        NotFound: Reason ACCOUNT_SET_NOT_FOUND.
    """
    _known(connection, name)
    return unpacked(store.chunks(connection, name))


def packed(accounts: Iterable[plan_pb2.Account]) -> bytes:
    """Accounts as bytes to keep."""
    return zlib.compress(
        accounts_pb2.AppendAccountsRequest(accounts=accounts).SerializeToString(), _COMPRESSION
    )


def unpacked(chunks: Iterable[bytes]) -> Iterator[plan_pb2.Account]:
    """The accounts of chunks, one chunk in memory at a time."""
    for chunk in chunks:
        yield from accounts_pb2.AppendAccountsRequest.FromString(zlib.decompress(chunk)).accounts


def message(known: AccountSet) -> accounts_pb2.AccountSet:
    """A set as the contract shows it."""
    return accounts_pb2.AccountSet(
        name=known.name,
        create_time=timestamp_pb2.Timestamp(seconds=known.created),
        accounts=known.accounts,
        next_sequence=known.chunks,
    )


def _create(connection: sa.Connection, created: int) -> str:
    """A new set; those that have been kept for long enough go."""
    old = store.older_sets(connection, created - KEPT_DAYS * 86_400)
    if store.remove_sets(connection, old):
        log.info("account sets removed", account_sets=len(old), older_than_days=KEPT_DAYS)
    name = f"accountSets/{uuid.uuid4()}"
    store.add_set(connection, name, created)
    return name


def _append(
    connection: sa.Connection, request: accounts_pb2.AppendAccountsRequest, asked: str, body: bytes
) -> AccountSet:
    known = _known(connection, request.account_set)
    if request.sequence > known.chunks:
        message = f"sequence: got {request.sequence}; {known.name} has {known.chunks} chunks: send {known.chunks} next"
        raise FailedPrecondition("CHUNK_AHEAD", message, metadata={"next_sequence": str(known.chunks)})
    if request.sequence == known.chunks:
        store.add_chunk(connection, known, len(request.accounts), asked, body)
    elif store.chunk_fingerprint(connection, known.name, request.sequence) != asked:
        remedy = f"send chunk {known.chunks} next, or start a new set"
        raise AlreadyExists(f"chunk {request.sequence} of {known.name}", remedy, reason="CHUNK_EXISTS")
    return _known(connection, known.name)


def _known(connection: sa.Connection, name: str) -> AccountSet:
    known = store.account_set(connection, name)
    if known is None:
        raise _unknown(name)
    return known


def _unknown(name: str) -> NotFound:
    return NotFound(name, "ListAccountSets names those there are", reason="ACCOUNT_SET_NOT_FOUND")
