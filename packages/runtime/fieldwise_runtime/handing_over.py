"""Holds calls back while another process takes over from this one; knows no method and no process."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from fieldwise_runtime.calls import Call
from fieldwise_runtime.errors import Unavailable


class HandingOver:
    """A gatekeeper, the first of all. Calls that come while it is shut wait, and are sent on to the other process then."""

    def __init__(self) -> None:
        self._running: set[Call] = set()
        self._shut = False
        self._opened = asyncio.Event()
        self._idle = asyncio.Event()

    def shut(self) -> None:
        """From now on calls wait."""
        self._shut = True
        self._look()

    async def idle(self, seconds: float) -> None:
        """Wait for the calls that run already, at most so long."""
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return

    def send_on(self) -> None:
        """Those who wait are answered UNAVAILABLE, which their channels take for a reason to ask the other process."""
        self._opened.set()

    async def enter(self, call: Call) -> None:
        """Raises Unavailable, after a wait, once it is shut."""
        if not self._shut:
            # Streams of changes end only when somebody leaves: nothing is lost with them.
            if not call.path.rpartition("/")[2].startswith("Watch"):
                self._running.add(call)
            return
        await self._opened.wait()
        raise Unavailable("HANDED_OVER", "another process has taken over; send the request again")

    async def check(self, call: Call, request: Any) -> None:
        """Requests are none of its business."""

    async def passes(self, call: Call, answer: Any) -> None:
        """Nor are answers."""

    def leave(self, call: Call, code: grpc.StatusCode) -> None:
        """One less that runs."""
        self._running.discard(call)
        self._look()

    def _look(self) -> None:
        if self._shut and not self._running:
            self._idle.set()
