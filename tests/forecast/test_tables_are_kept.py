"""What is kept of tables, in both databases."""

from __future__ import annotations

import asyncio
from functools import partial

from fieldwise_forecast.__main__ import PACKAGE
from fieldwise_forecast.store import tables
from fieldwise_forecast.store.tables import TableFile, Training
from fieldwise_runtime import migrations
from fieldwise_runtime.database import Database
from tests.forecast.forecast_worlds import NOW


def file(table: str, checksum: str = "a" * 64) -> TableFile:
    return TableFile(table, 20_000_000_000, checksum, False, NOW)


async def test_tables_and_their_trainings_are_kept_replaced_and_forgotten(database_url: str) -> None:
    await asyncio.to_thread(migrations.migrate, database_url, PACKAGE)
    db = Database.open(database_url)
    try:
        for each in (file("b"), file("a"), file("c"), file("b", "b" * 64)):
            await db.write(partial(tables.put, dialect=db.dialect, file=each))
        await db.write(lambda connection: tables.complete(connection, "b"))
        listed = await db.read(lambda connection: tables.page(connection, "a", 5))
        assert [(each.id, each.checksum[0], each.complete) for each in listed] == [
            ("b", "b", True),
            ("c", "a", False),
        ]
        assert listed[0].created == NOW
        for number in (1, 2):
            done = Training(number, b"\0report")
            await db.write(
                partial(tables.remember, dialect=db.dialect, table="b", fingerprint="f", done=done)
            )
        assert await db.read(lambda connection: tables.training(connection, "b", "f")) == Training(
            2, b"\0report"
        )
        assert await db.read(lambda connection: tables.training(connection, "b", "g")) is None
        await db.write(lambda connection: tables.remove(connection, "b"))
        assert await db.read(lambda connection: tables.named(connection, "b")) is None
        assert await db.read(lambda connection: tables.training(connection, "b", "f")) is None
    finally:
        await db.close()
