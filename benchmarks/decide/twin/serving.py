"""One service of the twin as a process: FastAPI on uvicorn, without access logs and tracing; knows no route."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import uvicorn
from fastapi import FastAPI

Opening = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def serve(app: FastAPI) -> None:
    """Serve on the port that is the first argument until SIGTERM."""
    port = int(sys.argv[1])
    # A connection outlives the pauses between rounds: opening one anew is none of the twin's work.
    uvicorn.run(
        app, host="127.0.0.1", port=port, log_level="warning", access_log=False, timeout_keep_alive=600
    )
