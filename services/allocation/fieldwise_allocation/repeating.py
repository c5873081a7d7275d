"""Requests sent again: the same id and body give the first answer, another body is refused; knows no request."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from fieldwise_allocation import store
from fieldwise_runtime.operations import request_id_reused


def earlier_answer(connection: sa.Connection, kind: str, request_id: str, fingerprint: str) -> bytes | None:
    """What this request was answered before; None when it is new.

    Raises:
        AlreadyExists: Reason REQUEST_ID_REUSED.
    """
    before = store.answered(connection, kind, request_id)
    if before is None:
        return None
    if before.fingerprint != fingerprint:
        raise request_id_reused(request_id)
    return before.answer


def once(
    connection: sa.Connection,
    kind: str,
    request_id: str,
    fingerprint: str,
    work: Callable[[sa.Connection], str],
) -> str:
    """Does work for a new request only; gives the name that the work gave, then or before.

    Raises:
        AlreadyExists: Reason REQUEST_ID_REUSED.
    """
    before = earlier_answer(connection, kind, request_id, fingerprint)
    if before is not None:
        return before.decode()
    name = work(connection)
    remember(connection, kind, request_id, fingerprint, name.encode())
    return name


def remember(connection: sa.Connection, kind: str, request_id: str, fingerprint: str, answer: bytes) -> None:
    """Keep an answer, in the transaction that made it true."""
    store.keep_answer(connection, kind, request_id, store.Answered(fingerprint, answer))
