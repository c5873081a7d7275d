"""The contracts as an OpenAPI 3.1 document: descriptors with their comments to schemas and paths; knows no server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from fieldwise.type.v1 import rules_pb2
from fieldwise_gateway.http.examples import example
from fieldwise_gateway.http.methods import Method
from fieldwise_gateway.http.resources import Resource

Schema = dict[str, Any]

_F = FieldDescriptor
_DESCRIPTION: Final = (
    "Decisions, customers, plans and models. Every call is a POST of proto3 JSON to /{package.Service}/{Method}; the same "
    "paths take Connect and gRPC-Web. Fields that do not exist are refused. Errors are JSON with code, message and details "
    "(google.rpc.BadRequest, ErrorInfo, RetryInfo)."
)
# Well-known types whose JSON is no object of their fields.
_SPECIAL: Final[Mapping[str, Schema]] = {
    "Timestamp": {"type": "string", "format": "date-time"},
    "Duration": {"type": "string", "pattern": "^-?[0-9]+([.][0-9]{1,9})?s$"},
    "FieldMask": {"type": "string"},
    "Struct": {"type": "object"},
    "Value": {},
    "ListValue": {"type": "array"},
    "Any": {"type": "object", "properties": {"@type": {"type": "string"}}},
    "BoolValue": {"type": "boolean"},
    "StringValue": {"type": "string"},
    "BytesValue": {"type": "string", "contentEncoding": "base64"},
    "DoubleValue": {"type": "number"},
    "FloatValue": {"type": "number"},
    "Int32Value": {"type": "integer"},
    "UInt32Value": {"type": "integer"},
    "Int64Value": {"type": "string"},
    "UInt64Value": {"type": "string"},
}
_SCALARS: Final[Mapping[int, Schema]] = {
    _F.CPPTYPE_BOOL: {"type": "boolean"},
    _F.CPPTYPE_STRING: {"type": "string"},
    _F.CPPTYPE_INT32: {"type": "integer", "format": "int32"},
    _F.CPPTYPE_UINT32: {"type": "integer", "format": "int32"},
    # JavaScript's numbers do not hold 64 bits, so answers write them in quotes; requests may leave the quotes out.
    _F.CPPTYPE_INT64: {"type": ["string", "integer"], "format": "int64"},
    _F.CPPTYPE_UINT64: {"type": ["string", "integer"], "format": "int64"},
}
_NOT_FINITE: Final = {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}
_ERROR: Final[Schema] = {
    "type": "object",
    "description": "Why a call was refused. Rely on code and on the reason in ErrorInfo, never on the message.",
    "properties": {
        "code": {"type": "string", "description": "gRPC's code in small letters, such as invalid_argument."},
        "message": {"type": "string"},
        "details": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "type": {"type": "string", "description": "Such as google.rpc.BadRequest."},
                    "value": {"type": "string", "contentEncoding": "base64"},
                    "debug": {"type": "object", "description": "The same as JSON, for people."},
                },
            },
        },
    },
    "required": ["code"],
}


def document(methods: Iterable[Method], resources: Iterable[Resource] = ()) -> dict[str, Any]:
    """The document of these methods and of short paths to some of them; those that nobody may call are left out."""
    served = [method for method in methods if not method.is_refused]
    requests = _reached(method.input for method in served)
    schemas = {
        kind.full_name: _object(kind, is_request=kind.full_name in requests)
        for kind in _reached(each for method in served for each in (method.input, method.output)).values()
    }
    services = {method.service.full_name: method.service for method in served}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Fieldwise gateway", "version": "v1", "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [
            {"name": name, "description": _comment(service.full_name)} for name, service in services.items()
        ],
        "paths": {method.path: {"post": _operation(method)} for method in served}
        | {each.shown: {each.verb.lower(): _short(each)} for each in resources},
        "components": {
            "schemas": schemas | {"Error": _ERROR},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"bearer": []}, {}],
    }


def _operation(method: Method) -> dict[str, Any]:
    comment = _comment(method.descriptor.full_name)
    # A stream's body is frames of such messages, which OpenAPI has no words for.
    kind = "application/connect+json" if method.streams else "application/json"
    of_error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    told: dict[str, Any] = {
        "operationId": method.descriptor.full_name,
        "tags": [method.service.full_name],
        "summary": comment.partition(". ")[0].rstrip("."),
        "description": comment,
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": _reference(method.input), "example": example(method.input)}},
        },
        "responses": {
            "200": {"description": "The answer.", "content": {kind: {"schema": _reference(method.output)}}},
            "default": {"description": "Refused.", "content": of_error},
        },
    }
    return told | ({"x-fieldwise-scope": method.scope} if method.scope else {})


def _short(resource: Resource) -> dict[str, Any]:
    """The operation of a short path."""
    told = _operation(resource.method) | {"operationId": f"{resource.method.descriptor.full_name}.short"}
    if resource.verb != "GET":
        return told
    told.pop("requestBody")
    told["parameters"] = [_parameter(field, resource) for field in resource.method.input.fields]
    return told


def _parameter(field: FieldDescriptor, resource: Resource) -> dict[str, Any]:
    in_path = field.name == resource.named
    schema = {"type": "string"} if in_path else _field(field)
    comment = schema.pop("description", "") or _comment(field.full_name)
    return {
        "name": "id" if in_path else field.json_name,
        "in": "path" if in_path else "query",
        "required": in_path,
        "description": f"What follows the last stroke in: {comment}" if in_path else comment,
        "schema": schema,
    }


def _reached(kinds: Iterable[Descriptor]) -> dict[str, Descriptor]:
    """The messages and all that stand in their fields, by name; those with a JSON of their own are left out."""
    found: dict[str, Descriptor] = {}
    left = list(kinds)
    while left:
        kind = left.pop()
        if kind.full_name in found or _special(kind) is not None:
            continue
        if not kind.GetOptions().map_entry:
            found[kind.full_name] = kind
        left += [field.message_type for field in kind.fields if field.message_type is not None]
    return dict(sorted(found.items()))


def _special(kind: Descriptor) -> Schema | None:
    return _SPECIAL.get(kind.name) if kind.file.package == "google.protobuf" else None


def _reference(kind: Descriptor) -> Schema:
    special = _special(kind)
    return {"$ref": f"#/components/schemas/{kind.full_name}"} if special is None else dict(special)


def _object(kind: Descriptor, *, is_request: bool) -> Schema:
    told: Schema = {
        "type": "object",
        "description": _comment(kind.full_name),
        "properties": {field.json_name: _field(field) for field in kind.fields},
    }
    required = [field.json_name for field in kind.fields if is_request and _rules(field).required]
    if required:
        told["required"] = required
    if is_request:
        told["additionalProperties"] = False
    return told


def _rules(field: FieldDescriptor) -> Any:
    return field.GetOptions().Extensions[rules_pb2.rules]


def _field(field: FieldDescriptor) -> Schema:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        told: Schema = {"type": "object", "additionalProperties": _one(kind.fields_by_name["value"])}
    elif field.is_repeated:
        told = {"type": "array", "items": _one(field) | _bounds(field)} | _amounts(field)
    else:
        told = _one(field)
        told |= _bounds(field)
    comment = _comment(field.full_name)
    return told | ({"description": comment} if comment else {})


def _one(field: FieldDescriptor) -> Schema:
    if field.message_type is not None:
        return _reference(field.message_type)
    if field.enum_type is not None:
        return _enum(field.enum_type)
    if field.cpp_type in (_F.CPPTYPE_DOUBLE, _F.CPPTYPE_FLOAT):
        number = {"type": "number", "format": "double" if field.cpp_type == _F.CPPTYPE_DOUBLE else "float"}
        return {"oneOf": [number, dict(_NOT_FINITE)]} if _rules(field).allow_non_finite else number
    if field.type == _F.TYPE_BYTES:
        return {"type": "string", "contentEncoding": "base64"}
    return dict(_SCALARS[field.cpp_type])


def _enum(kind: EnumDescriptor) -> Schema:
    names = [value.name for value in kind.values]
    told = "; ".join(
        f"{value.name}: {comment}"
        for value in kind.values
        if (comment := _comment(_value_name(kind, value.name)))
    )
    return {"type": "string", "enum": names} | ({"description": told} if told else {})


def _value_name(kind: EnumDescriptor, value: str) -> str:
    return f"{kind.full_name}.{value}"


def _bounds(field: FieldDescriptor) -> Schema:
    """The field's rules as JSON Schema has them; its patterns match anywhere, ours the whole."""
    rules = _rules(field)
    told: Schema = {}
    if field.type == _F.TYPE_STRING:
        if rules.pattern:
            # An empty string is a field that is not set, to which no pattern applies.
            told["pattern"] = f"^(?:{rules.pattern})$" if rules.required else f"^(?:{rules.pattern})?$"
        told["maxLength"] = rules.max_length or 4096
    if field.cpp_type in (_F.CPPTYPE_INT32, _F.CPPTYPE_UINT32, _F.CPPTYPE_DOUBLE, _F.CPPTYPE_FLOAT):
        told |= {"minimum": rules.at_least} if rules.HasField("at_least") else {}
        told |= {"maximum": rules.at_most} if rules.HasField("at_most") else {}
    return told


