"""The keys of an installation in memory, obeyed within a second of a change anywhere; knows no call and no header."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from fieldwise_gateway.core import keys
from fieldwise_gateway.core.access import Principal, Role
from fieldwise_gateway.core.keys import Key
from fieldwise_gateway.key_store import KeyStore, revoked
from fieldwise_runtime.errors import FailedPrecondition, Unauthenticated, Unavailable
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# A key that was revoked at another gateway works this long at most, and the time of two reads.
EVERY_SECONDS: Final = 0.4
# A key unknown here may have been made at another gateway just now; asked for at most this often.
_AGAIN_SECONDS: Final = 0.05
# Answers of a database that is away leave the keys as they were; after this long without one nobody is let in.
STALE_SECONDS: Final = 60.0


class Keyring:
    """Keys as they stand in the store.

    Args:
        calls_per_second: Limit of keys that state none; 0 for no limit.
        now: Wall clock, seconds since 1970 UTC.
    """

    def __init__(
        self, store: KeyStore, calls_per_second: float = 0.0, now: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._calls_per_second = calls_per_second
        self._now = now
        self._keys: Mapping[str, Key] = {}
        self._known: dict[str, Principal] = {}
        self._version = -1
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._used: dict[str, str] = {}

    async def open(self) -> None:
        """Read the keys for the first time."""
        await self._read()

    async def follow(self) -> None:
        """Follow changes for ever."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self._read()
                await self._note_days()
            except Exception as error:  # The next round asks again; health says that the database is away.
                log.warning("keys not read", error=type(error).__name__)

    async def principal(self, text: str) -> Principal:
        """Whose key this is.

        Raises:
            Unauthenticated: BAD_CREDENTIALS, EXPIRED_CREDENTIALS, REVOKED_CREDENTIALS.
            Unavailable: KEYS_UNKNOWN; for too long nobody could tell which were revoked.
        """
        id_ = keys.id_in(text)
        if id_ and id_ not in self._keys and time.monotonic() - self._read_at > _AGAIN_SECONDS:
            await self._read()
        if time.monotonic() - self._read_at > STALE_SECONDS:
            raise Unavailable(
                "KEYS_UNKNOWN", "keys could not be read for a minute; try again when the database is back"
            )
        key = self._keys.get(id_)
        now = self._now()
        shown = keys.digest(text)
        if key is None or not key.opens(shown, now):
            raise Unauthenticated(
                "BAD_CREDENTIALS", "no such key, or a secret that was replaced; ask for a key"
            )
        if key.revoked is not None:
            raise Unauthenticated("REVOKED_CREDENTIALS", f"apiKeys/{id_} was revoked; ask for another key")
        if not key.is_live(now):
            raise Unauthenticated("EXPIRED_CREDENTIALS", f"apiKeys/{id_} has expired; ask for another key")
        self._note(key, now)
        caller = self._known.get(shown)
        if caller is None:
            caller = self._known[shown] = self._principal(key, shown)
        return caller

    def holds(self, caller: Principal) -> bool:
        """Whether a caller let in before would be let in now, for calls that last."""
        if caller.until is not None and self._now() >= caller.until:
            return False
        kind, _, id_ = caller.name.partition("/")
        if kind != "apiKeys":
            return True
        key = self._keys.get(id_)
        return key is not None and key.is_live(self._now())

    async def make(self, key: Key, request_id: str) -> tuple[Key, str]:
        """Keep a key with an id and a secret of its own; gives both.

        Raises:
            AlreadyExists: REQUEST_ID_REUSED.
        """
        made, secret = minted(key)
        await self._store.add(made, request_id)
        await self._read()
        return made, secret

    async def make_first(self, key: Key, show: Callable[[str], None]) -> bool:
        """Make the first key and ``show`` its secret; False, and nothing is made, when there is a key already."""
        made, secret = minted(key)
        kept = await self._store.add_first(made, lambda: show(secret))
        await self._read()
        return kept

    async def rotate(self, id_: str, overlap: float, allowed: Callable[[Key], None]) -> tuple[Key, str]:
        """Give a key a new secret; the one before works for ``overlap`` more seconds.

        Raises:
            NotFound: API_KEY_NOT_FOUND.
            FailedPrecondition: API_KEY_REVOKED.
            FieldwiseError: What ``allowed`` raises.
        """
        secret = _secret(id_)

        def change(key: Key, _every: Mapping[str, Key]) -> Key:
            allowed(key)
            if key.revoked is not None:
                remedy = "make another key instead"
                raise FailedPrecondition("API_KEY_REVOKED", f"apiKeys/{id_} was revoked; {remedy}")
            ends = self._now() + overlap if overlap > 0 else None
            before = key.digest if overlap > 0 else ""
            return replace(key, digest=keys.digest(secret), previous_digest=before, previous_until=ends)

        changed = await self._store.change(id_, change)
        await self._read()
        return changed, secret

    async def revoke(self, id_: str) -> Key:
        """End a key.

        Raises:
            NotFound: API_KEY_NOT_FOUND.
            FailedPrecondition: LAST_OPERATOR_KEY.
        """
        changed = await self._store.change(id_, lambda key, every: revoked(key, every, self._now()))
        await self._read()
        return changed

    def all(self) -> list[Key]:
        """Every key, newest first."""
        return sorted(self._keys.values(), key=lambda key: (-key.created, key.id))

    async def _read(self) -> None:
        asked = time.monotonic()
        async with self._reading:
            if self._read_at >= asked:  # another call has just read
                return
            begun = time.monotonic()
            if await self._store.version() != self._version:
                self._version, self._keys = await self._store.all()
                self._known.clear()
            self._read_at = begun

    def _principal(self, key: Key, shown: str) -> Principal:
        per_second = key.calls_per_second or self._calls_per_second
        burst = (key.burst or max(1, round(2 * per_second))) if per_second else 0
        ends = [key.expires] if shown == key.digest else [key.expires, key.previous_until]
        until = min((end for end in ends if end is not None), default=None)
        return Principal.of(f"apiKeys/{key.id}", [key.role], key.reps, key.scopes, per_second, burst, until)

    def _note(self, key: Key, now: float) -> None:
        day = datetime.fromtimestamp(now, UTC).date().isoformat()
        if key.last_used_day != day and self._used.get(key.id) != day:
            self._used[key.id] = day

    async def _note_days(self) -> None:
        unwritten = {
            id_: day
            for id_, day in self._used.items()
            if id_ in self._keys and self._keys[id_].last_used_day != day
        }
        if unwritten:
            await self._store.used(unwritten)
            self._keys = {
                id_: replace(key, last_used_day=unwritten.get(id_, key.last_used_day))
                for id_, key in self._keys.items()
            }


def minted(key: Key) -> tuple[Key, str]:
    """The key with an id and a secret made by chance."""
    id_ = keys.id_of(secrets.token_bytes(keys.ID_BYTES))
    secret = _secret(id_)
    return replace(key, id=id_, digest=keys.digest(secret)), secret


def _secret(id_: str) -> str:
    return keys.written(id_, secrets.token_bytes(keys.SECRET_BYTES))


def first_operator(now: float) -> Key:
    """The key that an installation starts with."""
    return Key("", "", Role.OPERATOR, now, "gateway", label="first key of this installation")
