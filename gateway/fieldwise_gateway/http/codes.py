"""gRPC's codes as HTTP and Connect say them, and an error as its bodies hold it; knows no method."""

from __future__ import annotations

import base64
import json
import math
from typing import Any, Final

import grpc
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from fieldwise_runtime.errors import STATUS_KEY

# The table of the Connect protocol's document, "Error Codes".
HTTP: Final = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}
CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

Status = status_pb2.Status


def connect_name(code: grpc.StatusCode) -> str:
    """The code as Connect writes it, such as invalid_argument; it spells one of them otherwise than gRPC."""
    return "canceled" if code is grpc.StatusCode.CANCELLED else code.name.lower()


def status_of(code: grpc.StatusCode, message: str, trailers: Any) -> Status:
    """The status with its details, as the trailers of a refused call hold it; code and message when they hold none."""
    raw = next((value for key, value in trailers or () if key == STATUS_KEY), None)
    if raw is not None:
        try:
            return Status.FromString(raw)
        except DecodeError:  # a peer's own form
            pass
    return Status(code=code.value[0], message=message)


def code_of(status: Status) -> grpc.StatusCode:
    """The status's code; UNKNOWN when it is none of gRPC's."""
    return CODES.get(status.code, grpc.StatusCode.UNKNOWN)


def as_connect(status: Status) -> dict[str, Any]:
    """The error's JSON: code, message, details with their bytes for programs and in clear for people."""
    told: dict[str, Any] = {"code": connect_name(code_of(status))}
    if status.message:
        told["message"] = status.message
    if status.details:
        told["details"] = [_detail(detail) for detail in status.details]
    return told


def error_body(status: Status) -> bytes:
    """The error as the whole body of an answer."""
    return json.dumps(as_connect(status), ensure_ascii=False).encode()


def plain_error(code: str, message: str) -> bytes:
    """An error's body with a code of Connect's and a text."""
    return json.dumps({"code": code, "message": message}, ensure_ascii=False).encode()


def _detail(packed: Any) -> dict[str, Any]:
    told = {
        "type": packed.type_url.rpartition("/")[2],
        "value": base64.b64encode(packed.value).rstrip(b"=").decode(),
    }
    try:
        clear = json_format.MessageToDict(packed)
    except (TypeError, DecodeError):  # a type that is not in our contracts
        return told
    clear.pop("@type", None)
    return told | {"debug": clear}


def retry_after(status: Status) -> str:
    """Whole seconds after which to send again, from the RetryInfo among the details; empty without one."""
    wait = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(wait):
            seconds = wait.retry_delay.seconds + wait.retry_delay.nanos / 1e9
            return str(max(1, math.ceil(seconds)))
    return ""
