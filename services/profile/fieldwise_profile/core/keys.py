"""The installation's keys and the form of their file; knows no file.

The file holds what must not lie in the database: the keys that wrap the customers' keys (each with its version; the newest
wraps, older ones only unwrap until nothing needs them), the root of the blind index, the key that signs receipts, and the key
of dead letters whose customer is not known.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from fieldwise_profile.core import blind
from fieldwise_profile.core.envelope import KEY_BYTES, Chance, Cipher, NotOurs, place

FILE_VERSION: Final = 1
_SINGLE: Final = ("index", "receipts", "dead_letters")


class WrongKeys(Exception):
    """The file is no key file; the message says what is wrong, never what stands in it."""


class RetiredKey(Exception):
    """A customer's key is wrapped with a version that the key file no longer holds."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} of the wrapping key was retired")
        self.version = version


@dataclass(frozen=True)
class Wrapped:
    """A customer's key as it is stored."""

    version: int
    sealed: bytes


@dataclass(frozen=True)
class KeyRing:
    """All keys of the installation; never printed.

    Args:
        wrapping: Keys that wrap customers' keys, by version, from 1.
        index: Root of the blind index.
        receipts: Seed of the Ed25519 key that signs receipts and the heads of the audit log.
        dead_letters: Seals rejected events whose customer is not known.
    """

    wrapping: Mapping[int, bytes] = field(repr=False)
    index: bytes = field(repr=False)
    receipts: bytes = field(repr=False)
    dead_letters: bytes = field(repr=False)

    @property
    def newest(self) -> int:
        """The version that wraps."""
        return max(self.wrapping)

    def blind(self, field: str, value: str) -> bytes:
        """The value's place in the blind index, 16 bytes."""
        return blind.blind(self.index, field, value)

    def new_customer_key(self, customer: str, chance: Chance) -> tuple[bytes, Wrapped]:
        """A key for a customer, and as it is stored."""
        key = chance(KEY_BYTES)
        return key, self.wrap(key, customer, chance)

    def wrap(self, key: bytes, customer: str, chance: Chance) -> Wrapped:
        """A customer's key under the newest wrapping key."""
        version = self.newest
        sealed = Cipher(self.wrapping[version]).seal(key, _owner(customer, version), chance)
        return Wrapped(version, sealed)

    def unwrap(self, wrapped: Wrapped, customer: str) -> bytes:
        """A customer's key.

        Raises:
            RetiredKey: Its wrapping key is not in the file any more.
            NotOurs: The row was changed or is another customer's.
        """
        wrapping = self.wrapping.get(wrapped.version)
        if wrapping is None:
            raise RetiredKey(wrapped.version)
        return Cipher(wrapping).open(wrapped.sealed, _owner(customer, wrapped.version))

    def turned(self, chance: Chance) -> KeyRing:
        """With a new wrapping key beside the old ones."""
        added = {**self.wrapping, self.newest + 1: chance(KEY_BYTES)}
        return replace(self, wrapping=MappingProxyType(added))

    def retired(self) -> KeyRing:
        """With the newest wrapping key only."""
        newest = self.newest
        return replace(self, wrapping=MappingProxyType({newest: self.wrapping[newest]}))


def _owner(customer: str, version: int) -> bytes:
    return place("customer key", customer, str(version))


def generated(chance: Chance) -> KeyRing:
    """New keys for a new installation."""
    wrapping = MappingProxyType({1: chance(KEY_BYTES)})
    return KeyRing(wrapping, chance(KEY_BYTES), chance(KEY_BYTES), chance(KEY_BYTES))


def written(ring: KeyRing) -> bytes:
    """The keys as their file holds them."""
    body = {
        "fieldwise_keys": FILE_VERSION,
        "wrapping": {str(version): _text(key) for version, key in sorted(ring.wrapping.items())},
        **{name: _text(getattr(ring, name)) for name in _SINGLE},
    }
    return json.dumps(body, indent=1).encode() + b"\n"


def read(raw: bytes) -> KeyRing:
    """The keys in the bytes of a file.

    Raises:
        WrongKeys: They are no key file of this version, or a key is missing or of another length.
    """
    try:
        body = json.loads(raw)
    except ValueError:
        raise WrongKeys("it is no JSON") from None
    if not isinstance(body, dict) or body.get("fieldwise_keys") != FILE_VERSION:
        raise WrongKeys(f'it does not say "fieldwise_keys": {FILE_VERSION}')
    wrapping = body.get("wrapping")
    if not isinstance(wrapping, dict) or not wrapping or not all(each.isdecimal() for each in wrapping):
        raise WrongKeys('"wrapping" holds no keys by version')
    keys = {int(version): _key(f"wrapping {version}", text) for version, text in wrapping.items()}
    return KeyRing(MappingProxyType(keys), *(_key(name, body.get(name)) for name in _SINGLE))


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _key(name: str, text: Any) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise WrongKeys(f'"{name}" is no base64') from None
    if len(key) != KEY_BYTES:
        raise WrongKeys(f'"{name}" has {len(key)} bytes, not {KEY_BYTES}')
    return key


__all__ = ["KeyRing", "NotOurs", "RetiredKey", "Wrapped", "WrongKeys", "generated", "read", "written"]
