"""The interface to heavy work, the same for a pool of local processes and for a cluster; knows no work and no service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any, Protocol, TypeVar

from fieldwise_executor.kept import Kept
from fieldwise_executor.standby import Readiness

T = TypeVar("T")
A = TypeVar("A")

LOCAL = "local"


class Executor(Protocol):
    """Runs module-level functions of installed packages elsewhere; arguments and results must pickle."""

    @property
    def processes(self) -> int:
        """How much is done at once."""
        ...

    async def run(
        self,
        work: Callable[..., T],
        *arguments: object,
        timeout: float,
        on_message: Callable[[Any], None] | None = None,
    ) -> T:
        """Runs ``work(*arguments)`` and returns its result; in the same trace. Cancelling the caller gives the work up.

        Args:
            timeout: Seconds, further limited by the deadline of the call being served.
            on_message: Gets, in the event loop, what the work passes to `worker_process.report`, in order.
        Raises:
            WorkerDied: The process ended without a result.
            WorkerFailed: The work raised; a FieldwiseError is raised here as it is instead.
            DeadlineExceeded: Reason WORKER_TIMEOUT.
        """
        ...

    def each(
        self,
        work: Callable[[A], T],
        items: Iterable[A],
        *,
        timeout: float,
        at_a_time: int = 8,
        kept: Kept | None = None,
    ) -> AsyncGenerator[tuple[int, T], None]:
        """Runs ``work`` on every item and gives (index, result) as they come, in no order.

        Items are taken from ``items`` only as they are needed, and what is finished is not held: memory is bounded by what is
        in work, ``at_a_time`` items for each process. An item whose process dies is tried once more. Leaving the loop gives
        up what is not done.

        Args:
            timeout: Seconds for one slice of ``at_a_time`` items.
            kept: Results of an earlier run that was broken off are taken from here, new ones are put there.
        Raises:
            WorkerDied: An item's process died twice.
            WorkerFailed, DeadlineExceeded: As from `run`.
        """
        ...

    async def close(self) -> None:
        """Give up what is under way."""
        ...


async def opened(where: str, processes: int, readiness: Readiness | None = None) -> Executor:
    """The executor of a setting: ``local``, or the address of a Dask scheduler such as ``tcp://10.0.0.7:8786``.

    Args:
        readiness: How local processes are started; a cluster's are started by itself.
    Raises:
        Unavailable: Reason CLUSTER_UNAVAILABLE, no scheduler answers there.
        FailedPrecondition: Reason NO_DASK, the extra is not installed.
    """
    if where == LOCAL:
        from fieldwise_executor.local import LocalExecutor

        return LocalExecutor(processes, readiness)
    from fieldwise_executor.on_dask import DaskExecutor

    return await DaskExecutor.connected(where)
