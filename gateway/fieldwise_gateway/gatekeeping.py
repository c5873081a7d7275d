"""Before every call: who calls, whether he may, how often, and whom he names; knows no service and no table."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import grpc

from fieldwise_gateway import principal
from fieldwise_gateway.access import HEADER, Access
from fieldwise_gateway.core.access import INTERNAL, Principal
from fieldwise_gateway.relay import not_served
from fieldwise_gateway.rows import Demand, demand_of
from fieldwise_gateway.territories import Territories
from fieldwise_runtime.calls import Call
from fieldwise_runtime.errors import FieldwiseError, PermissionDenied, Unauthenticated
from fieldwise_runtime.logs import get_logger

log = get_logger(__name__)

# One line for each kind of refusal in this time; the next line says how many there were.
_LOG_SECONDS: Final = 10.0
_MOST_KINDS: Final = 1000


class AccessKeeper:
    """The gatekeeper of access: denies what no contract allows."""

    def __init__(
        self, access: Access, territories: Territories, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._access = access
        self._territories = territories
        self._refusals = _Refusals(clock)

    async def enter(self, call: Call) -> None:
        try:
            caller = call.principal = await self._access.authenticate(call.header(HEADER))
            principal.begin(caller)
            call.span.set_attribute("fieldwise.caller", caller.name)
            wanted = demand_of(call.path)
            if wanted is None or not wanted.scope:
                raise PermissionDenied(
                    "SCOPE_MISSING", f"{call.path.strip('/')} states no scope; nobody may call it"
                )
            if wanted.scope == INTERNAL:
                raise not_served(call.path)
            self._access.require(caller, wanted.scope)
            if caller.is_confined(wanted.scope) and not (wanted.rows or wanted.answer_rows):
                raise PermissionDenied(
                    "NOT_FOR_FIELD_ROLES",
                    f"nothing tells whose customers {call.path.strip('/')} is about, and {caller.name} acts for "
                    "certain reps only; call what names one, or ask for a key of another role",
                )
            self._access.charge(caller)
        except FieldwiseError as refused:
            self._refusals.tell(call, refused)
            raise

    async def check(self, call: Call, request: Any) -> None:
        wanted = _demand(call)
        caller: Principal = call.principal
        try:
            if wanted.lasts:
                self._still_holds(call)
                # The first was counted with the call.
                if wanted.takes_many and call.requests > 0:
                    self._access.charge(caller)
                call.requests += 1
            if wanted.rows and caller.is_confined(wanted.scope):
                await self._territories.require(caller, wanted.rows.named(request))
        except FieldwiseError as refused:
            self._refusals.tell(call, refused)
            raise

    async def passes(self, call: Call, answer: Any) -> None:
        wanted = _demand(call)
        caller: Principal = call.principal
        try:
            if wanted.lasts:
                self._still_holds(call)
            if wanted.answer_rows and caller.is_confined(wanted.scope):
                await self._territories.require(caller, wanted.answer_rows.named(wanted.answered(answer)))
        except FieldwiseError as refused:
            self._refusals.tell(call, refused)
            raise

    def leave(self, call: Call, code: grpc.StatusCode) -> None:
        """Nothing is kept of a call."""

    def _still_holds(self, call: Call) -> None:
        if not self._access.holds(call.principal):
            raise Unauthenticated(
                "EXPIRED_CREDENTIALS",
                "what was shown when the call began has expired or was revoked; call again with another",
            )


def _demand(call: Call) -> Demand:
    found = demand_of(call.path)
    if found is None:  # such a call did not enter
        raise PermissionDenied("SCOPE_MISSING", f"{call.path.strip('/')} is of no contract")
    return found


class _Refusals:
    """What was refused, in the log: who, what and why, never what was shown or named."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told: dict[tuple[str, str, str], tuple[float, int]] = {}

    def tell(self, call: Call, refused: FieldwiseError) -> None:
        caller = "" if call.principal is None else call.principal.name
        kind = (caller, call.path, refused.reason)
        now = self._clock()
        last, untold = self._told.get(kind, (float("-inf"), 0))
        if now - last < _LOG_SECONDS:
            self._told[kind] = (last, untold + 1)
            return
        if len(self._told) >= _MOST_KINDS:
            self._told.clear()
        self._told[kind] = (now, 0)
        log.warning(
            "call refused",
            caller=caller,
            method=call.path.strip("/"),
            reason=refused.reason,
            more_since_last_line=untold,
            **refused.metadata,
        )
