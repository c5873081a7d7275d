"""An example of a request in JSON, made from its descriptor and its field rules; knows no method and no comment."""

from __future__ import annotations

import re
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from fieldwise.type.v1 import rules_pb2

_F = FieldDescriptor
_DEPTH: Final = 3
# What stands for a field by its name, where its type alone would say little.
_BY_NAME: Final[dict[str, Any]] = {
    "request_id": "example-1",
    "customer": "customers/1001",
    "customers": ["customers/1001"],
    "channels": ["call"],
    "purpose": "PURPOSE_REPORTING",
    "max_actions": 3,
    "page_size": 10,
}
_BY_TYPE: Final[dict[str, Any]] = {
    "google.protobuf.Timestamp": "2017-12-25T00:00:00Z",
    "google.protobuf.Duration": "3600s",
    "google.protobuf.FieldMask": "",
}


def example(kind: Descriptor, depth: int = _DEPTH) -> dict[str, Any]:
    """Fields that must be set, and those whose name says what to put in; types are right, names of things made up."""
    told: dict[str, Any] = {}
    for field in kind.fields:
        rules = field.GetOptions().Extensions[rules_pb2.rules]
        wanted = rules.required or rules.min_items or field.name in _BY_NAME
        if wanted and (field.containing_oneof is None or field is field.containing_oneof.fields[0]):
            told[field.json_name] = _value(field, rules, depth)
    return told


def _value(field: FieldDescriptor, rules: Any, depth: int) -> Any:
    known = _BY_NAME.get(field.name)
    if known is not None and isinstance(known, list) == field.is_repeated and _fits(field, known):
        return known
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {}
    one = _one(field, rules, depth)
    return [one] * max(1, rules.min_items) if field.is_repeated else one


def _fits(field: FieldDescriptor, known: Any) -> bool:
    first = known[0] if isinstance(known, list) else known
    if field.enum_type is not None:
        return first in field.enum_type.values_by_name
    of_text = field.type == _F.TYPE_STRING
    return of_text if isinstance(first, str) else field.cpp_type in (_F.CPPTYPE_INT32, _F.CPPTYPE_UINT32)


def _one(field: FieldDescriptor, rules: Any, depth: int) -> Any:
    kind = field.message_type
    if kind is not None:
        special = _BY_TYPE.get(kind.full_name)
        if special is not None:
            return special
        return {} if kind.file.package == "google.protobuf" or depth <= 0 else example(kind, depth - 1)
    if field.enum_type is not None:
        return field.enum_type.values[min(1, len(field.enum_type.values) - 1)].name
    if field.cpp_type == _F.CPPTYPE_BOOL:
        return False
    if field.cpp_type == _F.CPPTYPE_STRING:
        return "ZXhhbXBsZQ==" if field.type == _F.TYPE_BYTES else _text(rules.pattern)
    return max(1, int(rules.at_least)) if rules.HasField("at_least") else 1


_GROUP: Final = re.compile(r"[(](?:[?]:)?([^()|]*)[^()]*[)]")
_CLASS: Final = re.compile(r"\[([^]]+)](?:[{]([0-9]+)(?:,[0-9]*)?[}]|([+*?]))?")


def _text(pattern: str) -> str:
    """The plainest text that a pattern of ours takes: the first of what may stand at a place, as often as it must."""
    if not pattern:
        return "example"
    return _CLASS.sub(_characters, _GROUP.sub(r"\1", pattern).partition("|")[0]).replace("\\", "")


def _characters(found: re.Match[str]) -> str:
    allowed, least, often = found.groups()
    first = "1" if allowed.startswith("A-Za-z0-9") else allowed[0]
    return first * int(least or (0 if often in ("*", "?") else 1))
