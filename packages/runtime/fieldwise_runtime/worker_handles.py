"""Worker processes seen from their parent: started for one job, or forked for it from a nursery; knows no work."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Final, Protocol

from fieldwise_runtime.nursery import ENDED

_THREADS: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_ENDING_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.002


class Worker(Protocol):
    """A process for one job.

    Attributes:
        receive: The pipe that its messages come from.
        born: Its pid is known, and it may be fed; otherwise its first message is `worker_process.Born`.
    """

    receive: int
    born: bool

    def meet(self, pid: int) -> None:
        """Says which process it is."""
        ...

    def feed(self, job: bytes) -> None:
        """Gives the job; blocks until it is read."""
        ...

    def status(self) -> int | None:
        """How it ended, as `subprocess` says it; None while it lives."""
        ...

    def kill(self) -> None:
        """Ends it; `status` tells when it has ended."""
        ...

    def kill_now(self) -> None:
        """Ends it, and blocks until it has ended."""
        ...

    def close(self) -> None:
        """Closes the way to an ended process: a call that was cancelled early never got to feeding it."""
        ...


@dataclass
class Spawned:
    """A fresh interpreter."""

    process: subprocess.Popen[bytes]
    receive: int
    born: bool = True

    @classmethod
    def started(cls, *, memory: int = 0) -> Spawned:
        """Starts one; it ends with this process, or with its job.

        Args:
            memory: Bytes it may allocate; 0 sets no limit.
        """
        receive, send = os.pipe()
        try:
            process = _spawned("worker_process", send, str(memory), stdin=subprocess.PIPE)
        except BaseException:
            os.close(receive)
            raise
        finally:
            os.close(send)
        return cls(process, receive)

    def meet(self, pid: int) -> None:
        """It was known from its start."""

    def feed(self, job: bytes) -> None:
        assert self.process.stdin is not None
        # A worker that died at once shows itself when its outcome is read.
        with contextlib.suppress(BrokenPipeError), self.process.stdin:
            self.process.stdin.write(job)

    def status(self) -> int | None:
        return self.process.poll()

    def kill(self) -> None:
        self.process.kill()

    def kill_now(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()


@dataclass
class Nursery:
    """A process from which workers are forked; see the module of that name. Used by one event loop after another."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    memory: int
    _ended: dict[int, int] = field(default_factory=dict)

    @classmethod
    def started(cls, prepare: str, *, memory: int = 0) -> Nursery:
        """Starts one; it ends with this process.

        Args:
            prepare: ``module:function``, called once: what to import or to compile ahead.
            memory: Bytes that each worker may allocate; 0 sets no limit.
        """
        mine, its = socket.socketpair()
        with its:
            process = _spawned("nursery", its.fileno(), str(memory), prepare, stdin=subprocess.DEVNULL)
        mine.setblocking(False)
        return cls(process, mine, memory)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def worker(self) -> Forked:
        """A new worker; it comes to life once the nursery is ready.

        Raises:
            OSError: The nursery has ended.
        """
        receive, send = os.pipe()
        take, give = os.pipe()
        try:
            socket.send_fds(self.channel, [b"w"], [take, send])
        except BaseException:
            for pipe in (receive, give):
                os.close(pipe)
            raise
        finally:
            for pipe in (take, send):
                os.close(pipe)
        return Forked(self, receive, give)

    def status_of(self, pid: int) -> int | None:
        """How one of its workers ended, told once; None while it lives."""
        self._listen()
        if pid not in self._ended and not self.alive:
            return -signal.SIGKILL  # its workers end with it
        return self._ended.get(pid)

    def forget(self, pid: int) -> None:
        """A worker whose end is known needs no more memory."""
        self._ended.pop(pid, None)

    def close(self) -> None:
        """Ends it and its workers."""
        self.process.kill()
        self.process.wait()
        self.channel.close()

    def _listen(self) -> None:
        if self.channel.fileno() < 0:
            return  # closed, and all workers with it
        size = struct.calcsize(ENDED)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while len(told := self.channel.recv(size)) == size:
                pid, status = struct.unpack(ENDED, told)
                self._ended[pid] = status


@dataclass
class Forked:
    """A worker that a nursery forks."""

    nursery: Nursery
    receive: int
    give: int
    born: bool = False
    _pid: int = 0
    _given_up: bool = False

    def meet(self, pid: int) -> None:
        self._pid, self.born = pid, True

    def feed(self, job: bytes) -> None:
        # Taken first: `close` is called in another thread when the call is given up meanwhile.
        give, self.give = self.give, -1
        with contextlib.suppress(BrokenPipeError), os.fdopen(give, "wb") as pipe:
            pipe.write(job)

    def status(self) -> int | None:
        if not self.born:
            # Without its job it ends by itself, as soon as it comes to life.
            return -signal.SIGKILL if self._given_up or not self.nursery.alive else None
        return self.nursery.status_of(self._pid)

    def kill(self) -> None:
        self._given_up = True
        self.close()
        if self.born and self.status() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def kill_now(self) -> None:
        self.kill()
        until = time.monotonic() + _ENDING_SECONDS
        while self.status() is None and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)

    def close(self) -> None:
        if self.give >= 0:
            os.close(self.give)
            self.give = -1
        if self._pid and self.status() is not None:
            self.nursery.forget(self._pid)


def _spawned(module: str, pipe: int, *told: str, stdin: int) -> subprocess.Popen[bytes]:
    # Not asyncio's subprocesses: uvloop's fork the whole process, with gRPC's threads and their locks in it.
    return subprocess.Popen(
        [sys.executable, "-m", f"fieldwise_runtime.{module}", str(pipe), str(os.getpid()), *told],
        stdin=stdin,
        pass_fds=(pipe,),
        # The parent's path, so that what it can import can be imported there too.
        env={**os.environ, **_THREADS, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        # Ctrl-C goes to the whole foreground group; only the parent decides what it means for the work.
        start_new_session=True,
    )
