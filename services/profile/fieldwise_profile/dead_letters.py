"""Refused events: kept sealed with every reason, read, sent in again, deleted; knows no server.

A letter is stored in the transaction of its batch, so that no refusal is acknowledged and lost. The reasons are sealed with
it, since a reason repeats what was sent; in plain stand only which fields were wrong and, where they are well-formed, source,
event id and customer.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import event_pb2, profile_service_pb2
from fieldwise_profile.core.envelope import Cipher, place
from fieldwise_profile.core.event import SECOND, Event
from fieldwise_profile.core.features import moment_of
from fieldwise_profile.reading import Batch, Reader, erased_rejections
from fieldwise_profile.sealing import Sealer, Sealing
from fieldwise_profile.store import appending
from fieldwise_profile.store import dead_letters as store
from fieldwise_profile.store.appending import Appended
from fieldwise_profile.store.dead_letters import LetterRow, Wanted
from fieldwise_runtime.database import Database

# Letters that a replay opens and stores at once.
AT_ONCE: Final = 200
_CUSTOMER: Final = re.compile(r"customers/[A-Za-z0-9][A-Za-z0-9._~-]{0,63}")
_SOURCE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_EVENT_ID: Final = re.compile(r"[^\0]{1,128}", re.DOTALL)
_INDEX: Final = re.compile(r"\[\d+\]")


@dataclass(frozen=True)
class Letter:
    """A refused event as it came in: its bytes, when, and every (field, description) of what was wrong."""

    raw: bytes
    received_at: int
    source: str | None
    event_id: str | None
    customer: str | None
    kind: str
    faults: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Opened:
    """A stored letter with what is sealed in it; ``event`` is None when the customer's key is gone."""

    row: LetterRow
    event: event_pb2.Event | None
    faults: tuple[tuple[str, str], ...]


def letters_of(request: profile_service_pb2.IngestEventsRequest, batch: Batch) -> list[Letter]:
    """The refused events of a request that was read."""
    if not batch.rejected:
        return []
    now = moment_of(request.decision_time.seconds, request.decision_time.nanos)
    return [_letter(request.events[each.index], each, now) for each in batch.rejected]


def letters_refused_before(request: profile_service_pb2.KeepRefusedEventsRequest) -> list[Letter]:
    """The events that were refused before they came here."""
    now = moment_of(request.decision_time.seconds, request.decision_time.nanos)
    rejected = profile_service_pb2.RejectedEvent
    return [_letter(each.event, rejected(details=each.details), now) for each in request.events]


def _letter(sent: event_pb2.Event, rejected: profile_service_pb2.RejectedEvent, now: int) -> Letter:
    return Letter(
        raw=sent.SerializeToString(deterministic=True),
        received_at=now,
        source=_if_formed(_SOURCE, sent.source),
        event_id=_if_formed(_EVENT_ID, sent.event_id),
        customer=_if_formed(_CUSTOMER, sent.customer),
        kind=sent.WhichOneof("what") or "",
        faults=tuple((each.field, each.description) for each in rejected.details.field_violations),
    )


def _if_formed(pattern: re.Pattern[str], text: str) -> str | None:
    return text if pattern.fullmatch(text) else None


def post(connection: sa.Connection, letters: Sequence[Letter], sealing: Sealing, sealer: Sealer) -> None:
    """Stores letters in the transaction of their batch; those of erased customers are kept nowhere."""
    rows = _rows(connection, letters, sealing, sealer)
    if rows:
        store.add(connection, rows)


def _rows(
    connection: sa.Connection, letters: Sequence[Letter], sealing: Sealing, sealer: Sealer
) -> list[LetterRow]:
    named = {each.customer for each in letters if each.customer is not None}
    erased = appending.erased_among(connection, named)
    wanted = [each for each in letters if each.customer not in erased]
    ciphers = sealer.made(connection, named - erased)
    unknown = Cipher(sealing.ring.dead_letters)
    # Of the same event twice in a batch the last stays: one statement cannot touch a row twice.
    rows = {
        row.id: row
        for row in (_row(each, sealing, ciphers.get(each.customer or "", unknown)) for each in wanted)
    }
    return list(rows.values())


def _row(letter: Letter, sealing: Sealing, cipher: Cipher) -> LetterRow:
    # Keyed, so that nobody can tell from the id what was sent; the same event sent again is the same letter.
    name = sealing.blind("dead letter", letter.raw.hex()).hex()
    body = {"event": base64.b64encode(letter.raw).decode(), "faults": letter.faults}
    text = zlib.compress(json.dumps(body).encode(), 6)
    fields = sorted({_INDEX.sub("", field) for field, _ in letter.faults})
    return LetterRow(
        id=name,
        received_at=letter.received_at,
        last_received_at=letter.received_at,
        times=1,
        source=letter.source,
        event_id=letter.event_id,
        customer=letter.customer,
        kind=letter.kind,
        fields=json.dumps(fields),
        sealed=cipher.seal(text, place("dead letter", name), secrets.token_bytes),
    )


