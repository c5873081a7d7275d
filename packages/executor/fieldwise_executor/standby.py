"""Where the worker processes of this machine come from: fresh, or forked from one that has imported everything; knows no work."""

from __future__ import annotations

from dataclasses import dataclass

from fieldwise_runtime.worker_handles import Nursery, Spawned, Worker


@dataclass(frozen=True)
class Readiness:
    """How worker processes of this machine are started.

    Args:
        prepare: ``module:function`` that a standby process calls once; each worker is then forked from it in
            milliseconds. It takes the memory of what it imports, from the first work on. Empty: no standby.
        memory: Bytes that a worker may allocate; 0 sets no limit.
    """

    prepare: str = ""
    memory: int = 0


class Standby:
    """Gives workers. The standby process starts with the first work: a service that nobody asks pays nothing."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness
        self._nursery: Nursery | None = None

    def worker(self) -> Worker:
        """A process for one work."""
        if not self._readiness.prepare:
            return Spawned.started(memory=self._readiness.memory)
        if self._nursery is None or not self._nursery.alive:
            self.close()
            self._nursery = Nursery.started(self._readiness.prepare, memory=self._readiness.memory)
        return self._nursery.worker()

    def close(self) -> None:
        """Ends the standby process, and with it what it has forked."""
        if self._nursery is not None:
            self._nursery.close()
            self._nursery = None
