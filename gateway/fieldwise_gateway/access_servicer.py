"""Wire to keys and back; no SQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from fieldwise.gateway.v1 import access_service_pb2 as access_pb
from fieldwise.gateway.v1 import access_service_pb2_grpc as access_grpc
from fieldwise_gateway import principal
from fieldwise_gateway.core.access import CONFINED, OF_CALLERS, ROLES, Principal, Role, beyond
from fieldwise_gateway.core.keys import Key
from fieldwise_gateway.keyring import Keyring
from fieldwise_runtime.errors import InvalidRequest, PermissionDenied, Unauthenticated, Violation
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

log = get_logger(__name__)

_DAY: Final = 86_400.0
_MOST_OVERLAP: Final = 30 * _DAY


class AccessServicer(access_grpc.AccessServiceServicer):
    """API keys, and who a caller is.

    Args:
        now: Wall clock, seconds since 1970 UTC.
    """

    def __init__(self, keyring: Keyring, now: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._now = now

    async def CreateApiKey(
        self, request: access_pb.CreateApiKeyRequest, context: Any
    ) -> access_pb.CreateApiKeyResponse:
        caller = _caller()
        wanted = self._wanted(request, caller)
        _may_hand_out(caller, wanted)
        made, secret = await self._keyring.make(wanted, request.request_id)
        log.info("key made", key=f"apiKeys/{made.id}", role=made.role.value, caller=caller.name)
        return access_pb.CreateApiKeyResponse(api_key=_message(made), secret=secret)

    async def ListApiKeys(
        self, request: access_pb.ListApiKeysRequest, context: Any
    ) -> access_pb.ListApiKeysResponse:
        size = clamp_page_size(request.page_size, default=100, most=1000)
        scope = f"apiKeys/{request.show_ended}"
        start = int(cursor_of(request.page_token, scope) or 0)
        now = self._now()
        found = [each for each in self._keyring.all() if request.show_ended or each.is_live(now)]
        page = found[start : start + size]
        answer = access_pb.ListApiKeysResponse(api_keys=[_message(each) for each in page])
        if start + size < len(found):
            answer.next_page_token = page_token(str(start + size), scope)
        return answer

    async def RotateApiKey(
        self, request: access_pb.RotateApiKeyRequest, context: Any
    ) -> access_pb.RotateApiKeyResponse:
        caller = _caller()
        overlap = request.overlap.ToMicroseconds() / 1e6 if request.HasField("overlap") else _DAY
        if not 0.0 <= overlap <= _MOST_OVERLAP:
            remedy = "give 0 to 30 days, in seconds"
            raise InvalidRequest([Violation.of("overlap", f"{overlap:g}s", remedy)])
        id_ = _id(request.name)
        changed, secret = await self._keyring.rotate(id_, overlap, lambda key: _may_hand_out(caller, key))
        log.info("key rotated", key=request.name, caller=caller.name, overlap_seconds=overlap)
        return access_pb.RotateApiKeyResponse(api_key=_message(changed), secret=secret)

    async def RevokeApiKey(self, request: access_pb.RevokeApiKeyRequest, context: Any) -> access_pb.ApiKey:
        changed = await self._keyring.revoke(_id(request.name))
        log.info("key revoked", key=request.name, caller=_caller().name)
        return _message(changed)

    async def GetCaller(self, request: access_pb.GetCallerRequest, context: Any) -> access_pb.Caller:
        caller = _caller()
        return access_pb.Caller(
            name=caller.name,
            roles=sorted(role.value for role in caller.roles),
            scopes=sorted(caller.scopes),
            confined_scopes=sorted(caller.scopes - caller.unconfined),
            reps=sorted(caller.reps),
            calls_per_second=caller.calls_per_second,
            burst=caller.burst,
        )

    def _wanted(self, request: access_pb.CreateApiKeyRequest, caller: Principal) -> Key:
        role = Role(request.role)
        faults: list[Violation] = []
        unknown = beyond(role, request.scopes)
        if unknown:
            remedy = f"role {role} has {', '.join(sorted(ROLES[role]))}"
            faults.append(Violation.of("scopes", ", ".join(unknown), remedy))
        if role in CONFINED and not request.reps:
            faults.append(
                Violation.of("reps", [], f"a {role} acts for reps; name at least one as reps/{{id}}")
            )
        if role not in CONFINED and request.reps:
            remedy = f"a {role} acts for no rep; leave it empty, or give role rep or manager"
            faults.append(Violation.of("reps", list(request.reps), remedy))
        expires = request.expire_time.ToMicroseconds() / 1e6 if request.HasField("expire_time") else None
        if expires is not None and expires <= self._now():
            shown = request.expire_time.ToJsonString()
            faults.append(Violation.of("expire_time", shown, "give a moment that is still to come"))
        if request.burst and not request.calls_per_second:
            faults.append(Violation.of("burst", request.burst, "give calls_per_second with it"))
        if faults:
            raise InvalidRequest(faults)
        per_second = request.calls_per_second
        return Key(
            id="",
            digest="",
            role=role,
            created=self._now(),
            created_by=caller.name,
            label=request.label,
            scopes=tuple(sorted(request.scopes)),
            reps=tuple(sorted(request.reps)),
            calls_per_second=per_second,
            burst=(request.burst or max(1, round(2 * per_second))) if per_second else 0,
            expires=expires,
        )


def _caller() -> Principal:
    found = principal.current()
    if found is None:
        raise Unauthenticated("NO_CREDENTIALS", "nobody knows who calls")
    return found


def _scopes(key: Key) -> Iterable[str]:
    return sorted(key.scopes or ROLES[key.role])


def _may_hand_out(caller: Principal, key: Key) -> None:
    """Nobody gives more than he has: otherwise a narrow key could make itself a wide one."""
    lacking = [scope for scope in _scopes(key) if not caller.may(scope) or caller.is_confined(scope)]
    if lacking:
        raise PermissionDenied(
            "SCOPE_MISSING",
            f"the key would hold {lacking[0]}, which {caller.name} lacks; ask an operator for it",
            metadata={"scope": lacking[0]},
        )


def _id(name: str) -> str:
    return name.removeprefix("apiKeys/")


def _message(key: Key) -> access_pb.ApiKey:
    message = access_pb.ApiKey(
        name=f"apiKeys/{key.id}",
        role=key.role.value,
        scopes=sorted({*_scopes(key), OF_CALLERS}),
        reps=key.reps,
        label=key.label,
        calls_per_second=key.calls_per_second,
        burst=key.burst,
        created_by=key.created_by,
        last_used_day=key.last_used_day,
    )
    for field, seconds in (
        (message.create_time, key.created),
        (message.expire_time, key.expires),
        (message.previous_expire_time, key.previous_until),
        (message.revoke_time, key.revoked),
    ):
        if seconds is not None:
            field.FromDatetime(datetime.fromtimestamp(seconds, UTC))
    return message
