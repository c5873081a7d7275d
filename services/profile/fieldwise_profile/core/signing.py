"""Statements that anybody can check: canonical words and an Ed25519 signature; knows no receipt and no log.

Source: RFC 8032. The signature is a function of key and statement alone, so signing again gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def statement(facts: Mapping[str, object]) -> str:
    """The facts as JSON with sorted keys and without spaces: one way to write them only."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def signature(seed: bytes, text: bytes) -> bytes:
    """64 bytes over the text."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(text)


def public_key(seed: bytes) -> bytes:
    """What others check with, 32 bytes."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def is_signed(public: bytes, text: bytes, signed: bytes) -> bool:
    """Whether the holder of the key signed this text."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signed, text)
    except (InvalidSignature, ValueError):
        return False
    return True
