"""Sealing bytes with AES-256-GCM, and keys with other keys; knows no file and no table.

A sealed text is a byte of its form, a nonce of 12 bytes, then cipher text and tag. What it belongs to is bound to it as
associated data: moved to another customer or event it does not open.
Source: NIST SP 800-38D; envelope encryption as in Google's and Amazon's key services.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
FORM: Final = b"\x01"
_HEAD: Final = 1 + NONCE_BYTES
_PSEUDONYM_BYTES: Final = 12

# Gives that many bytes nobody can foresee.
Chance = Callable[[int], bytes]


class NotOurs(Exception):
    """A sealed text was changed, belongs elsewhere, or was sealed with another key."""


class Cipher:
    """One key, ready to seal with."""

    __slots__ = ("_aead", "_key")

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._key = key

    def seal(self, plain: bytes, belongs_to: bytes, chance: Chance) -> bytes:
        """The plain bytes, sealed. A nonce is never used twice: 2^32 texts of one key keep that below 2^-32."""
        nonce = chance(NONCE_BYTES)
        return FORM + nonce + self._aead.encrypt(nonce, plain, belongs_to)

    def open(self, sealed: bytes, belongs_to: bytes) -> bytes:
        """The plain bytes again.

        Raises:
            NotOurs: They were not sealed with this key for this place.
        """
        if sealed[:1] != FORM:
            raise NotOurs("the first byte is no form of sealing that is known here")
        try:
            return self._aead.decrypt(sealed[1:_HEAD], sealed[_HEAD:], belongs_to)
        except (InvalidTag, ValueError):
            raise NotOurs("the text does not open with this key for this place") from None

    def pseudonym(self, of: str) -> str:
        """A name for somebody that nobody can tell without the key: 24 hexadecimal digits."""
        return hmac.digest(self._key, b"pseudonym\0" + of.encode(), hashlib.sha256)[:_PSEUDONYM_BYTES].hex()


def place(*parts: str) -> bytes:
    """Associated data: where a text belongs. No part holds a zero character."""
    return "\0".join(parts).encode()
