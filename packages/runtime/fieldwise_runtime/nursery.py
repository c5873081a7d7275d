"""A process with everything imported, from which a worker is forked for each job in milliseconds; knows no work.

It has no thread and serves nothing, so that forking is safe, and its workers share the memory of what it has imported.
"""

from __future__ import annotations

import gc
import os
import random
import selectors
import signal
import socket
import struct
import sys
from contextlib import suppress
from typing import Final

from fieldwise_runtime import worker_process

# What is told of a worker that has ended: its process, and its status as `subprocess` gives it.
ENDED: Final = "!ii"
_CALL: Final = 1


def main(channel: int, parent: int, memory: int, prepare: str) -> None:
    """Prepares once, then forks a worker for each pair of pipes that comes over the channel."""
    worker_process.begin(parent)
    worker_process.prepare(prepare)
    # What is here already is never freed: the collector of a worker need not touch, and so copy, its pages.
    gc.freeze()
    _Nursery(socket.socket(fileno=channel), memory).serve()


class _Nursery:
    def __init__(self, channel: socket.socket, memory: int) -> None:
        self._channel = channel
        self._memory = memory
        self._woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def serve(self) -> None:
        """Until the other end of the channel closes."""
        with selectors.DefaultSelector() as ready:
            ready.register(self._channel, selectors.EVENT_READ, self._fork)
            ready.register(self._woken, selectors.EVENT_READ, self._tell_ended)
            while all(key.data() for key, _ in ready.select()):
                pass

    def _fork(self) -> bool:
        """Start a worker; False when nobody is left to ask for one."""
        called, pipes, _, _ = socket.recv_fds(self._channel, _CALL, 2)
        if not called:
            return False
        me = os.getpid()
        if os.fork() == 0:
            self._work(me, *pipes)
        for pipe in pipes:
            os.close(pipe)
        return True

    def _work(self, nursery: int, job: int, to_parent: int) -> None:
        """The life of a worker; never returns."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._channel.close()
            # Otherwise all workers would draw the same ids for their spans.
            random.seed()
            worker_process.work(nursery, job, to_parent, self._memory)
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _tell_ended(self) -> bool:
        os.read(self._woken, 4096)
        with suppress(ChildProcessError, BrokenPipeError):
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                self._channel.send(struct.pack(ENDED, ended[0], os.waitstatus_to_exitcode(ended[1])))
        return True


if __name__ == "__main__":
    # Imported under its own name as well, so that its classes are the ones that others import.
    from fieldwise_runtime import nursery  # noqa: PLW0406  # __main__ is another module

    nursery.main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
