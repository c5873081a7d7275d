"""Sealing what is personal with each customer's own key, and opening it again; knows no wire.

A customer's key is made in the transaction that first needs it, and unwrapped keys are remembered only once their transaction
is durable: one that was rolled back must never seal anything.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.envelope import Cipher, NotOurs, place
from fieldwise_profile.core.event import Event
from fieldwise_profile.core.keys import KeyRing, RetiredKey, Wrapped
from fieldwise_profile.key_file import KeyFile, foreign
from fieldwise_profile.store import customer_keys
from fieldwise_runtime.errors import FailedPrecondition

# Unwrapped keys in memory; those used longest ago go first.
MOST_CIPHERS: Final = 100_000


class Sealing:
    """Everything that seals and opens; safe to use from several threads."""

    def __init__(self, file: KeyFile, most: int = MOST_CIPHERS) -> None:
        self._file = file
        self._most = most
        self._ciphers: OrderedDict[str, Cipher] = OrderedDict()
        self._guard = threading.Lock()
        # Rises when keys are forgotten: what was read before that must not be remembered after it.
        self._forgotten = 0

    @classmethod
    def at(cls, path: Path) -> Sealing:
        """With the keys of a file.

        Raises:
            FailedPrecondition: Reason KEYS_UNUSABLE; the file is missing or wrong, the message says what cures it.
        """
        return cls(KeyFile(path))

    @property
    def file(self) -> KeyFile:
        return self._file

    @property
    def ring(self) -> KeyRing:
        return self._file.ring

    def blind(self, field: str, value: str) -> bytes:
        """The value's place in the blind index: 16 bytes, the same for equal values of one field."""
        return self._file.ring.blind(field, value)

    def check(self, connection: sa.Connection) -> None:
        """Whether the keys are those of this database.

        Raises:
            FailedPrecondition: Reason KEYS_UNUSABLE; they are another installation's, or too old.
        """
        found = customer_keys.one(connection)
        if found is not None:
            try:
                self.ring.unwrap(found[1], found[0])
            except (NotOurs, RetiredKey):
                raise foreign(self._file.path) from None

    def sealer(self) -> Sealer:
        """Seals the events of one transaction."""
        return Sealer(self)

    def ciphers(self, connection: sa.Connection, customers: Iterable[str]) -> dict[str, Cipher]:
        """The ciphers of those customers who have a key, for reading: nothing is made.

        Raises:
            FailedPrecondition: Reason KEY_RETIRED or KEYS_UNUSABLE.
        """
        before = self._forgotten
        found, missing = self.remembered(customers)
        read = (
            {
                name: self.unwrapped(name, wrapped)
                for name, wrapped in customer_keys.of(connection, missing).items()
            }
            if missing
            else {}
        )
        if read:
            self.remember(read, before)
        return found | read

    def opened(
        self, connection: sa.Connection, sealed: Sequence[tuple[str, str, str, bytes]]
    ) -> list[bytes | None]:
        """What is personal in events, in plain JSON; None where the customer's key was destroyed.

        Args:
            sealed: (customer, source, event id, the column `personal`) of each.
        """
        ciphers = self.ciphers(connection, {customer for customer, *_ in sealed})
        return [
            ciphers[customer].open(text, event_place(customer, source, event_id))
            if customer in ciphers
            else None
            for customer, source, event_id, text in sealed
        ]

    def sealed_states(self, connection: sa.Connection, states: Mapping[str, bytes]) -> dict[str, bytes]:
        """Checkpoints that hold personal words, sealed; call it in the transaction that stores them."""
        ciphers = self.sealer().made(connection, states)
        return {
            name: ciphers[name].seal(state, place("state", name), secrets.token_bytes)
            for name, state in states.items()
        }

    def opened_states(self, connection: sa.Connection, sealed: Mapping[str, bytes]) -> dict[str, bytes]:
        """Checkpoints again; those whose customer's key was destroyed are left out."""
        ciphers = self.ciphers(connection, sealed)
        return {
            name: ciphers[name].open(text, place("state", name))
            for name, text in sealed.items()
            if name in ciphers
        }

    def remembered(self, customers: Iterable[str]) -> tuple[dict[str, Cipher], list[str]]:
        """The ciphers in memory, and the customers whose are not."""
        found: dict[str, Cipher] = {}
        missing: list[str] = []
        with self._guard:
            for name in customers:
                cipher = self._ciphers.get(name)
                if cipher is None:
                    missing.append(name)
                else:
                    self._ciphers.move_to_end(name)
                    found[name] = cipher
        return found, missing

    def remember(self, ciphers: Mapping[str, Cipher], since: int | None = None) -> None:
        """Keeps ciphers whose keys are durable.

        Args:
            since: What `generation` was before they were read; they are dropped when keys were forgotten meanwhile.
        """
        with self._guard:
            if since is not None and since != self._forgotten:
                return
            self._ciphers.update(ciphers)
            while len(self._ciphers) > self._most:
                self._ciphers.popitem(last=False)

    @property
    def generation(self) -> int:
        """How often keys were forgotten."""
        return self._forgotten

    def forget(self, customers: Iterable[str]) -> None:
        """Drops ciphers of customers whose keys were destroyed."""
        with self._guard:
            self._forgotten += 1
            for name in customers:
                self._ciphers.pop(name, None)

    def unwrapped(self, customer: str, wrapped: Wrapped) -> Cipher:
        """The cipher of a stored key.

        Raises:
            FailedPrecondition: Reason KEY_RETIRED or KEYS_UNUSABLE.
        """
        try:
            return Cipher(self.ring.unwrap(wrapped, customer))
        except RetiredKey as error:
            message = (
                f"a customer's key is wrapped with version {error.version}, which the key file {self._file.path} "
                "no longer holds; restore the key file that was in force at the time of this database"
            )
            raise FailedPrecondition("KEY_RETIRED", message) from None
        except NotOurs:
            raise foreign(self._file.path) from None


