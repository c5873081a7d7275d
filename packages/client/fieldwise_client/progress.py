"""Lines that tell a person at a terminal what is going on, each with the seconds since the start."""

from __future__ import annotations

import sys
import time
from typing import TextIO

# Where lines cannot be rewritten, a count that runs is told this often.
_TELL_EVERY_SECONDS = 5.0


class Progress:
    """Prints lines; a running count rewrites its own line on a terminal."""

    def __init__(self, *, elapsed: float = 0.0, stream: TextIO | None = None) -> None:
        """Args:
        elapsed: Seconds that had passed already when this began.
        """
        self._begun = time.monotonic() - elapsed
        self._stream = stream or sys.stdout
        self._rewrites = self._stream.isatty()
        self._running = False
        self._told = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._begun

    def say(self, text: str) -> None:
        """One finished line."""
        self._write(("\r\033[K" if self._running else "") + self._stamped(text) + "\n")
        self._running = False

    def running(self, text: str) -> None:
        """Where a long step is now; the next line replaces it."""
        if self._rewrites:
            self._write("\r\033[K" + self._stamped(text))
            self._running = True
        elif time.monotonic() - self._told > _TELL_EVERY_SECONDS:
            self._told = time.monotonic()
            self._write(self._stamped(text) + "\n")

    def plain(self, text: str) -> None:
        """Text without a time before it."""
        self._write(("\r\033[K" if self._running else "") + text + "\n")
        self._running = False

    def _stamped(self, text: str) -> str:
        return f"{self.elapsed:6.1f} s  {text}"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