def opened(connection: sa.Connection, rows: Sequence[LetterRow], sealing: Sealing) -> list[Opened]:
    """Letters with what is sealed in them."""
    ciphers = sealing.ciphers(connection, {row.customer for row in rows if row.customer})
    unknown = Cipher(sealing.ring.dead_letters)
    return [_opened(row, ciphers.get(row.customer) if row.customer else unknown) for row in rows]


def _opened(row: LetterRow, cipher: Cipher | None) -> Opened:
    if cipher is None:
        return Opened(row, None, ())
    body: dict[str, Any] = json.loads(zlib.decompress(cipher.open(row.sealed, place("dead letter", row.id))))
    event = event_pb2.Event.FromString(base64.b64decode(body["event"]))
    return Opened(row, event, tuple((field, description) for field, description in body["faults"]))


@dataclass
class Replayed:
    """How far a replay has come."""

    total: int
    done: int = 0
    accepted: int = 0
    duplicates: int = 0
    still_refused: int = 0
    unreadable: int = 0


class Storing(Protocol):
    """What stores events, each once: `Ingest`."""

    async def store(self, events: Sequence[Event]) -> Appended:
        """Returns what that came to, once they are durable and folded in."""
        ...


class DeadLetters:
    """Reads letters and sends them in again."""

    def __init__(self, database: Database, reader: Reader, sealing: Sealing, ingest: Storing) -> None:
        self._database = database
        self._reader = reader
        self._sealing = sealing
        self._ingest = ingest

    async def page(
        self, wanted: Wanted, after: tuple[int, str], most: int, *, opening: bool
    ) -> tuple[list[Opened], int]:
        """Some letters after one, oldest first, and how many there are in all; sealed unless ``opening``."""

        def work(connection: sa.Connection) -> tuple[list[Opened], int]:
            rows = store.page(connection, wanted, after, most)
            shown = (
                opened(connection, rows, self._sealing)
                if opening
                else [Opened(row, None, ()) for row in rows]
            )
            return shown, store.count(connection, wanted)

        return await self._database.read(work)

    async def replay(self, ids: Sequence[str], wanted: Wanted, now: int) -> AsyncIterator[Replayed]:
        """Reads letters as if they came in now; each is stored, is a duplicate, or stays with its new reasons.

        A letter is deleted only after its event is durable: a replay that is cut off is begun again without harm.
        """
        progress = Replayed(len(ids) or await self._database.read(lambda c: store.count(c, wanted)))
        yield progress
        async for letters in self._portions(ids, wanted):
            await self._again(letters, now, progress)
            yield progress

    async def _portions(self, ids: Sequence[str], wanted: Wanted) -> AsyncIterator[list[Opened]]:
        def read(some: Callable[[sa.Connection], list[LetterRow]]) -> Callable[[sa.Connection], list[Opened]]:
            return lambda connection: opened(connection, some(connection), self._sealing)

        if ids:
            for start in range(0, len(ids), AT_ONCE):
                part = ids[start : start + AT_ONCE]
                yield await self._database.read(read(lambda c, part=part: store.of(c, part)))  # type: ignore[misc]  # mypy cannot infer a lambda's default
            return
        after = (-1, "")
        while letters := await self._database.read(
            read(lambda c, after=after: store.page(c, wanted, after, AT_ONCE))  # type: ignore[misc]  # as above
        ):
            yield letters
            after = (letters[-1].row.received_at, letters[-1].row.id)

    async def _again(self, letters: Sequence[Opened], now: int, progress: Replayed) -> None:
        opened_ones = [each for each in letters if each.event is not None]
        known = [each for each in opened_ones if each.event is not None and _may_be_an_event(each.event)]
        progress.done += len(letters)
        progress.unreadable += len(letters) - len(opened_ones)
        progress.still_refused += len(opened_ones) - len(known)
        if not known:
            return
        request = profile_service_pb2.IngestEventsRequest(
            events=[each.event for each in known if each.event is not None], decision_time=_timestamp(now)
        )
        batch = self._reader.read(request)
        appended = await self._ingest.store(batch.events)
        refused = {each.index for each in [*batch.rejected, *erased_rejections(batch, appended.erased)]}
        gone = [each.row.id for place, each in enumerate(known) if place not in refused]
        await self._database.write(lambda c: self._settle(c, gone, letters_of(request, batch)))
        accepted = len(appended.rows)
        progress.accepted += accepted
        progress.duplicates += len(gone) - accepted
        progress.still_refused += len(refused)

    def _settle(self, connection: sa.Connection, gone: Sequence[str], letters: Sequence[Letter]) -> None:
        """Deletes letters whose events are in, and writes new reasons to the others; when they came in stays as it was."""
        # First of all the lock of the log: nobody is erased between looking and sealing, and gets a key again.
        appending.reserve(connection, 0)
        store.delete(connection, gone)
        rows = _rows(connection, letters, self._sealing, self._sealing.sealer())
        if rows:
            store.explain(connection, rows)


def _may_be_an_event(event: event_pb2.Event) -> bool:
    """Whether anything that happens here can make it one. What was refused before it came here has no schema (`letters_refused_before`):
    read again it would only lose its reasons.
    """
    return event.WhichOneof("what") != "custom" or bool(event.custom.schema)


def _timestamp(moment: int) -> Timestamp:
    return Timestamp(seconds=moment // SECOND, nanos=moment % SECOND * 1000)
