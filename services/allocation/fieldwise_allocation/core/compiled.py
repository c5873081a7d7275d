"""Compiles an inner loop over arrays; knows no loop."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
T = TypeVar("T")

_CORE = Path(__file__).parent


def compiled(function: Callable[P, T]) -> Callable[P, T]:
    """The function as machine code, made at its first call and kept on disk; it runs without the interpreter's lock.

    Sums keep the order in which they are written, so that the same input gives the same output bit for bit.
    """
    try:
        return cast("Callable[P, T]", numba.njit(cache=True, nogil=True, fastmath=False)(function))
    except RuntimeError:
        # No folder to keep it in: an installation that may only be read, without NUMBA_CACHE_DIR.
        return cast("Callable[P, T]", numba.njit(nogil=True, fastmath=False)(function))


def _sources() -> str:
    """Changes with any file of the core that has compiled code."""
    texts = (file.read_bytes() for file in sorted(_CORE.rglob("*.py")))
    return hashlib.sha256(b"".join(text for text in texts if b"import compiled" in text)).hexdigest()[:16]


# numba looks at the file of a function only: a change in a function that it calls from another file would go unseen.
_folder: str = numba.config.CACHE_DIR  # type: ignore[attr-defined]  # numba makes its settings when it is imported
numba.config.CACHE_DIR = str(Path(_folder or _CORE / "__pycache__") / f"compiled-{_sources()}")  # type: ignore[attr-defined]  # likewise
