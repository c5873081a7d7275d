"""What each customer said last of each subject, in SQL; knows no rule of consent but that the larger word holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.consent import ALL_CHANNELS, Word, word
from fieldwise_profile.core.event import OPTED_OUT, Flag, Kind
from fieldwise_profile.store.bulk import Row
from fieldwise_profile.store.privacy_tables import consents
from fieldwise_profile.store.schema import EVENT_COLUMNS
from fieldwise_runtime.database import upsert

_CUSTOMER, _EVENT_TIME, _KIND, _CHANNEL, _OUTCOME, _TARGET, _FLAGS = (
    1 + EVENT_COLUMNS.index(name)
    for name in ("customer", "event_time", "kind", "channel", "outcome", "target", "flags")
)
_CONSENT: Final = int(Kind.CONSENT)
_OUTCOME_KIND: Final = int(Kind.OUTCOME)
_GRANTED: Final = int(Flag.GRANTED)
_CHUNK: Final = 900


def keep(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Keeps what events say of consents, in their own transaction; an older word than the one kept changes nothing."""
    said = [
        row
        for row in rows
        if row[_KIND] == _CONSENT or (row[_KIND] == _OUTCOME_KIND and row[_OUTCOME] == OPTED_OUT)
    ]
    if not said:
        return
    latest: dict[tuple[str, str], Word] = {}
    for row in said:
        for subject in _subjects(row):
            key = (row[_CUSTOMER], subject)
            latest[key] = max(latest.get(key, 0), _word(row))
    insert = upsert(consents, connection.dialect.name)
    older = consents.c.event_time * 2 + consents.c.withdrawn
    newer = insert.excluded.event_time * 2 + insert.excluded.withdrawn
    statement = insert.on_conflict_do_update(
        index_elements=[consents.c.customer, consents.c.subject],
        set_={"event_time": insert.excluded.event_time, "withdrawn": insert.excluded.withdrawn},
        where=newer > older,
    )
    connection.execute(
        statement,
        [
            {"customer": customer, "subject": subject, "event_time": held // 2, "withdrawn": held % 2}
            for (customer, subject), held in sorted(latest.items())
        ],
    )


def _subjects(row: Row) -> list[str]:
    if row[_KIND] == _OUTCOME_KIND:
        return [ALL_CHANNELS]
    return [subject for subject in (row[_TARGET], row[_CHANNEL]) if subject]


def _word(row: Row) -> Word:
    # An opt-out told as an outcome has no flags: it withdraws.
    return word(row[_EVENT_TIME], granted=bool((row[_FLAGS] or 0) & _GRANTED))


def of(connection: sa.Connection, customers: Iterable[str]) -> dict[str, dict[str, Word]]:
    """What these customers said, by customer and subject."""
    names = list(customers)
    found: dict[str, dict[str, Word]] = {}
    for start in range(0, len(names), _CHUNK):
        some = consents.c.customer.in_(names[start : start + _CHUNK])
        for row in connection.execute(sa.select(consents).where(some)):
            held = word(row.event_time, granted=not row.withdrawn)
            found.setdefault(row.customer, {})[row.subject] = held
    return found


def delete(connection: sa.Connection, customers: Sequence[str]) -> int:
    """Deletes what customers said; how many words there were."""
    return connection.execute(sa.delete(consents).where(consents.c.customer.in_(customers))).rowcount
