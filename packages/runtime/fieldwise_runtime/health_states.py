"""The standard health service: states by name, told to whoever asks or watches; knows no service.

Not grpc's own: there, when one of several watchers goes (a peer that is restarted), the others never hear of a change again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_Answer = health_pb2.HealthCheckResponse
_SERVING: Final = _Answer.SERVING
_NOT_SERVING: Final = _Answer.NOT_SERVING


class HealthStates(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # its stub file declares it as Any
    """Serves Check and Watch. Used within one event loop."""

    def __init__(self) -> None:
        self._states: dict[str, bool] = {"": True}
        self._changed = asyncio.Event()
        self._watchers = 0
        self._leaving = False
        self._over = False

    @property
    def is_watched(self) -> bool:
        """Whether a peer would hear of a change."""
        return self._watchers > 0

    def set(self, name: str, serving: bool) -> None:
        """Tells everybody; after `leave` it does nothing."""
        if not self._leaving:
            self._states[name] = serving
            self._tell()

    def leave(self) -> None:
        """Nothing serves any more, for good: peers send their next calls elsewhere."""
        self._leaving = True
        self._states = dict.fromkeys(self._states, False)
        self._tell()

    def end(self) -> None:
        """Ends the streams of those who watch, so that a server that stops need not wait for them."""
        self._over = True
        self._tell()

    async def Check(self, request: Any, context: Any) -> Any:
        serving = self._states.get(request.service)
        if serving is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"{request.service} is not a name of this server")
        return _Answer(status=_SERVING if serving else _NOT_SERVING)

    async def Watch(self, request: Any, _context: Any) -> AsyncIterator[Any]:
        told: Any = None
        self._watchers += 1
        try:
            while not self._over:
                # Taken before the state is read: a change in between is not missed.
                changed = self._changed
                serving = self._states.get(request.service)
                state = _Answer.SERVICE_UNKNOWN if serving is None else _SERVING if serving else _NOT_SERVING
                if state != told:
                    told = state
                    yield _Answer(status=state)
                else:
                    await changed.wait()
        finally:
            self._watchers -= 1

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
