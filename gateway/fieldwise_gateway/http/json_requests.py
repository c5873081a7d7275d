"""Requests in proto3 JSON, read strictly: every fault at once, by field, value and remedy; knows no method and no HTTP.

protobuf's own reader stops at the first fault, takes a list for an empty message and the last of two spellings of a field.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from fieldwise_gateway.http.bounds import DEPTH
from fieldwise_gateway.http.json_scalars import READERS
from fieldwise_runtime.calls import Encoded
from fieldwise_runtime.errors import InvalidRequest, Violation

_MOST_FAULTS: Final = 50
_F = FieldDescriptor
# Messages whose JSON is not an object of their fields.
_SPECIAL: Final = frozenset(
    f"google.protobuf.{name}"
    for name in (
        *(
            "Any",
            "Duration",
            "FieldMask",
            "ListValue",
            "Struct",
            "Timestamp",
            "Value",
            "BoolValue",
            "BytesValue",
        ),
        *(
            "DoubleValue",
            "FloatValue",
            "Int32Value",
            "Int64Value",
            "StringValue",
            "UInt32Value",
            "UInt64Value",
        ),
    )
)
_REMEDIES: Final = {
    "google.protobuf.Timestamp": "give a time as RFC 3339 writes it, such as 2017-12-25T00:00:00Z",
    "google.protobuf.Duration": "give seconds, such as 3.5s",
    "google.protobuf.FieldMask": "give names of fields, separated by commas",
}


class JsonRequest(Encoded):
    """The body of a request in JSON, and the message it should hold."""

    kind: Descriptor

    @classmethod
    def of(cls, body: bytes, kind: Descriptor) -> JsonRequest:
        """``body`` as a request of type ``kind``."""
        request = cls(body)
        request.kind = kind
        return request

    def binary(self) -> bytes:
        """The message, serialised."""
        return read(self, self.kind).SerializeToString()


def read(body: bytes, kind: Descriptor) -> Message:
    """The message in the body.

    Raises:
        InvalidRequest: Reason MALFORMED_REQUEST when it is no JSON, else INVALID_REQUEST; every fault is named.
    """
    faults: list[Violation] = []
    value = _parsed(body, faults)
    message = message_factory.GetMessageClass(kind)()
    if kind.full_name in _SPECIAL:
        _special(message, value, "(request)", faults)
    else:
        _fill(message, value, "", faults, DEPTH)
    if faults:
        raise InvalidRequest(faults[:_MOST_FAULTS])
    return message


def _parsed(body: bytes, faults: list[Violation]) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        unique = dict(pairs)
        if len(unique) != len(pairs):
            names = [name for name, _ in pairs]
            twice = (
                sorted({name for name in names if names.count(name) > 1})
                if len(names) < 1000
                else ["a field"]
            )
            faults.extend(Violation(name[:60], "the field twice", "send it once") for name in twice)
        return unique

    try:
        return json.loads(body.decode(), object_pairs_hook=once, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        what, remedy = f"a byte at {error.start} that is not UTF-8", "encode the body in UTF-8"
    except json.JSONDecodeError as error:
        what, remedy = (
            f"no JSON: {error.msg} at line {error.lineno} column {error.colno}",
            "send one JSON object",
        )
    except RecursionError:
        what, remedy = "JSON that is too deep", f"nest at most {DEPTH} levels"
    except ValueError as error:
        what, remedy = str(error)[:80], 'send numbers as JSON writes them, and "NaN" or "Infinity" in quotes'
    raise InvalidRequest([Violation("(request)", what, remedy)], reason="MALFORMED_REQUEST")


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} without quotes")


@cache
def _names(kind: Descriptor) -> dict[str, FieldDescriptor]:
    return {name: field for field in kind.fields for name in (field.json_name, field.name)}


def _fill(message: Message, value: Any, path: str, faults: list[Violation], depth: int) -> None:
    """Set the message's fields from a JSON object; ``path`` ends in a point, or is empty for the request itself."""
    kind: Any = message.DESCRIPTOR
    here = path.rstrip(".") or "(request)"
    if not isinstance(value, dict):
        faults.append(Violation.of(here, value, f"give an object with fields of {kind.name}"))
        return
    if depth <= 0:
        faults.append(Violation(here, "JSON that is too deep", f"nest at most {DEPTH} levels"))
        return
    names = _names(kind)
    seen: dict[str, str] = {}
    for name, item in value.items():
        if len(faults) >= _MOST_FAULTS:
            return
        field = names.get(name)
        if field is None:
            faults.append(_unknown(kind, path, name))
            continue
        if item is None and not _takes_null(field):
            continue
        # Two spellings of one field, or two of which only one may be set.
        choice = field.containing_oneof
        group = field.name if choice is None else choice.name
        if group in seen:
            faults.append(
                Violation(f"{path}{field.json_name}", f"{seen[group]} too", "send only one of them")
            )
            continue
        seen[group] = name
        _set(message, field, item, f"{path}{field.json_name}", faults, depth)


