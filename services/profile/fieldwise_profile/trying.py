"""Work beside the calls that is tried again when it fails, and says so in the log; knows no work of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fieldwise_runtime.errors import reason_of
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

T = TypeVar("T")


class Trying:
    """Tries works that are repeated many times a second: a fault is logged when it begins, when it changes and when it ends."""

    def __init__(self) -> None:
        self._failing: dict[str, str] = {}

    async def result(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """What the work gives; None when it fails. Cancelling goes through."""
        name = getattr(work, "__qualname__", repr(type(work)))
        try:
            found = await work()
        except Exception as error:
            self._fails(name, reason_of(error))
            return None
        if self._failing.pop(name, None) is not None:
            log.info("background work goes on", work=name)
        return found

    def _fails(self, name: str, fault: str) -> None:
        if self._failing.get(name) != fault:
            self._failing[name] = fault
            log.warning("background work failed, is tried again", work=name, fault=fault)
