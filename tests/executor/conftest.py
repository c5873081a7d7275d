"""A local executor, and one on a real Dask cluster in processes of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from fieldwise_executor.executor import Executor, opened
from tests.executor.clusters import WORKERS


@pytest_asyncio.fixture(params=["local", "dask"])
async def executor(request: pytest.FixtureRequest) -> AsyncIterator[Executor]:
    where = "local" if request.param == "local" else request.getfixturevalue("cluster")
    made = await opened(where, WORKERS)
    yield made
    await made.close()
