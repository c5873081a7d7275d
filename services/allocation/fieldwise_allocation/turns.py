"""Turns of solves that share two cores: who must wait has a span for it; knows no solve."""

from __future__ import annotations

import asyncio
from typing import Literal

from fieldwise_runtime import tracing


class Turns(asyncio.Semaphore):
    """A semaphore whose waiting shows in the trace of who waits."""

    async def acquire(self) -> Literal[True]:
        """Takes a turn as soon as there is one."""
        if not self.locked():
            return await super().acquire()
        with tracing.step("wait for a turn"):
            return await super().acquire()
