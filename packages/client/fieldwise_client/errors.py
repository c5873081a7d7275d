"""The errors a caller meets, as one tree; knows gRPC status codes and google.rpc.Status, nothing of the services.

FieldwiseError
  InvalidRequest         a field is wrong; ``violations`` lists every one
  NotFound
  AlreadyExists
    RequestIdReused      the same request_id with another body
  FailedPrecondition
    InfeasiblePlan       no plan satisfies the rules
  Unauthenticated        no key or token, or one that does not hold
  PermissionDenied       the key may not do this
  ResourceExhausted      try again later
    Overloaded           the gateway has too much to do; ``retry_after`` says when to ask again
  Aborted
  Unavailable            nobody answered
  DeadlineExceeded
  Cancelled
  InternalError          a fault of Fieldwise
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from fieldwise_client.tls_hints import hint


@dataclass(frozen=True)
class Violation:
    """One wrong field: where it is, and what was got with what to do instead."""

    field: str
    description: str

    def __str__(self) -> str:
        return f"{self.field}: {self.description}"


class FieldwiseError(Exception):
    """Base of all errors of this package. Rely on the class, ``code`` and ``reason``, never on the text.

    ``retry_after`` is the seconds after which the server asked to be asked again; None when it did not say.
    """

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        violations: Sequence[Violation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        self.reason = reason
        self.violations = tuple(violations)
        self.metadata = dict(metadata or {})


class InvalidRequest(FieldwiseError):
    """Fields of the request are wrong; ``violations`` lists every one."""

    code = grpc.StatusCode.INVALID_ARGUMENT

    @classmethod
    def of(cls, field: str, value: object, remedy: str) -> InvalidRequest:
        """A request refused here, before it was sent."""
        fault = Violation(field, f"got {value!r}; {remedy}")
        return cls(str(fault), reason="INVALID_REQUEST", violations=[fault])


class NotFound(FieldwiseError):
    """What was named does not exist."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(FieldwiseError):
    """What should be made exists with other content."""

    code = grpc.StatusCode.ALREADY_EXISTS


class RequestIdReused(AlreadyExists):
    """The request_id was used before with another body; a new request needs a new id."""


class FailedPrecondition(FieldwiseError):
    """The system is not in the state that the request needs."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class InfeasiblePlan(FailedPrecondition):
    """No plan satisfies the rules; the message names those that conflict."""


class Unauthenticated(FieldwiseError):
    """No API key or token was shown, or one that does not hold: api_key=..., FIELDWISE_API_KEY."""

    code = grpc.StatusCode.UNAUTHENTICATED


class PermissionDenied(FieldwiseError):
    """The key may not do this; ``metadata`` names the scope or the field."""

    code = grpc.StatusCode.PERMISSION_DENIED


class ResourceExhausted(FieldwiseError):
    """Too much at once; try again later."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Overloaded(ResourceExhausted):
    """The gateway has more to do than it can answer in good time, and did not begin with this call.

    The client has asked again already as far as its timeout and its budget of repetitions allow; wait ``retry_after`` seconds.
    """


class Aborted(FieldwiseError):
    """Another request got in the way; try again."""

    code = grpc.StatusCode.ABORTED


class Unavailable(FieldwiseError):
    """Nobody answered, in spite of the retries."""

    code = grpc.StatusCode.UNAVAILABLE


class DeadlineExceeded(FieldwiseError):
    """No answer came in time. What was asked for may have been done: repeat it with the same request_id."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class Cancelled(FieldwiseError):
    """The call or the operation was cancelled."""

    code = grpc.StatusCode.CANCELLED


class InternalError(FieldwiseError):
    """A fault of Fieldwise; its trace tells more."""

    code = grpc.StatusCode.INTERNAL


_BY_CODE: dict[grpc.StatusCode, type[FieldwiseError]] = {
    kind.code: kind
    for kind in (
        InvalidRequest, NotFound, AlreadyExists, FailedPrecondition, Unauthenticated, PermissionDenied, ResourceExhausted, Aborted, Unavailable,
        DeadlineExceeded, Cancelled, InternalError,
    )
}  # fmt: skip
_BY_REASON: dict[str, type[FieldwiseError]] = {
    "REQUEST_ID_REUSED": RequestIdReused,
    "INFEASIBLE_PLAN": InfeasiblePlan,
    "OVERLOADED": Overloaded,
}
_BY_NUMBER: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


# What grpc.aio says by itself, as INTERNAL, when a stream ends under a message that is being sent. No server said it.
_BROKE_WHILE_SENDING = "Internal error from Core"


def from_rpc_error(error: grpc.RpcError, peer: str = "", address: str = "") -> FieldwiseError:
    """The typed error for a failed call to ``peer`` at ``address``."""
    status = _status(error)
    if status is not None and status.details:
        return from_status(status)
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.UNAVAILABLE or details == _BROKE_WHILE_SENDING:
        return Unavailable(_nobody_answers(peer, address, details), reason="UNREACHABLE")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded(
            f"{peer or 'server'} did not answer in time; allow more time with timeout=..."
        )
    return _kind(code, "")(details or code.name)


def from_status(status: status_pb2.Status) -> FieldwiseError:
    """The typed error for a google.rpc.Status: of a failed call, or of an operation."""
    info, fault = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    again = error_details_pb2.RetryInfo()
    for detail in status.details:
        _ = detail.Unpack(info) or detail.Unpack(fault) or detail.Unpack(again)
    kind = _kind(_BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN), info.reason)
    violations = [Violation(each.field, each.description) for each in fault.field_violations]
    wait = again.retry_delay.ToMicroseconds() / 1e6 if again.HasField("retry_delay") else None
    return kind(
        status.message, reason=info.reason, violations=violations, metadata=info.metadata, retry_after=wait
    )


def _status(error: grpc.RpcError) -> status_pb2.Status | None:
    try:
        status: status_pb2.Status | None = rpc_status.from_call(cast(grpc.Call, error))
    except ValueError:  # The status does not match the call: the call is what happened.
        return None
    return status


def _kind(code: grpc.StatusCode, reason: str) -> type[FieldwiseError]:
    return _BY_REASON.get(reason) or _BY_CODE.get(code, FieldwiseError)


def _nobody_answers(peer: str, address: str, details: str) -> str:
    variable = f"FIELDWISE_{peer.upper()}_ADDRESS"
    where = f"{peer} at {address}" if peer else "server"
    tls = hint(details)
    if tls:
        return f"{where} does not answer ({details}); {tls}"
    return (
        f"{where} does not answer ({details}); start it with `fieldwise up`, or set {variable} to where it is"
    )
