"""Processes forked from the zygote, as the supervisor sees them; knows no program."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from fieldwise_client.supervisor import zygote
from fieldwise_client.supervisor.launcher import launched

_PR_SET_CHILD_SUBREAPER: Final = 36
_ANSWER_SECONDS: Final = 1.0


class Forked:
    """A process that was forked; as much of asyncio's own kind as a keeper uses."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._ended = asyncio.Event()
        self._descriptor = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._descriptor, self._reap)

    async def wait(self) -> int:
        """Its exit code, when it is over; that of a signal is negative."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        try:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        except ChildProcessError:
            self.returncode = 1
        self._ended.set()


class Spares:
    """The zygote, from its start to the end of the supervisor. Without it, or when it is not ready, nobody is forked."""

    def __init__(self) -> None:
        self._ours: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._ready = False
        self._one_asks = asyncio.Lock()

    @property
    def ready(self) -> bool:
        """Whether a process can be forked now."""
        return self._ready

    @property
    def pid(self) -> int | None:
        """The zygote's process."""
        return self._process.pid if self._process is not None else None

    async def prepare(self, modules: Sequence[str], environ: Mapping[str, str]) -> None:
        """Starts the zygote; returns when it has imported everything, or cannot."""
        if sys.platform != "linux":
            return
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._ours = ours
        with theirs:
            command = [
                sys.executable,
                "-m",
                zygote.__name__,
                str(theirs.fileno()),
                str(os.getpid()),
                *modules,
            ]
            self._process = await asyncio.create_subprocess_exec(
                *launched(command),
                env=dict(environ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        with contextlib.suppress(OSError):
            said = await asyncio.get_running_loop().sock_recv(ours, len(zygote.READY))
            self._ready = said == zygote.READY

    async def fork(self, module: str) -> Forked | None:
        """A new process that runs ``module``; None when there is none to be had, and one has to be started."""
        if not self._ready or self._ours is None:
            return None
        loop = asyncio.get_running_loop()
        output, theirs = os.pipe()
        try:
            async with self._one_asks:
                socket.send_fds(self._ours, [module.encode()], [theirs])
                raw = await asyncio.wait_for(loop.sock_recv(self._ours, 16), _ANSWER_SECONDS)
            (pid,) = struct.unpack(zygote.ANSWER, raw)
        except (OSError, TimeoutError, struct.error):
            # Whatever it may still answer is not waited for any more.
            self._ready = False
            os.close(output)
            return None
        finally:
            os.close(theirs)
        stdout = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdout), os.fdopen(output, "rb"))
        return Forked(pid, stdout)

    async def close(self) -> None:
        """Ends the zygote; what it forked lives on."""
        self._ready = False
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._ours is not None:
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0)
            self._ours.close()
