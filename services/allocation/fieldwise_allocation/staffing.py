"""Reps come and go; knows nothing of plans."""

from __future__ import annotations

import sqlalchemy as sa

from fieldwise_allocation import store
from fieldwise_allocation.core.checks import off_the_earth
from fieldwise_allocation.core.question import Rep
from fieldwise_allocation.repeating import earlier_answer, remember
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import AlreadyExists, InvalidRequest, NotFound
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

PAGE = 1000
MOST = 10_000
_LIST = "reps"


async def create(db: Database, new: Rep, request_id: str, fingerprint: str) -> Rep:
    """Add a rep, once.

    Raises:
        InvalidRequest: His home is nowhere on the earth.
        AlreadyExists: Reason REP_EXISTS, the name belongs to a different rep; or REQUEST_ID_REUSED.
    """
    wrong = list(off_the_earth("rep.home", new.home))
    if wrong:
        raise InvalidRequest(wrong)
    await db.write(lambda connection: _create(connection, new, request_id, fingerprint))
    return new


def _create(connection: sa.Connection, new: Rep, request_id: str, fingerprint: str) -> None:
    if earlier_answer(connection, "CreateRep", request_id, fingerprint) is not None:
        return
    present = store.rep(connection, new.name)
    if present is None:
        store.add_rep(connection, new)
    elif present != new:
        remedy = "choose another name, or delete him first to change him"
        raise AlreadyExists(new.name, remedy, reason="REP_EXISTS")
    remember(connection, "CreateRep", request_id, fingerprint, b"")


async def get(db: Database, name: str) -> Rep:
    """One rep.

    Raises:
        NotFound: Reason REP_NOT_FOUND.
    """
    found = await db.read(lambda connection: store.rep(connection, name))
    if found is None:
        raise _unknown(name)
    return found


async def page(db: Database, page_size: int, token: str) -> tuple[tuple[Rep, ...], str]:
    """Reps by name, and the token of the next page."""
    size = clamp_page_size(page_size, PAGE, MOST)
    after = cursor_of(token, _LIST)
    found = await db.read(lambda connection: store.reps(connection, after=after, most=size + 1))
    return found[:size], page_token(found[size - 1].name, _LIST) if len(found) > size else ""


async def remove(db: Database, name: str) -> None:
    """Take a rep away; his customers have no rep until the next plan is applied.

    Raises:
        NotFound: Reason REP_NOT_FOUND.
    """
    if not await db.write(lambda connection: store.remove_rep(connection, name)):
        raise _unknown(name)


def _unknown(name: str) -> NotFound:
    return NotFound(name, "ListReps names those there are", reason="REP_NOT_FOUND")
