"""Becomes another Python program that dies with its parent; run by path, knows no process of ours.

`python -I -S launcher.py PARENT_PID COMMAND...`: asks the kernel for SIGKILL when the parent dies, which survives exec
(prctl(2), PR_SET_PDEATHSIG), so that even kill -9 of the supervisor leaves no orphan. Elsewhere than on Linux it only
becomes the program.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def launched(command: "list[str]") -> "list[str]":
    """``command`` as a process that dies with this one."""
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), str(os.getpid()), *command]


def become(parent: int, command: list[str]) -> None:
    """Tie this process to ``parent`` and become ``command``; ends at once when the parent is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606  # becoming the command is what a launcher is for


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
