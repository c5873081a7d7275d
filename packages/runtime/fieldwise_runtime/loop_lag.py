"""How late an event loop does what is due: what makes every call slow at once; knows no server."""

from __future__ import annotations

import asyncio
from typing import Final

from fieldwise_runtime.metrics import histogram

_EVERY_SECONDS: Final = 0.25

LAG: Final = histogram(
    "fieldwise_loop_lag_seconds",
    "Seconds that the event loop was late, looked at four times a second.",
    bounds=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
)


async def measure() -> None:
    """Measures until it is cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _EVERY_SECONDS
        await asyncio.sleep(_EVERY_SECONDS)
        LAG.observe(max(0.0, loop.time() - due))
