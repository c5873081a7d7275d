"""Requests with one thing wrong: every field of a message in turn, taken away or given a value that nobody means."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

M = TypeVar("M", bound=Message)
Path = tuple[str | int, ...]

_FLOATS = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
_INTS = {
    FieldDescriptor.CPPTYPE_INT32: (-1, 2**31 - 1, -(2**31)),
    FieldDescriptor.CPPTYPE_INT64: (-1, 2**63 - 1, -(2**63)),
}
_NUMBERS = (-1.0, 1e308, 5e-324, math.nan, math.inf, -math.inf)
_WORDS = ("", "customers/é\u202e漢字\U0001f600", "a" * 100_000, "customers/\0", "../reps/0", "XYZ")


def mutants(message: M) -> Iterator[tuple[str, M]]:
    """What was done to it, and the message with that done; only fields that are set are changed."""
    for path, field, holder in _fields(message, ()):
        for what, value in _values(holder, field):
            changed = type(message)()
            changed.CopyFrom(message)
            _put(_at(changed, path), field, value)
            yield f"{'.'.join(map(str, path))}.{field.name} {what}"[:120], changed


def _fields(message: Message, path: Path) -> Iterator[tuple[Path, FieldDescriptor, Message]]:
    for field, value in message.ListFields():
        yield path, field, message
        if field.cpp_type != FieldDescriptor.CPPTYPE_MESSAGE or _is_map(field):
            continue
        if field.is_repeated:
            # The second of them: what is wrong with it must be found beside a first one that is right.
            place = min(1, len(value) - 1)
            yield from _fields(value[place], (*path, field.name, place))
        else:
            yield from _fields(value, (*path, field.name))


def _values(holder: Message, field: FieldDescriptor) -> Iterator[tuple[str, Any]]:
    yield "removed", None
    if field.is_repeated:
        yield "repeated", "twice"
    elif field.cpp_type in _FLOATS:
        yield from ((str(number), number) for number in _NUMBERS)
    elif field.cpp_type in _INTS:
        yield from ((str(number), number) for number in _INTS[field.cpp_type])
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        yield from ((repr(word)[:40], word) for word in _WORDS)


def _at(message: Any, path: Path) -> Any:
    for step in path:
        message = message[step] if isinstance(step, int) else getattr(message, step)
    return message


def _put(holder: Any, field: FieldDescriptor, value: Any) -> None:
    if value is None:
        holder.ClearField(field.name)
    elif not field.is_repeated:
        setattr(holder, field.name, value)
    elif _is_map(field):
        measures = getattr(holder, field.name)
        measures[next(iter(measures))] = math.nan
    else:
        getattr(holder, field.name).extend(list(getattr(holder, field.name)))


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry
