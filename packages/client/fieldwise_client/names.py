"""Resource names: what an app writes -> what the contracts want. Knows no message."""

from __future__ import annotations

import uuid


def resource(collection: str, name: str) -> str:
    """``C-00417`` -> ``customers/C-00417``; a full name stays as it is."""
    return name if name.startswith(f"{collection}/") else f"{collection}/{name}"


def short(name: str) -> str:
    """``actions/win-back-call`` -> ``win-back-call``."""
    return name.partition("/")[2] or name


def new_request_id() -> str:
    """An id no other request has."""
    return str(uuid.uuid4())
