"""The exception tree and its form on the wire (google.rpc.Status); knows no service and no transport but gRPC's codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

DOMAIN: Final = "fieldwise"
STATUS_KEY: Final = "grpc-status-details-bin"
# gRPC peers refuse more than 8 KiB of metadata by default, and details travel in base64 beside the message.
_MAX_DETAIL_BYTES: Final = 4000
_MAX_MESSAGE_CHARACTERS: Final = 900
_MAX_VALUE_CHARACTERS: Final = 60
# What grpc.aio says by itself, as INTERNAL, when a stream ends under a message that is being sent. No server said it.
_BROKE_WHILE_SENDING: Final = "Internal error from Core"

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Violation:
    """One wrong field of a request: its path, what was sent and what to do."""

    field: str
    value: str
    remedy: str

    @classmethod
    def of(cls, path: str, value: object, remedy: str) -> Violation:
        """With the value shown as Python shows it, cut to 60 characters."""
        return cls(path, shown(value), remedy)

    @property
    def description(self) -> str:
        return f"got {self.value}; {self.remedy}"

    def __str__(self) -> str:
        return f"{self.field}: {self.description}"


def shown(value: object) -> str:
    """A value as an error prints it: on one line and cut to 60 characters."""
    text = repr(value[: _MAX_VALUE_CHARACTERS + 1] if isinstance(value, (str, bytes)) else value).replace(
        "\n", " "
    )
    return text if len(text) <= _MAX_VALUE_CHARACTERS else text[: _MAX_VALUE_CHARACTERS - 3] + "..."


class FieldwiseError(Exception):
    """Something the caller can act on. Callers rely on ``code`` and ``reason``, never on the text.

    Args:
        reason: UPPER_SNAKE, stable; goes to ErrorInfo.reason.
        metadata: Facts for programs; goes to ErrorInfo.metadata. Never personal data.
        retry_after_seconds: When the same call may go through; goes to google.rpc.RetryInfo. None says nothing.
    """

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        code: grpc.StatusCode | None = None,
        violations: Sequence[Violation] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.reason = reason
        self.message = message
        self.metadata: dict[str, str] = dict(metadata or {})
        self.violations = tuple(violations)
        if code is not None:
            self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        # The subclasses' constructors differ; worker processes send errors back by pickle.
        return (_rebuilt, (type(self), self.__dict__ | {"code": self.code}, self.args))


def _rebuilt(kind: type[FieldwiseError], state: dict[str, Any], args: tuple[Any, ...]) -> FieldwiseError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidRequest(FieldwiseError):
    """The request is wrong whatever the state of the system; every violation is given at once."""

    code = grpc.StatusCode.INVALID_ARGUMENT

    def __init__(
        self,
        violations: Sequence[Violation],
        *,
        reason: str = "INVALID_REQUEST",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason, _summary(violations), metadata=metadata, violations=violations)


class NotFound(FieldwiseError):
    """Something named does not exist. ``reason`` is <KIND>_NOT_FOUND where the caller should tell kinds apart."""

    code = grpc.StatusCode.NOT_FOUND

    def __init__(self, resource: str, remedy: str, *, reason: str = "NOT_FOUND") -> None:
        super().__init__(reason, f"{resource} does not exist; {remedy}", metadata={"resource": resource})


class AlreadyExists(FieldwiseError):
    """Something named exists with other content."""

    code = grpc.StatusCode.ALREADY_EXISTS

    def __init__(self, resource: str, remedy: str, *, reason: str = "ALREADY_EXISTS") -> None:
        super().__init__(reason, f"{resource} already exists; {remedy}", metadata={"resource": resource})


class FailedPrecondition(FieldwiseError):
    """The system's state must change first; the message says how."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class Unavailable(FieldwiseError):
    """Something needed is away for now; the same call may succeed later."""

    code = grpc.StatusCode.UNAVAILABLE


class ResourceExhausted(FieldwiseError):
    """A limit is reached; the message says which, and when or how to go on."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Overloaded(ResourceExhausted):
    """More is asked at once than can be answered in good time. Told to many, so its form on the wire is made beforehand.

    Args:
        wire: What `prepared` made of such an error.
        is_recorded: Whether the call that it refuses has a span; false for all but a few a second.
    """

    def __init__(
        self, message: str, retry_after_seconds: float, *, wire: bytes = b"", is_recorded: bool = True
    ) -> None:
        super().__init__("OVERLOADED", message, retry_after_seconds=retry_after_seconds)
        self.wire = wire
        self.is_recorded = is_recorded

    def prepared(self) -> bytes:
        """The error as bytes of google.rpc.Status."""
        return self.wire or to_status(self).SerializeToString()


class Unauthenticated(FieldwiseError):
    """Nobody knows who calls: nothing was shown that says so, or what was shown does not hold."""

    code = grpc.StatusCode.UNAUTHENTICATED


class PermissionDenied(FieldwiseError):
    """Who calls is known and may not do this; the message says what he would need, never what exists."""

    code = grpc.StatusCode.PERMISSION_DENIED


class Aborted(FieldwiseError):
    """The work was stopped by something else and can be started again."""

    code = grpc.StatusCode.ABORTED


class DeadlineExceeded(FieldwiseError):
    """The time given was not enough."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class InternalFault(FieldwiseError):
    """A fault of ours that is safe to describe."""

    code = grpc.StatusCode.INTERNAL


