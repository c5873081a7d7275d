"""Signed tokens (JWT) of the company's own identity provider: who they say calls; knows no API key and no call."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt

from fieldwise_gateway.core.access import SCOPES, Principal, Role
from fieldwise_gateway.issuer_keys import TokenKeys
from fieldwise_runtime.errors import Unauthenticated

_REQUIRED: Final = ("exp", "nbf", "iss", "aud", "sub")
_TIMES: Final = ("verify_exp", "verify_nbf", "verify_iat")
_MOST_CHARACTERS: Final = 8192
_REMEMBERED_SECONDS: Final = 60.0
_MOST_REMEMBERED: Final = 10_000
# The year 9999.
_LATEST: Final = 253_402_300_799


class Tokens:
    """Who calls, by a token.

    Args:
        issuer: What `iss` must be.
        audience: What `aud` must be or hold.
        leeway: Seconds that the provider's clock may differ.
        calls_per_second: Limit of each subject; 0 for no limit.
        now: Wall clock, seconds since 1970 UTC.
    """

    def __init__(
        self,
        keys: TokenKeys,
        issuer: str,
        audience: str,
        leeway: float = 30.0,
        calls_per_second: float = 0.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway
        self._calls_per_second = calls_per_second
        self._now = now
        self._remembered: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()

    async def principal(self, token: str) -> Principal:
        """Who the token says calls.

        Raises:
            Unauthenticated: BAD_CREDENTIALS, EXPIRED_CREDENTIALS, EARLY_CREDENTIALS.
        """
        if len(token) > _MOST_CHARACTERS:
            raise _bad(f"the token is longer than {_MOST_CHARACTERS} characters")
        shown = hashlib.sha256(token.encode()).digest()
        kept = self._remembered.get(shown)
        if kept is not None and self._now() < kept[0]:
            return kept[1]
        caller = self._caller(await self._claims(token))
        ends = self._now() + _REMEMBERED_SECONDS
        self._remembered[shown] = (ends if caller.until is None else min(ends, caller.until), caller)
        self._remembered.move_to_end(shown)
        if len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return caller

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            key = await self._keys.of(str(header.get("kid", "")))
            if key is None:
                raise _bad("the token is signed with a key that the issuer does not publish")
            if header.get("alg") != key.algorithm:
                raise _bad("the token's algorithm is not that of the key it names (ES256 or EdDSA)")
            # Times are checked below, on the clock that was given.
            options: Any = {"require": list(_REQUIRED), **dict.fromkeys(_TIMES, False)}
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                issuer=self._issuer,
                audience=self._audience,
                options=options,
            )
        except jwt.InvalidAudienceError:
            raise _bad("the token is for another audience") from None
        except jwt.InvalidIssuerError:
            raise _bad("the token is of another issuer") from None
        except jwt.MissingRequiredClaimError:
            raise _bad(f"the token must hold {', '.join(_REQUIRED)}") from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise _bad("what was sent is no token that the issuer signed") from None
        self._check_times(claims)
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._now()
        if now >= _moment(claims["exp"]) + self._leeway:
            raise Unauthenticated(
                "EXPIRED_CREDENTIALS", "the token has expired; ask its issuer for a new one"
            )
        if now < _moment(claims["nbf"]) - self._leeway:
            raise Unauthenticated(
                "EARLY_CREDENTIALS", "the token does not hold yet; check the clocks of issuer and gateway"
            )

    def _caller(self, claims: Mapping[str, Any]) -> Principal:
        stated = _texts(claims.get("roles"))
        roles = [Role(each) for each in stated if each in tuple(Role)]
        reps = [each for each in _texts(claims.get("reps")) if each.startswith("reps/")]
        only = _texts(claims.get("scopes"))
        if only and not SCOPES & set(only):
            raise _bad("the token's `scopes` names none of Fieldwise")
        per_second = self._calls_per_second
        # The subject may be an address: logs and traces see its hash.
        name = (
            f"tokens/{hashlib.sha256(str(claims['sub']).encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
        )
        try:
            return Principal.of(
                name,
                roles,
                reps,
                only,
                per_second,
                max(1, round(2 * per_second)) if per_second else 0,
                _moment(claims["exp"]) + self._leeway,
            )
        except ValueError as fault:
            raise _bad(f"the token's claims `roles` and `reps` name no caller: {fault}") from None


def _moment(value: Any) -> float:
    # Compared, not converted: an integer may have a thousand digits, and NaN is in no range.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LATEST:
        raise _bad("the token's exp and nbf must be seconds since 1970")
    return float(value)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _bad(fault: str) -> Unauthenticated:
    return Unauthenticated("BAD_CREDENTIALS", f"{fault}; ask the issuer for another token")