class Sealer:
    """Seals within one transaction. What it used is remembered only when told that the transaction is durable."""

    def __init__(self, sealing: Sealing) -> None:
        self._sealing = sealing
        self._since = sealing.generation
        self._used: dict[str, Cipher] = {}

    def __call__(self, connection: sa.Connection, events: Sequence[Event]) -> Sequence[Event]:
        """The events, with what is personal sealed."""
        owners = {event.customer for event in events if event.personal is not None}
        ciphers = self.made(connection, owners)
        return [
            event
            if event.personal is None
            else event._replace(
                personal=ciphers[event.customer].seal(
                    event.personal,
                    event_place(event.customer, event.source, event.event_id),
                    secrets.token_bytes,
                )
            )
            for event in events
        ]

    def made(self, connection: sa.Connection, customers: Iterable[str]) -> dict[str, Cipher]:
        """The customers' ciphers; who has no key gets one."""
        found, missing = self._sealing.remembered(customers)
        if missing:
            read = {
                name: self._sealing.unwrapped(name, wrapped)
                for name, wrapped in self._stored(connection, missing).items()
            }
            self._used |= read
            found |= read
        return found

    def _stored(self, connection: sa.Connection, customers: Sequence[str]) -> dict[str, Wrapped]:
        known = customer_keys.of(connection, customers)
        new = [name for name in customers if name not in known]
        if not new:
            return known
        ring = self._sealing.ring
        made = {name: ring.new_customer_key(name, secrets.token_bytes)[1] for name in new}
        return known | customer_keys.add(connection, made)

    def durable(self) -> None:
        """The transaction is committed."""
        if self._used:
            self._sealing.remember(self._used, self._since)


def event_place(customer: str, source: str, event_id: str) -> bytes:
    """Where an event's personal part belongs."""
    return place("event", customer, source, event_id)
