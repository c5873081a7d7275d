"""Customers forgotten: nameless accounts stand in their places in plans, questions and uploads; knows no rule and no solver."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterable

import sqlalchemy as sa
from google.longrunning import operations_pb2
from google.protobuf.message import Message

from fieldwise.allocation.v1 import account_service_pb2 as accounts_pb2
from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2
from fieldwise_allocation import store, store_accounts, store_plans, store_visits, uploading
from fieldwise_allocation.plan_records import CHUNK, nameless, packed_chunk, packed_question, question_key
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import NotFound
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.operations import Operations
from fieldwise_runtime.scrubbing import scrub, zeroing

log = get_logger(__name__)

_FORGOTTEN = "an account that was erased"


async def erase(
    db: Database, url: str, operations: Operations, prefixes: Iterable[str], customers: Collection[str]
) -> service_pb2.EraseCustomersResponse:
    """Forget customers in all that is kept; a second time there is nothing left to forget.

    Args:
        url: Where the database is, for cleaning its files.
        prefixes: Of the operations whose answers may name them.
    Raises:
        FailedPrecondition: Reason ERASURE_UNFINISHED; the files could not be cleaned yet.
    """
    names = frozenset(customers)
    found = await db.write(lambda connection: _erase(connection, names))
    for prefix in prefixes:
        found["operations"] += await _operations(operations, prefix, names)
    await asyncio.to_thread(scrub, url, await db.read(_tables))
    log.info("customers forgotten", customers=len(names), **found)
    return service_pb2.EraseCustomersResponse(**found)


def _erase(connection: sa.Connection, names: frozenset[str]) -> Counter[str]:
    with zeroing(connection):
        store.forget_accounts(connection, names)
        return Counter(
            questions=sum(_question(connection, key, names) for key in store_plans.questions(connection)),
            plans=sum(_plan(connection, name, names) for name in store_plans.names(connection)),
            uploads=sum(_uploads(connection, name, names) for name in store_accounts.names(connection)),
            visit_plans=sum(_visits(connection, name, names) for name in store_visits.names(connection)),
        )


def _tables(connection: sa.Connection) -> list[str]:
    return sa.inspect(connection).get_table_names()


def _question(connection: sa.Connection, key: str, names: frozenset[str]) -> bool:
    raw = zlib.decompress(store_plans.question(connection, key) or zlib.compress(b""))
    if not _holds(raw, names):
        return False
    asked = service_pb2.PlanTerritoriesRequest.FromString(raw)
    if not _blank_accounts(asked.accounts, names, 0):
        return False
    # What comes again with the customer in it must not find this one.
    store_plans.replace_question(connection, key, question_key(asked), packed_question(asked))
    return True


def _plan(connection: sa.Connection, name: str, names: frozenset[str]) -> bool:
    plan = plan_pb2.TerritoryPlan.FromString(store_plans.body(connection, name) or b"")
    inside = _blank_assignments(plan.assignments, names, 0)
    told = _blank_words(plan, names)
    if inside or told:
        store_plans.replace_body(connection, name, plan.SerializeToString())
    chunks = [
        _chunk(connection, name, number, raw, names)
        for number, raw in enumerate(list(store_plans.chunks(connection, name)))
    ]
    return inside or told or any(chunks)


def _chunk(connection: sa.Connection, plan: str, number: int, raw: bytes, names: frozenset[str]) -> bool:
    unpacked = zlib.decompress(raw)
    if not _holds(unpacked, names):
        return False
    part = service_pb2.ListAssignmentsResponse.FromString(unpacked)
    if not _blank_assignments(part.assignments, names, number * CHUNK):
        return False
    store_plans.replace_chunk(connection, plan, number, packed_chunk(part.assignments))
    return True


def _uploads(connection: sa.Connection, account_set: str, names: frozenset[str]) -> int:
    found, first = 0, 0
    for sequence, raw in enumerate(store_accounts.chunks(connection, account_set)):
        accounts = list(uploading.unpacked([raw]))
        chunk = accounts_pb2.AppendAccountsRequest(accounts=accounts)
        if _blank_accounts(chunk.accounts, names, first):
            store_accounts.replace_chunk(connection, account_set, sequence, uploading.packed(chunk.accounts))
            found += 1
        first += len(accounts)
    return found


def _visits(connection: sa.Connection, name: str, names: frozenset[str]) -> bool:
    """A plan of visits is for a week or two: one that names them is deleted whole."""
    found = any(_holds(raw, names) for raw in store_visits.bodies(connection, name))
    if found:
        store_visits.remove(connection, name)
    return found


async def _operations(operations: Operations, prefix: str, names: frozenset[str]) -> int:
    """Delete what has ended and names them; who asks with its request id again gets a new answer."""
    token, found = "", 0
    while True:
        listed, token = await operations.page(prefix, 0, token)
        for name in await asyncio.to_thread(_naming, listed, names):
            await _deleted(operations, name)
            found += 1
        if not token:
            return found


def _naming(listed: Iterable[operations_pb2.Operation], names: frozenset[str]) -> list[str]:
    """Those that have ended and name one of them: a plan's answer has megabytes to look through."""
    return [each.name for each in listed if each.done and _holds(each.response.value, names)]


async def _deleted(operations: Operations, name: str) -> None:
    try:
        await operations.delete(name)
    except NotFound:
        log.info("operation was gone", operation=name)


# ---- within messages ----------------------------------------------------------------------------------------------


def _blank_accounts(accounts: Iterable[plan_pb2.Account], names: frozenset[str], first: int) -> bool:
    """Leave nothing of them but their place in the order, which assignments share."""
    found = [(place, account) for place, account in enumerate(accounts, first) if account.name in names]
    for place, account in found:
        account.Clear()
        account.name = nameless(place)
    return bool(found)


def _blank_assignments(assignments: Iterable[plan_pb2.Assignment], names: frozenset[str], first: int) -> bool:
    found = [(place, each) for place, each in enumerate(assignments, first) if each.account in names]
    for place, each in found:
        rep = each.rep
        each.Clear()
        each.account, each.rep = nameless(place), rep
    return bool(found)


def _blank_words(plan: plan_pb2.TerritoryPlan, names: frozenset[str]) -> bool:
    """Sentences that name them; how many rules are broken stays."""
    before = plan.SerializeToString()
    kept = [breach for breach in plan.breaches if not tells(str(breach), names)]
    del plan.breaches[:]
    plan.breaches.extend(kept)
    for sentences in (plan.changes, plan.warnings):
        sentences[:] = [_FORGOTTEN if tells(each, names) else each for each in sentences]
    return plan.SerializeToString() != before


def tells(text: str, names: frozenset[str]) -> bool:
    """Whether a text names one of them, not only somebody whose name begins so."""
    return any(re.search(rf"{re.escape(name)}(?![A-Za-z0-9._~-])", text) for name in names)


def _holds(raw: bytes, names: frozenset[str]) -> bool:
    """Whether a message may hold one of the names as a whole string: its length stands before it."""
    return any(_as_field(name) in raw for name in names)


def _as_field(name: str) -> bytes:
    holder: Message = plan_pb2.Assignment(account=name)
    return holder.SerializeToString()[1:]  # without the number of the field
