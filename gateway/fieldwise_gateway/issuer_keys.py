"""Public keys of the issuer of tokens, from a file or an address, fresh without a call that waits; knows no token."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt

from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# Fixed here, never read from a token: the algorithm that belongs to each kind of public key.
_ALGORITHMS: Final = {("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
_REFRESH_SECONDS: Final = 300.0
_FILE_SECONDS: Final = 5.0
# A token signed with a key not known yet: the provider may just have begun to use it.
_UNKNOWN_KEY_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 5.0
_MOST_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key of the provider, with the only algorithm it is used with."""

    algorithm: str
    key: Any


class TokenKeys:
    """The provider's public keys: a JWKS file, or a https address that gives one.

    Args:
        place: The file or address.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._remote = place.startswith(("https://", "http://"))
        self._keys: Mapping[str, PublicKey] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def of(self, kid: str) -> PublicKey | None:
        """The key of that id; None when the provider has none."""
        age = time.monotonic() - self._read_at
        limit = _UNKNOWN_KEY_SECONDS if kid not in self._keys else self._every
        if age > limit:
            await self._refresh()
        return self._keys.get(kid)

    async def follow(self) -> None:
        """Keep the keys fresh for ever, so that no call waits for it."""
        while True:
            await self._refresh()
            await asyncio.sleep(self._every / 2)

    @property
    def _every(self) -> float:
        return _REFRESH_SECONDS if self._remote else _FILE_SECONDS

    async def _refresh(self) -> None:
        asked = time.monotonic()
        async with self._reading:
            if self._read_at >= asked:
                return
            self._read_at = time.monotonic()
            try:
                raw = await asyncio.to_thread(_fetched if self._remote else _file, self._place)
                self._keys = public_keys(raw)
            except Exception as error:  # The keys known before go on; without any, no token is let in.
                log.warning("keys of tokens not read", error=type(error).__name__)


def _file(place: str) -> bytes:
    return Path(place).read_bytes()


class _Straight(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: keys come from the address that was set, over what it was set with."""

    def redirect_request(self, *_arguments: Any, **_more: Any) -> None:
        return None


def _fetched(place: str) -> bytes:
    with urllib.request.build_opener(_Straight).open(place, timeout=_ANSWER_SECONDS) as answer:
        read: bytes = answer.read(_MOST_BYTES)
        return read


def public_keys(raw: bytes) -> dict[str, PublicKey]:
    """The keys of a JWKS that tokens may be signed with, by id; of any other kind none.

    Raises:
        ValueError: It is no JWKS.
    """
    read = json.loads(raw)
    listed = read.get("keys") if isinstance(read, dict) else None
    if not isinstance(listed, list):
        raise ValueError("give a JSON Web Key Set: an object with a list `keys`")
    found: dict[str, PublicKey] = {}
    for each in listed:
        kind = (str(each.get("kty")), str(each.get("crv"))) if isinstance(each, dict) else ("", "")
        algorithm = _ALGORITHMS.get(kind)
        if algorithm is None or each.get("use", "sig") != "sig":
            continue
        public = {name: value for name, value in each.items() if name != "d"}
        found[str(each.get("kid", ""))] = PublicKey(algorithm, jwt.PyJWK(public, algorithm).key)
    return found
