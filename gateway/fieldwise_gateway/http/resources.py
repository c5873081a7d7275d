"""Short paths of the calls most used, such as ``GET /v1/decisions/{id}``, as `google.api.http` in the contracts states them.

A request to one becomes the same request to the method's own path; nothing else of it is known here. Of the annotation's language
the contracts use: a GET whose path names at most one field, the others in the query, and a POST whose body is the request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from fieldwise_gateway.http.bodies import Receive
from fieldwise_gateway.http.methods import Method

# {name=decisions/*}: the field, and its value, in which a star is one segment.
_VARIABLE: Final = re.compile(r"[{](\w+)=([^}]*)[}]")
_MOST_FIELDS: Final = 100
_BOOLEANS: Final = {"true": True, "false": False}
_OF_A_BODY: Final = (b"content-type", b"content-length", b"content-encoding", b"transfer-encoding")


@dataclass(frozen=True)
class Resource:
    """A short path of a method.

    Args:
        verb: GET or POST.
        template: As the contract has it, such as ``/v1/{name=decisions/*}``.
    """

    verb: str
    template: str
    method: Method

    @property
    def pattern(self) -> re.Pattern[str]:
        """What its paths match; the group is the field that the path names."""
        fixed, *rest = _VARIABLE.split(self.template)
        text = re.escape(fixed)
        for name, value, after in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
            text += f"(?P<{name}>{_segments(value)})"
            text += re.escape(after)
        return re.compile(text)

    @property
    def named(self) -> str:
        """The field that the path names; empty for none."""
        found = _VARIABLE.search(self.template)
        return found.group(1) if found else ""

    @property
    def shown(self) -> str:
        """The template as OpenAPI writes it: ``/v1/decisions/{id}``."""
        return _VARIABLE.sub(lambda found: found.group(2).replace("*", "{id}"), self.template)


class Resources:
    """All short paths."""

    def __init__(self, methods: Iterable[Method]) -> None:
        self.all = [found for method in methods if (found := _resource(method)) is not None]
        self._found = [(each.verb, each.pattern, each) for each in self.all]

    def rewritten(self, scope: Any, receive: Receive) -> tuple[Any, Receive] | None:
        """The request as it would be sent to the method's own path; None for a path that is none of ours."""
        if not scope["path"].startswith("/v1/"):
            return None
        for verb, pattern, resource in self._found:
            match = pattern.fullmatch(scope["path"]) if verb == scope["method"] else None
            if match is None:
                continue
            called = scope | {"path": resource.method.path, "method": "POST"}
            if verb == "POST":
                return called, receive
            body = json.dumps(
                _asked(resource.method.input, match.groupdict(), scope["query_string"])
            ).encode()
            kept = [pair for pair in scope["headers"] if pair[0] not in _OF_A_BODY]
            called["headers"] = [*kept, (b"content-type", b"application/json")]
            return called, partial(_given, receive, [body])
        return None


def _segments(value: str) -> str:
    return "[^/]+".join(re.escape(part) for part in value.split("*"))


def _resource(method: Method) -> Resource | None:
    # Google's own contract of operations has paths of other forms; its methods are reached by their own.
    if not method.service.file.package.startswith("fieldwise."):
        return None
    http: Any = annotations_pb2.http  # its stub calls it a plain field
    rule: Any = method.descriptor.GetOptions().Extensions[http]
    verb = rule.WhichOneof("pattern")
    return Resource(verb.upper(), getattr(rule, verb), method) if verb in ("get", "post") else None


async def _given(receive: Receive, bodies: list[bytes]) -> Any:
    """The body made of the path, in place of the one that came; then whatever comes."""
    message = await receive()
    if bodies and message["type"] == "http.request":
        return {"type": "http.request", "body": bodies.pop(), "more_body": False}
    return message


def _asked(kind: Descriptor, named: dict[str, str], query: bytes) -> dict[str, Any]:
    """The request in JSON; a field that does not exist stays in it and is refused where JSON is read."""
    told: dict[str, Any] = dict(named)
    for name, text in parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_FIELDS):
        _put(told, kind, name, text)
    return told


def _put(told: dict[str, Any], kind: Descriptor, name: str, text: str) -> None:
    first, _, rest = name.partition(".")
    field = next((each for each in kind.fields if first in (each.name, each.json_name)), None)
    if rest and field is not None and field.message_type is not None:
        inner = told.setdefault(first, {})
        if isinstance(inner, dict):
            _put(inner, field.message_type, rest, text)
        return
    value: Any = text
    if field is not None and field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        value = _BOOLEANS.get(text, text)
    if field is not None and field.is_repeated:
        told.setdefault(name, []).append(value)
    else:
        # Sent twice is refused by the reader: one value is what such a field takes.
        told[name] = [told[name], value] if name in told else value