def _unknown(kind: Descriptor, path: str, name: str) -> Violation:
    known = ", ".join(sorted(field.json_name for field in kind.fields)) or "no field"
    remedy = f"{kind.name} has {known}"
    return Violation(f"{path}{name[:60]}", "a field that does not exist", remedy[:400])


def _takes_null(field: FieldDescriptor) -> bool:
    whole = field.message_type is not None and field.message_type.full_name == "google.protobuf.Value"
    return whole and not field.is_repeated


def _set(
    message: Message, field: FieldDescriptor, value: Any, path: str, faults: list[Violation], depth: int
) -> None:
    if not field.is_repeated:
        if field.message_type is None:
            scalar = _scalar(field, value, path, faults)
            if scalar is not None:
                setattr(message, field.name, scalar)
        else:
            inner = getattr(message, field.name)
            inner.SetInParent()
            _message(inner, value, path, faults, depth)
        return
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        _set_map(getattr(message, field.name), field.message_type, value, path, faults, depth)
        return
    if not isinstance(value, list):
        faults.append(Violation.of(path, value, "give a list"))
        return
    into = getattr(message, field.name)
    for number, item in enumerate(value):
        if len(faults) >= _MOST_FAULTS:
            return
        if field.message_type is None:
            scalar = _scalar(field, item, f"{path}[{number}]", faults)
            if scalar is not None:
                into.append(scalar)
        else:
            _message(into.add(), item, f"{path}[{number}]", faults, depth)


def _set_map(
    into: Any, entry: Descriptor, value: Any, path: str, faults: list[Violation], depth: int
) -> None:
    if not isinstance(value, dict):
        faults.append(Violation.of(path, value, "give an object"))
        return
    of_key, of_value = entry.fields_by_name["key"], entry.fields_by_name["value"]
    for name, item in value.items():
        here = f"{path}[{name[:60]!r}]"
        key = _scalar(
            of_key, _BOOLEANS.get(name, name) if of_key.type == _F.TYPE_BOOL else name, here, faults
        )
        if key is None:
            continue
        if of_value.message_type is None:
            scalar = _scalar(of_value, item, here, faults)
            if scalar is not None:
                into[key] = scalar
        else:
            _message(into[key], item, here, faults, depth)


_BOOLEANS: Final = {"true": True, "false": False}


def _message(inner: Message, value: Any, path: str, faults: list[Violation], depth: int) -> None:
    if inner.DESCRIPTOR.full_name in _SPECIAL:
        _special(inner, value, path, faults)
    else:
        _fill(inner, value, f"{path}.", faults, depth - 1)


def _special(inner: Message, value: Any, path: str, faults: list[Violation]) -> None:
    name = inner.DESCRIPTOR.full_name
    try:
        json_format.ParseDict(value, inner, max_recursion_depth=DEPTH)
    except (json_format.Error, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        faults.append(Violation.of(path, value, _REMEDIES.get(name, f"give what JSON has for {name}")))


def _scalar(field: FieldDescriptor, value: Any, path: str, faults: list[Violation]) -> Any:
    """The value as the field takes it; None, and a fault more, when it takes no such value."""
    try:
        return READERS[field.cpp_type](field, value)
    except ValueError as error:
        faults.append(Violation.of(path, value, str(error)))
        return None
