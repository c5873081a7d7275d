"""What is deleted while zeroing is in no file of the database after a scrub, wherever SQLite had moved it before."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from fieldwise_runtime import scrubbing
from fieldwise_runtime.database import Database, Durability

METADATA = sa.MetaData()
ROWS = sa.Table(
    "rows",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("bulk", sa.LargeBinary, nullable=False),
)


def rows(count: int) -> Iterator[dict[str, object]]:
    """Rows of all sizes, some on pages of their own."""
    chance = random.Random(3)
    for number in range(count):
        secret = f"SECRET-{number:06d}-"
        yield {"number": number, "secret": secret, "bulk": secret.encode() * chance.choice((0, 1, 20, 900))}


def secrets_in(folder: Path) -> set[int]:
    """Rows of which some byte string is in some file."""
    raw = b"".join(path.read_bytes() for path in folder.iterdir())
    return {int(number) for number in re.findall(rb"SECRET-(\d{6})-", raw)}


async def test_a_scrubbed_sqlite_holds_only_what_was_not_deleted(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'scrubbed.sqlite'}"
    database = Database.open(url, durability=Durability.PROCESS_CRASH)
    await database.write(lambda connection: METADATA.create_all(connection))
    written = list(rows(3_000))
    for start in range(0, len(written), 100):
        part = written[start : start + 100]
        await database.write(lambda connection, part=part: connection.execute(ROWS.insert(), part))  # type: ignore[misc]
    deleted = set(random.Random(4).sample(range(3_000), 1_000))

    def delete(connection: sa.Connection) -> None:
        with scrubbing.zeroing(connection):
            for number in deleted:
                connection.execute(ROWS.delete().where(ROWS.c.number == number))

    await database.write(delete)
    assert secrets_in(tmp_path) >= deleted, "without a scrub SQLite's log still holds them"
    scrubbing.scrub(url, ["rows"])
    assert secrets_in(tmp_path) == set(range(3_000)) - deleted
    await database.close()


async def test_postgresql_is_scrubbed_without_a_fault(postgres_database_url: str) -> None:
    database = Database.open(postgres_database_url, durability=Durability.PROCESS_CRASH)
    await database.write(lambda connection: METADATA.create_all(connection))
    await database.write(lambda connection: connection.execute(ROWS.insert(), list(rows(10))))

    def delete(connection: sa.Connection) -> int:
        with scrubbing.zeroing(connection):
            return connection.execute(ROWS.delete()).rowcount

    assert await database.write(delete) == 10
    scrubbing.scrub(postgres_database_url, ["rows", "no_such_table"])
    await database.close()
