"""Consents: what a read may see, and writing down what a customer says; knows no wire."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from fieldwise_profile.core.consent import Permission, Unasked, Word, permission
from fieldwise_profile.core.event import Event, Flag, Kind
from fieldwise_profile.core.purposes import Purpose, consent_needed
from fieldwise_profile.sealing import Sealing
from fieldwise_profile.store import consents, personal_events
from fieldwise_runtime.database import Database

SOURCE: Final = "fieldwise"
_GRANTED: Final = int(Flag.GRANTED)


@dataclass(frozen=True)
class Said:
    """One thing a customer said; times in microseconds. ``proof`` is empty unless it was opened."""

    customer: str
    subject: str
    granted: bool
    said_at: int
    known_at: int
    policy_version: str
    proof: str
    source: str
    event_id: str


class Consenting:
    """Judges reads by consents.

    Args:
        unasked: The installation's rule for customers of whom no consent is on record.
    """

    def __init__(self, database: Database, sealing: Sealing, unasked: Unasked) -> None:
        self._database = database
        self._sealing = sealing
        self.unasked = unasked

    def permits(self, said: Mapping[str, Word], purpose: int) -> Permission:
        """Whether a customer's words (`State.consents`) allow a read for a purpose."""
        return permission(said, consent_needed(purpose), self.unasked)

    def refused_purposes(self, said: Mapping[str, Word]) -> list[int]:
        """Purposes that a read would be refused for."""
        return [purpose for purpose in Purpose if not self.permits(said, purpose).is_given]

    async def words(self, customers: Sequence[str]) -> dict[str, dict[str, Word]]:
        """What customers said last, by customer and subject; those who said nothing are left out."""
        return await self._database.read(lambda connection: consents.of(connection, customers))

    async def history(self, customers: Sequence[str], *, opening: bool) -> list[Said]:
        """Every word of these customers, oldest first.

        Args:
            opening: Proofs are opened.
        """

        def work(connection: sa.Connection) -> list[Said]:
            found = personal_events.of(connection, customers, (int(Kind.CONSENT),))
            proofs = self._proofs(connection, found) if opening else [""] * len(found)
            return [
                _said(event, subject, proof)
                for event, proof in zip(found, proofs, strict=True)
                for subject in (event.target, event.channel)
                if subject
            ]

        said = await self._database.read(work)
        return sorted(said, key=lambda each: (each.said_at, each.granted, each.source, each.event_id))

    def _proofs(self, connection: sa.Connection, found: Sequence[Event]) -> list[str]:
        sealed = [
            (event.customer, event.source, event.event_id, event.personal)
            for event in found
            if event.personal is not None
        ]
        opened = iter(self._sealing.opened(connection, sealed))
        return ["" if event.personal is None else _proof(next(opened)) for event in found]


def _proof(text: bytes | None) -> str:
    return "" if text is None else str(json.loads(text).get("proof", ""))


def _said(event: Event, subject: str, proof: str) -> Said:
    details: dict[str, Any] = json.loads(event.details or "{}")
    return Said(
        customer=event.customer,
        subject=subject,
        granted=bool((event.flags or 0) & _GRANTED),
        said_at=event.event_time,
        known_at=event.known_at,
        policy_version=str(details.get("policy_version", "")),
        proof=proof,
        source=event.source,
        event_id=event.event_id,
    )


def event_id_of(request_id: str) -> str:
    """The event id of a word: the caller's, or a new one."""
    return f"consent-{request_id or secrets.token_hex(8)}"
