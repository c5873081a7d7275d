"""Decisions for several customers at once, in asyncio; needs a running installation (`make run`)."""

import asyncio
import sys

from fieldwise_client import AsyncClient


async def main(customers: list[str]) -> None:
    """Print the action, its value and the first reason for each customer."""
    async with AsyncClient() as fw:
        for d in await fw.decide_many(customers):
            print(d.customer, d.action, d.value, *d.reasons[:1], sep="  ")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or ["1", "2", "3"]))
