"""Pages of lists: sizes and opaque page tokens (AIP-158); knows no list."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

from fieldwise_runtime.errors import InvalidRequest, Violation

_CHECK_BYTES: Final = 6


def clamp_page_size(asked: int, default: int, most: int) -> int:
    """Items on a page: ``default`` when 0 was asked, never more than ``most``.

    Raises:
        InvalidRequest: A negative size was asked.
    """
    if asked < 0:
        raise InvalidRequest([Violation.of("page_size", asked, "give 0 or more")])
    return min(asked or default, most)


def page_token(cursor: str, scope: str) -> str:
    """A token for the page after ``cursor``.

    Args:
        scope: What is listed, with every filter; the token is refused for any other list.
    """
    raw = cursor.encode()
    return base64.urlsafe_b64encode(_check(raw, scope) + raw).decode().rstrip("=")


def cursor_of(token: str, scope: str) -> str:
    """The cursor inside a token; empty for the first page.

    Raises:
        InvalidRequest: The token was not given out for this list.
    """
    if not token:
        return ""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        check, cursor = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
        if check == _check(cursor, scope):
            return cursor.decode()
    except (binascii.Error, ValueError):
        pass  # Falls through to the one answer for every token that is not ours.
    remedy = "send next_page_token of the previous answer, with the same filters"
    raise InvalidRequest([Violation.of("page_token", token, remedy)])


def _check(raw: bytes, scope: str) -> bytes:
    # Against mistakes, not against attackers: a cursor shows nothing that the list does not.
    return hashlib.blake2b(
        raw, digest_size=_CHECK_BYTES, key=hashlib.blake2b(scope.encode()).digest()[:32]
    ).digest()
