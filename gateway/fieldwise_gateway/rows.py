"""What a call demands of its caller, and whom its messages name, as the contracts state it; knows no caller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from google.longrunning import operations_pb2
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from fieldwise.type.v1 import access_pb2

# Google's contract carries none of our options.
_OPERATIONS: Final = {
    "GetOperation": "operations.read",
    "WaitOperation": "operations.read",
    "ListOperations": "operations.read",
    "CancelOperation": "operations.write",
    "DeleteOperation": "operations.write",
}
_OPERATIONS_SERVICE: Final = operations_pb2.DESCRIPTOR.services_by_name["Operations"].full_name


class ContractFault(Exception):
    """A contract states an access that cannot be obeyed."""


class Rows:
    """Where messages of one type name customers and reps."""

    def __init__(self, kind: Descriptor, paths: tuple[str, ...]) -> None:
        self._paths = tuple((path, *_steps(kind, path)) for path in paths)

    def __bool__(self) -> bool:
        return bool(self._paths)

    def named(self, message: Any) -> Iterator[tuple[str, str]]:
        """(path, name) of everything named; the first path with an empty name where nothing is."""
        for number, (path, steps, lists) in enumerate(self._paths):
            found = list(_values(message, steps, lists))
            if number == 0:
                # Leaving the name out means all: that is more than a confined caller may ask for.
                yield from ((path, value) for value in found or [""])
            else:
                yield from ((path, value) for value in found if value)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a method demands.

    Attributes:
        scope: Empty when the contract states none: nobody may call it.
        lasts: It streams, so that what its caller showed is looked at again.
        takes_many: Its requests are a stream.
        answer: Class of the answer, for those passed on as bytes.
    """

    scope: str
    rows: Rows
    answer_rows: Rows
    lasts: bool
    takes_many: bool
    answer: Any

    def answered(self, answer: Any) -> Any:
        return answer if isinstance(answer, Message) else self.answer.FromString(answer)


@cache
def demand_of(path: str) -> Demand | None:
    """What ``/package.Service/Method`` demands; None for a method of no contract known here."""
    service, _, method = path.strip("/").rpartition("/")
    try:
        found = descriptor_pool.Default().FindServiceByName(service).methods_by_name.get(method)
    except KeyError:
        return None
    return None if found is None else demand(found)


def demand(method: MethodDescriptor) -> Demand:
    """What a method demands.

    Raises:
        ContractFault: A path names no field.
    """
    stated = method.GetOptions().Extensions[access_pb2.access]
    scope = stated.scope
    if method.containing_service.full_name == _OPERATIONS_SERVICE:
        scope = _OPERATIONS.get(method.name, "")
    return Demand(
        scope=scope,
        rows=Rows(method.input_type, tuple(stated.rows)),
        answer_rows=Rows(method.output_type, tuple(stated.answer_rows)),
        lasts=method.server_streaming or method.client_streaming,
        takes_many=method.client_streaming,
        answer=message_factory.GetMessageClass(method.output_type),
    )


def _steps(kind: Descriptor, path: str) -> tuple[tuple[str, ...], tuple[bool, ...]]:
    at: Descriptor | None = kind
    steps = tuple(path.split("."))
    lists: list[bool] = []
    for number, step in enumerate(steps):
        field = None if at is None else at.fields_by_name.get(step)
        if field is None:
            raise ContractFault(f"{kind.full_name} has no field {path!r}: correct the access of its method")
        last = number == len(steps) - 1
        if last != (field.type == FieldDescriptor.TYPE_STRING):
            raise ContractFault(f"{kind.full_name}: {path!r} must end in a string and nowhere before")
        lists.append(bool(field.is_repeated))
        at = field.message_type
    return steps, tuple(lists)


def _values(message: Any, steps: tuple[str, ...], lists: tuple[bool, ...]) -> Iterator[str]:
    step, many = steps[0], lists[0]
    if len(steps) == 1:
        value = getattr(message, step)
        if many:
            yield from value
        else:
            yield value
        return
    if many:
        for each in getattr(message, step):
            yield from _values(each, steps[1:], lists[1:])
    elif message.HasField(step):
        yield from _values(getattr(message, step), steps[1:], lists[1:])