def _amounts(field: FieldDescriptor) -> Schema:
    rules = _rules(field)
    told: Schema = {"maxItems": rules.max_items or 100_000}
    return (
        told
        | ({"minItems": rules.min_items} if rules.min_items else {})
        | ({"uniqueItems": True} if rules.unique else {})
    )


def _comment(name: str) -> str:
    return _comments().get(name, "")


@lru_cache(maxsize=1)
def _comments() -> dict[str, str]:
    """What the contracts say of each service, method, message, field, enum and value, by full name."""
    image = FileDescriptorSet.FromString(files("fieldwise").joinpath("contracts.binpb").read_bytes())
    found: dict[str, str] = {}
    for file in image.file:
        for location in file.source_code_info.location:
            name = _named(file, location.path)
            if name and location.leading_comments:
                found[name] = " ".join(location.leading_comments.split())
    return found


# Where a descriptor's parts stand, by the number of their field in descriptor.proto.
_PARTS: Final = {
    "FileDescriptorProto": {4: "message_type", 5: "enum_type", 6: "service"},
    "DescriptorProto": {2: "field", 3: "nested_type", 4: "enum_type"},
    "EnumDescriptorProto": {2: "value"},
    "ServiceDescriptorProto": {2: "method"},
}


def _named(file: Any, path: Iterable[int]) -> str:
    """The full name of what a path of numbers leads to; empty for anything but the parts above."""
    at, names, steps = file, [file.package], list(path)
    if not steps or len(steps) % 2:
        return ""
    for kind, number in zip(steps[::2], steps[1::2], strict=True):
        part = _PARTS.get(type(at).__name__, {}).get(kind)
        if part is None:
            return ""
        at = getattr(at, part)[number]
        names.append(at.name)
    return ".".join(names)
