"""API keys as text: how one is written, what is stored of it; knows no table and makes no chance."""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

from fieldwise_gateway.core.access import Role

ID_BYTES: Final = 10
SECRET_BYTES: Final = 32
_FORM: Final = re.compile(r"fw_([a-z2-7]{16})_[A-Za-z0-9_-]{43}", re.ASCII)


def written(id_: str, secret: bytes) -> str:
    """``fw_<id>_<random>``: 80 bits to name the key, 256 that nobody guesses."""
    return f"fw_{id_}_{urlsafe_b64encode(secret).decode().rstrip('=')}"


def id_of(id_bytes: bytes) -> str:
    """16 small letters and digits."""
    return b32encode(id_bytes).decode().lower()


def id_in(text: str) -> str:
    """The id of a key; empty for what is no key."""
    found = _FORM.fullmatch(text)
    return found[1] if found else ""


def digest(text: str) -> str:
    """SHA-256 of a key, in hex: all that is stored. A key has 256 bits of chance, so that no salt or slow hash adds to it."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Key:
    """What is stored of an API key. Times are seconds since 1970 UTC, None for never.

    Attributes:
        previous_digest: Of the secret before the last rotation, which works until ``previous_until``.
        scopes: Narrows those of the role; empty leaves them all.
        last_used_day: ``YYYY-MM-DD``, empty for never.
        calls_per_second: 0 means without a limit.
    """

    id: str
    digest: str
    role: Role
    created: float
    created_by: str
    label: str = ""
    scopes: tuple[str, ...] = ()
    reps: tuple[str, ...] = ()
    calls_per_second: float = 0.0
    burst: int = 0
    expires: float | None = None
    previous_digest: str = ""
    previous_until: float | None = None
    revoked: float | None = None
    last_used_day: str = ""

    def is_live(self, now: float) -> bool:
        return self.revoked is None and (self.expires is None or now < self.expires)

    def opens(self, shown: str, now: float) -> bool:
        """Whether the secret with this digest works now, were the key live."""
        if shown == self.digest:
            return True
        overlap = self.previous_until is not None and now < self.previous_until
        return overlap and shown == self.previous_digest