def _summary(violations: Sequence[Violation]) -> str:
    lines: list[str] = []
    length = 0
    for violation in violations:
        line = str(violation)
        if lines and length + len(line) > _MAX_MESSAGE_CHARACTERS:
            lines.append(f"and {len(violations) - len(lines)} more")
            break
        lines.append(line)
        length += len(line)
    return "\n".join(lines)


def to_status(error: FieldwiseError) -> status_pb2.Status:
    """The error as google.rpc.Status: BadRequest when fields are wrong, and ErrorInfo of domain ``fieldwise``."""
    status = status_pb2.Status(code=error.code.value[0], message=error.message)
    if error.violations:
        status.details.append(_packed(_bad_request(error.violations)))
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)
    status.details.append(_packed(info))
    if error.retry_after_seconds is not None:
        again = error_details_pb2.RetryInfo()
        again.retry_delay.FromMicroseconds(round(error.retry_after_seconds * 1e6))
        status.details.append(_packed(again))
    return status


def _packed(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def _bad_request(violations: Sequence[Violation]) -> error_details_pb2.BadRequest:
    listed = error_details_pb2.BadRequest()
    length = 0
    for number, violation in enumerate(violations):
        length += len(violation.field) + len(violation.description) + 8
        if number and length > _MAX_DETAIL_BYTES:
            more = f"got {len(violations) - number} more violations; correct those listed and send again"
            listed.field_violations.add(field="(request)", description=more)
            break
        listed.field_violations.add(field=violation.field, description=violation.description)
    return listed


@dataclass(frozen=True)
class RpcFault:
    """A peer's error as read back from the wire; ``reason`` is empty when the peer gave no ErrorInfo of ours."""

    code: grpc.StatusCode
    reason: str
    message: str
    violations: tuple[Violation, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    retry_after_seconds: float | None = None

    def as_error(self) -> FieldwiseError:
        """The same error, to be raised to one's own caller."""
        return FieldwiseError(
            self.reason or self.code.name,
            self.message,
            metadata=self.metadata,
            code=self.code,
            violations=self.violations,
            retry_after_seconds=self.retry_after_seconds,
        )


def from_rpc_error(error: grpc.RpcError) -> RpcFault:
    """Reads code, reason, violations and metadata of a failed call, from grpc or grpc.aio."""
    failed: Any = error  # grpc.RpcError itself declares none of the methods that every raised one has
    code = failed.code() or grpc.StatusCode.UNKNOWN
    status = _status_in(failed.trailing_metadata())
    if status is not None:
        return from_status(status)
    details = failed.details() or code.name
    if details == _BROKE_WHILE_SENDING:
        return RpcFault(
            grpc.StatusCode.UNAVAILABLE, "STREAM_BROKE", "the stream ended while it was sent to; send again"
        )
    return RpcFault(code, "", details)


def reason_of(error: BaseException) -> str:
    """What logs and spans may tell of an error: its reason, else its code or type; never its text, which holds values."""
    if isinstance(error, FieldwiseError):
        return error.reason
    if isinstance(error, grpc.RpcError) and hasattr(error, "code"):
        fault = from_rpc_error(error)
        return fault.reason or fault.code.name
    return type(error).__name__


def reason_in(trailers: Any) -> str:
    """ErrorInfo.reason in the trailing metadata of a call; empty when the peer gave none."""
    status = _status_in(trailers)
    return "" if status is None else from_status(status).reason


def _status_in(trailers: Any) -> status_pb2.Status | None:
    raw = next((value for key, value in trailers or () if key == STATUS_KEY), None)
    try:
        return None if raw is None else status_pb2.Status.FromString(raw)
    except DecodeError:  # a proxy's own, not ours
        return None


def from_status(status: status_pb2.Status) -> RpcFault:
    """Reads google.rpc.Status, such as the error of a long-running operation."""
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    again = error_details_pb2.RetryInfo()
    for detail in status.details:
        # Each takes a message of its own type only.
        _ = detail.Unpack(info) or detail.Unpack(bad) or detail.Unpack(again)
    violations = tuple(_violation(v.field, v.description) for v in bad.field_violations)
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    wait = again.retry_delay.ToMicroseconds() / 1e6 if again.HasField("retry_delay") else None
    return RpcFault(code, info.reason, status.message, violations, dict(info.metadata), wait)


def _violation(path: str, description: str) -> Violation:
    value, _, remedy = description.removeprefix("got ").partition("; ")
    return Violation(path, value, remedy)
