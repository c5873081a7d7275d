"""What the processes write: all of it into a file each, warnings and errors to the terminal as well."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

# A file is set aside when it is this large at a start: one older copy is kept.
LARGEST_FILE_BYTES: Final = 16 * 1024 * 1024
_CHUNK_BYTES: Final = 64 * 1024
_LONGEST_LINE_BYTES: Final = 1024 * 1024
_LOUD: Final = frozenset({"WARNING", "ERROR", "CRITICAL"})


class Journal:
    """The log file of one process, and its last lines."""

    def __init__(self, name: str, folder: Path, show: Callable[[str], None], *, verbose: bool) -> None:
        self._name = name
        self._show = show
        self._verbose = verbose
        self.last: deque[str] = deque(maxlen=20)
        self.path = folder / f"{name}.log"
        folder.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size > LARGEST_FILE_BYTES:
            self.path.replace(self.path.with_suffix(".log.1"))
        self._file = self.path.open("ab", buffering=0)

    async def follow(self, stream: asyncio.StreamReader) -> None:
        """Takes lines until the process closes its end."""
        rest = b""
        while chunk := await stream.read(_CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LONGEST_LINE_BYTES:
                lines, rest = [*lines, rest], b""
            self._take(lines)
        self._take([rest] if rest else [])

    def close(self) -> None:
        """Ends the file; may be called again."""
        self._file.close()

    def _take(self, lines: list[bytes]) -> None:
        if not lines:
            return
        self._file.write(b"\n".join(lines) + b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip()
            self.last.append(text)
            if text and (self._verbose or _is_loud(text)):
                self._show(f"{self._name:<10} | {readable(text)}")


def _is_loud(line: str) -> bool:
    """A line that is no log line of ours is a crash on its way."""
    fields = _fields(line)
    return fields is None or fields.get("level") in _LOUD


def readable(line: str) -> str:
    """A JSON log line as a person reads it: level, event, fields; any other line as it is."""
    fields = _fields(line)
    if fields is None:
        return line
    hidden = ("time", "level", "service", "logger", "event", "exception")
    told = " ".join(f"{name}={value}" for name, value in fields.items() if name not in hidden)
    text = f"{fields.get('level', 'INFO')} {fields.get('event', '')} {told}".rstrip()
    return f"{text}\n{fields['exception']}" if "exception" in fields else text


def _fields(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
