"""One way to call either client, so that a test tries both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import fieldwise_client as fw

Ask = Callable[..., Any]


def asking(kind: str, address: str) -> Ask:
    """Calls a method of a client (`sync` or `async`) and gives its answer; iterators as lists."""

    def through_sync(method: str, *args: Any, most: int = 100, **more: Any) -> Any:
        with fw.Client(address) as made:
            answer = getattr(made, method)(*args, **more)
            return (
                [each for each, _ in zip(answer, range(most), strict=False)]
                if inspect.isgenerator(answer)
                else answer
            )

    def through_async(method: str, *args: Any, most: int = 100, **more: Any) -> Any:
        async def led() -> Any:
            async with fw.AsyncClient(address) as made:
                answer = getattr(made, method)(*args, **more)
                if not inspect.isasyncgen(answer):
                    return await answer
                found: list[Any] = []
                async for each in answer:
                    found.append(each)
                    if len(found) == most:
                        break
                return found

        return asyncio.run(led())

    return through_sync if kind == "sync" else through_async
