"""A service that cannot share its memory refuses to start twice on one PostgreSQL."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from fieldwise_runtime.errors import FailedPrecondition
from fieldwise_runtime.single import Single


async def test_a_second_process_is_refused_until_the_first_is_gone(postgres_database_url: str) -> None:
    first = await Single.claim(postgres_database_url, "recommend")
    with pytest.raises(
        FailedPrecondition, match="another process of recommend serves on this database"
    ) as refused:
        await Single.claim(postgres_database_url, "recommend", patience=0)
    assert refused.value.reason == "ALREADY_SERVED"
    other = await Single.claim(postgres_database_url, "forecast", patience=0)
    await first.close()
    second = await Single.claim(postgres_database_url, "recommend", patience=0)
    assert await second.held()
    await second.close()
    await other.close()


async def test_one_that_is_going_is_waited_for(postgres_database_url: str) -> None:
    first = await Single.claim(postgres_database_url, "recommend")
    waiting = asyncio.create_task(Single.claim(postgres_database_url, "recommend"))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await first.close()
    second = await asyncio.wait_for(waiting, 5)
    await second.close()


async def test_a_claim_lost_with_its_connection_is_made_again_unless_somebody_took_it(
    postgres_database_url: str,
) -> None:
    first = await Single.claim(postgres_database_url, "recommend")
    assert first._connection is not None
    backend = first._connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with psycopg.connect(postgres_database_url, autocommit=True) as operator:
        operator.execute("SELECT pg_terminate_backend(%s)", (backend,))
    second = await Single.claim(postgres_database_url, "recommend")
    assert [await first.held() for _ in range(2)] == [False, False]
    await second.close()
    assert await first.held()
    await first.close()


async def test_a_file_needs_no_claim(sqlite_database_url: str) -> None:
    for _ in range(2):
        assert await (await Single.claim(sqlite_database_url, "recommend")).held()
