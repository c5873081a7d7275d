"""Compiles an inner loop over arrays; knows no loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
T = TypeVar("T")


def compiled(function: Callable[P, T]) -> Callable[P, T]:
    """The function as machine code, made at its first call and kept on disk; it runs without the interpreter's lock.

    Sums keep the order in which they are written, so that the same input gives the same output bit for bit.
    """
    try:
        return cast("Callable[P, T]", numba.njit(cache=True, nogil=True, fastmath=False)(function))
    except RuntimeError:  # no folder to keep it in: an installation that may only be read, without NUMBA_CACHE_DIR
        return cast("Callable[P, T]", numba.njit(nogil=True, fastmath=False)(function))
