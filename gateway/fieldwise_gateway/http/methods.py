"""The methods that are served, by path, as their descriptors tell; knows no protocol of the wire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor

from fieldwise_gateway.core.access import INTERNAL
from fieldwise_gateway.http import json_answers
from fieldwise_gateway.http.json_requests import JsonRequest
from fieldwise_gateway.rows import demand_of
from fieldwise_runtime.calls import GuardedServer


@dataclass(frozen=True)
class Method:
    """One method and the guarded handler that answers it.

    Args:
        path: ``/package.Service/Method``.
        handler: As grpc registers it, taking and giving bytes.
    """

    path: str
    descriptor: MethodDescriptor
    handler: Any

    # Looked up for each call, so taken from the descriptor once.
    input: Descriptor = field(init=False)
    output: Descriptor = field(init=False)
    client_streaming: bool = field(init=False)
    server_streaming: bool = field(init=False)

    def __post_init__(self) -> None:
        told = self.descriptor
        object.__setattr__(self, "input", told.input_type)
        object.__setattr__(self, "output", told.output_type)
        object.__setattr__(self, "client_streaming", told.client_streaming)
        object.__setattr__(self, "server_streaming", told.server_streaming)

    @property
    def service(self) -> ServiceDescriptor:
        """The service it belongs to."""
        return self.descriptor.containing_service

    @property
    def scope(self) -> str:
        """What a caller must hold to make the call."""
        demand = demand_of(self.path)
        return "" if demand is None else demand.scope

    @property
    def is_refused(self) -> bool:
        """Whether it is only for the services, and a handler says so to everybody."""
        return self.scope == INTERNAL

    @property
    def streams(self) -> bool:
        """Whether either side sends several messages."""
        return self.client_streaming or self.server_streaming

    def request(self, payload: bytes, *, is_json: bool) -> bytes:
        """What the handler is given for a message of the wire."""
        return JsonRequest.of(payload, self.input) if is_json else payload

    def payload(self, answer: Any, *, is_json: bool) -> bytes:
        """What the wire carries for an answer of the handler, which is bytes or, in some streams, still a message."""
        if not is_json:
            return answer if isinstance(answer, bytes) else self.handler.response_serializer(answer)
        if isinstance(answer, bytes):
            answer = message_factory.GetMessageClass(self.output).FromString(answer)
        return json_answers.written(answer)


def services_named(names: Iterable[str]) -> list[ServiceDescriptor]:
    """The services' descriptors; each must have been imported."""
    pool = descriptor_pool.Default()
    return [pool.FindServiceByName(name) for name in names]


def methods_of(guarded: GuardedServer, services: Iterable[ServiceDescriptor]) -> dict[str, Method]:
    """Every method that the server answers, by path; those it refuses by a handler of their own are among them."""
    found = (_method(guarded, each) for service in services for each in service.methods)
    return {method.path: method for method in found if method is not None}


def _method(guarded: GuardedServer, told: MethodDescriptor) -> Method | None:
    path = f"/{told.containing_service.full_name}/{told.name}"
    handler = guarded.handler(path)
    if handler is None:
        return None
    return Method(path, told, handler)
