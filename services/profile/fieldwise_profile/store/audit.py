"""The audit log in SQL; knows no key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.audit_chain import Entry, Head, link
from fieldwise_profile.store.privacy_tables import audit, audit_head

_AT_ONCE: Final = 5_000


def append(connection: sa.Connection, entries: Sequence[Entry], signed: Callable[[int, bytes], Head]) -> None:
    """Adds entries (their sequences are given out here) and moves the signed end."""
    # The update takes the row's lock: two processes cannot add behind the same entry.
    advance = (
        sa.update(audit_head)
        .values(sequence=audit_head.c.sequence + len(entries))
        .returning(audit_head.c.sequence, audit_head.c.link)
    )
    last, before = connection.execute(advance).one()
    rows = []
    for sequence, entry in enumerate(entries, last - len(entries) + 1):
        numbered = entry._replace(sequence=sequence)
        before = link(before, numbered)
        rows.append({**numbered._asdict(), "link": before})
    connection.execute(sa.insert(audit), rows)
    end = signed(last, before)
    connection.execute(sa.update(audit_head).values(link=end.link, signature=end.signature))


def head(connection: sa.Connection) -> Head:
    """The signed end."""
    columns = (audit_head.c.sequence, audit_head.c.link, audit_head.c.signature)
    return Head._make(connection.execute(sa.select(*columns)).one())


def page(
    connection: sa.Connection, after: int, most: int, subjects: Sequence[str] | None = None
) -> list[tuple[Entry, bytes]]:
    """Entries after one, each with its link; only those about some subjects, when given."""
    statement = sa.select(*audit.c).where(audit.c.sequence > after)
    if subjects is not None:
        statement = statement.where(audit.c.subject.in_(list(subjects)))
    rows = connection.execute(statement.order_by(audit.c.sequence).limit(most))
    return [(Entry._make(row[:-1]), row[-1]) for row in rows]


def portions(connection: sa.Connection) -> Iterator[list[tuple[Entry, bytes]]]:
    """All entries, some at a time."""
    after = 0
    while found := page(connection, after, _AT_ONCE):
        yield found
        after = found[-1][0].sequence
