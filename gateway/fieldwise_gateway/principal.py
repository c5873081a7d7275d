"""Who calls, for whatever runs in his call: ``principal.current()``; knows no key and no header."""

from __future__ import annotations

from contextvars import ContextVar

from fieldwise_gateway.core.access import Principal

_current: ContextVar[Principal | None] = ContextVar("fieldwise_principal", default=None)


def current() -> Principal | None:
    """Who made the call that this runs in; None outside of calls."""
    return _current.get()


def current_name() -> str:
    """His name for logs, such as ``apiKeys/{id}``; empty outside of calls."""
    found = _current.get()
    return "" if found is None else found.name


def begin(caller: Principal) -> None:
    """This call is his. Needs no undoing: each call is its own task."""
    _current.set(caller)
