"""How busy the databases of this process are; knows no table."""

from __future__ import annotations

from typing import Final, Protocol
from weakref import WeakSet

from fieldwise_runtime.metrics import Watched, histogram


class Queueing(Protocol):
    """What has writes that wait."""

    @property
    def queued(self) -> int:
        """Writes that wait for their commit."""
        ...


# A closed database goes with whoever held it.
OPEN: Final[WeakSet[Queueing]] = WeakSet()
QUEUE: Final = Watched(
    "fieldwise_database_queue",
    "Writes that wait for their commit; at 4096 further ones are refused.",
    lambda: float(sum(each.queued for each in list(OPEN))),
)
COMMIT: Final = histogram(
    "fieldwise_database_commit_seconds", "Seconds of one transaction with all writes that share it."
)
