"""The event loop that servers run on; knows no server."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import uvloop


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a server's coroutine to its end, on uvloop.

    A decision passes through five loops; with asyncio's own it took a fifth longer (docs/decisions/0013).
    """
    uvloop.run(main)
