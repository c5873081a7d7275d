"""A process that has imported every process's program, from which one that died is forked anew in milliseconds; serves nothing.

Run by the supervisor through the launcher: `python -m fieldwise_client.supervisor.zygote CHANNEL SUPERVISOR MODULE...`. It has
no thread, so that forking is safe. What it forks is handed to the supervisor as its own child (prctl(2),
PR_SET_CHILD_SUBREAPER): neither the death of this process nor that of the supervisor leaves anybody wrongly alive or dead.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import random
import runpy
import signal
import socket
import struct
import sys
import time
from types import ModuleType
from typing import Final

from fieldwise_client.supervisor.launcher import PR_SET_PDEATHSIG

# What is answered to each module's name: the process that was forked.
ANSWER: Final = "!i"
READY: Final = b"ready"
# Between two imports: those who serve come first.
_PAUSE_SECONDS: Final = 0.3
_HANDED_OVER_SECONDS: Final = 1.0
_PR_SET_NAME: Final = 15


def main(channel: int, supervisor: int, modules: list[str]) -> None:
    """Imports, then forks a process for each name that comes with a pipe to write to; ends with the channel."""
    for module in modules:
        importlib.import_module(f"{module}.__main__")
        time.sleep(_PAUSE_SECONDS)
    # Never freed: the collectors of the forked need not touch, and so copy, its pages.
    gc.collect()
    gc.freeze()
    if len(os.listdir("/proc/self/task")) > 1:
        sys.exit("a program starts a thread when it is imported: it cannot be forked")
    with socket.socket(fileno=channel) as asked:
        asked.send(READY)
        while True:
            name, pipes, _, _ = socket.recv_fds(asked, 256, 1)
            if not name:
                return
            middle = os.fork()
            if middle == 0:
                _hand_over(asked, supervisor, name.decode(), *pipes)
            for pipe in pipes:
                os.close(pipe)
            os.waitpid(middle, 0)


def _hand_over(asked: socket.socket, supervisor: int, module: str, output: int) -> None:
    """Forks once more and ends, so that the forked becomes the supervisor's child; never returns."""
    pid = os.fork()
    if pid:
        asked.send(struct.pack(ANSWER, pid))
        os._exit(0)
    status = 1
    try:
        asked.close()
        _become(supervisor, output)
        status = _run(module)
    except (
        BaseException
    ) as error:  # what the interpreter would say of it; then nothing of the parent's may run
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _become(supervisor: int, output: int) -> None:
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    # Otherwise all that are forked would draw the same ids for their spans.
    random.seed()
    ends = time.monotonic() + _HANDED_OVER_SECONDS
    while os.getppid() != supervisor and time.monotonic() < ends:
        time.sleep(0.001)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != supervisor:
        sys.exit("the supervisor is gone")


def reached(start: str) -> set[str]:
    """Modules of ours that a module uses, directly or through others: what would be imported if it were started by itself."""
    found: set[str] = set()
    due = [start]
    while due:
        name = due.pop()
        if name in found or not name.startswith("fieldwise_") or name not in sys.modules:
            continue
        found.add(name)
        for value in vars(sys.modules[name]).values():
            of = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            if isinstance(of, str):
                due.append(of)
    return found


def _run(module: str) -> int:
    sys.argv = [module]
    # For ps and top; the command line stays that of the zygote. The kernel takes 15 characters.
    ctypes.CDLL(None).prctl(_PR_SET_NAME, module.removeprefix("fieldwise_")[:15].encode())
    # Figures of other processes' programs are none of its own.
    importlib.import_module("fieldwise_runtime.metrics").keep_only(reached(f"{module}.__main__"))
    # It runs as __main__ now; runpy warns of a second one.
    sys.modules.pop(f"{module}.__main__", None)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
            return 1
        return end.code or 0
    return 0


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
