"""API keys in the gateway's database: hashes, never a secret, and the number of their last change. Knows no call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import sqlalchemy as sa

from fieldwise_gateway.core.access import Role
from fieldwise_gateway.core.keys import Key
from fieldwise_gateway.store import metadata
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import AlreadyExists, FailedPrecondition, NotFound

keys_table = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True, comment="the middle of the key's text"),
    sa.Column("request_id", sa.String(64), nullable=False, unique=True),
    sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of the whole key"),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("label", sa.String(128), nullable=False),
    sa.Column("scopes", sa.Text, nullable=False, comment="JSON list; empty: all of the role"),
    sa.Column("reps", sa.Text, nullable=False, comment="JSON list of reps/{id}"),
    sa.Column("calls_per_second", sa.Float, nullable=False, comment="0: no limit"),
    sa.Column("burst", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(128), nullable=False),
    sa.Column("created_micros", sa.BigInteger, nullable=False, comment="wall clock, since 1970 UTC"),
    sa.Column("expires_micros", sa.BigInteger),
    sa.Column("previous_digest", sa.String(64), nullable=False, comment="before the last rotation"),
    sa.Column("previous_until_micros", sa.BigInteger),
    sa.Column("revoked_micros", sa.BigInteger),
    sa.Column("last_used_day", sa.String(10), nullable=False),
)

state_table = sa.Table(
    "api_keys_state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, comment="always 1"),
    sa.Column("version", sa.BigInteger, nullable=False, comment="grows with every change of a key"),
)


class KeyStore:
    """The keys of an installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def version(self) -> int:
        """Grows with every change of any key; a key's last day is no change."""
        return await self._database.read(_version)

    async def all(self) -> tuple[int, dict[str, Key]]:
        """Every key by id, and the version that they stand at."""

        def work(connection: sa.Connection) -> tuple[int, dict[str, Key]]:
            # The version first: a change between the two reads is then seen again, never missed.
            version = _version(connection)
            rows = connection.execute(sa.select(keys_table)).mappings()
            return version, {row["id"]: _key(row) for row in rows}

        return await self._database.read(work)

    async def add(self, key: Key, request_id: str) -> None:
        """Keep a new key.

        Raises:
            AlreadyExists: REQUEST_ID_REUSED; a key was made with this request_id, and shown to whoever made it.
        """

        def work(connection: sa.Connection) -> None:
            _changing(connection)
            table = keys_table.c
            made = connection.execute(sa.select(table.id).where(table.request_id == request_id)).scalar()
            if made is not None:
                remedy = f"its secret was shown once; if it was lost, rotate apiKeys/{made}, else send a new request_id"
                raise AlreadyExists(f"a key of request_id {request_id!r}", remedy, reason="REQUEST_ID_REUSED")
            connection.execute(keys_table.insert().values(_row(key, request_id)))

        await self._database.write(work)

    async def add_first(self, key: Key, shown: Callable[[], None]) -> bool:
        """Keep the first key of an installation; False, and nothing is kept, when it has one already.

        Args:
            shown: Puts the secret where its holder finds it, before the key is kept: a key nobody was shown would lock all out.
        """

        def work(connection: sa.Connection) -> bool:
            _changing(connection)
            if connection.execute(sa.select(sa.func.count()).select_from(keys_table)).scalar():
                return False
            shown()
            connection.execute(keys_table.insert().values(_row(key, "first")))
            return True

        return await self._database.write(work)

    async def change(self, id_: str, change: Callable[[Key, Mapping[str, Key]], Key]) -> Key:
        """Replace a key by what ``change`` makes of it and of all keys; what it raises changes nothing.

        Raises:
            NotFound: API_KEY_NOT_FOUND.
        """

        def work(connection: sa.Connection) -> Key:
            _changing(connection)
            rows = connection.execute(sa.select(keys_table)).mappings()
            every = {row["id"]: _key(row) for row in rows}
            if id_ not in every:
                raise NotFound(f"apiKeys/{id_}", "list them with ListApiKeys", reason="API_KEY_NOT_FOUND")
            changed = change(every[id_], every)
            values = _row(changed, "")
            del values["request_id"]
            connection.execute(keys_table.update().where(keys_table.c.id == id_).values(values))
            return changed

        return await self._database.write(work)

    async def used(self, days: Mapping[str, str]) -> None:
        """Note the day each of these keys was last used."""

        def work(connection: sa.Connection) -> None:
            for id_, day in days.items():
                chosen = keys_table.update().where(keys_table.c.id == id_)
                connection.execute(chosen.values(last_used_day=day))

        await self._database.write(work)


def revoked(key: Key, every: Mapping[str, Key], now: float) -> Key:
    """The key, revoked; one that was revoked before stays as it is.

    Raises:
        FailedPrecondition: LAST_OPERATOR_KEY; without it nobody could make a key any more.
    """
    if key.revoked is not None:
        return key
    operators = [each for each in every.values() if _rules(each, now)]
    if operators == [key]:
        remedy = "make another key of role operator first, without an end and with all scopes"
        raise FailedPrecondition(
            "LAST_OPERATOR_KEY", f"apiKeys/{key.id} is the last key that can make keys; {remedy}"
        )
    return replace(key, revoked=now)


def _rules(key: Key, now: float) -> bool:
    return key.role is Role.OPERATOR and key.is_live(now) and key.expires is None and not key.scopes


def _version(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(state_table.c.version)).scalar() or 0)


def _changing(connection: sa.Connection) -> None:
    # First of all: on PostgreSQL this row makes changes of several gateways wait for each other.
    connection.execute(state_table.update().values(version=state_table.c.version + 1))


def _micros(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e6)


def _seconds(micros: int | None) -> float | None:
    return None if micros is None else micros / 1e6


def _row(key: Key, request_id: str) -> dict[str, object]:
    return {
        "id": key.id,
        "request_id": request_id,
        "digest": key.digest,
        "role": key.role.value,
        "label": key.label,
        "scopes": json.dumps(key.scopes),
        "reps": json.dumps(key.reps),
        "calls_per_second": key.calls_per_second,
        "burst": key.burst,
        "created_by": key.created_by,
        "created_micros": _micros(key.created),
        "expires_micros": _micros(key.expires),
        "previous_digest": key.previous_digest,
        "previous_until_micros": _micros(key.previous_until),
        "revoked_micros": _micros(key.revoked),
        "last_used_day": key.last_used_day,
    }


def _key(row: sa.RowMapping) -> Key:
    return Key(
        id=row["id"],
        digest=row["digest"],
        role=Role(row["role"]),
        created=row["created_micros"] / 1e6,
        created_by=row["created_by"],
        label=row["label"],
        scopes=tuple(json.loads(row["scopes"])),
        reps=tuple(json.loads(row["reps"])),
        calls_per_second=row["calls_per_second"],
        burst=row["burst"],
        expires=_seconds(row["expires_micros"]),
        previous_digest=row["previous_digest"],
        previous_until=_seconds(row["previous_until_micros"]),
        revoked=_seconds(row["revoked_micros"]),
        last_used_day=row["last_used_day"],
    )
