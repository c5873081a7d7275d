"""Services of one package as a client sees them: any call is answered with an empty answer, or with what a test says. Real gRPC."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent import futures
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import grpc
from google.longrunning.operations_pb2 import Operation
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass


def methods(package: str) -> Iterator[MethodDescriptor]:
    """Every method of every service of a package such as ``fieldwise.profile.v1``."""
    for each in iter_modules(import_module(package).__path__):
        if each.name.endswith("_service_pb2"):
            for service in import_module(f"{package}.{each.name}").DESCRIPTOR.services_by_name.values():
                yield from service.methods


class FakeServices(grpc.GenericRpcHandler):
    """Keeps what it is asked; ``answers`` gives the answers of a method, one for a unary call."""

    def __init__(self, package: str) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.answers: dict[str, Callable[[Any], list[Any]]] = {}
        self.unavailable = 0
        self.breaks_after_answers = 0
        self._methods = {f"/{m.containing_service.full_name}/{m.name}": m for m in methods(package)}

    def service(self, handler_call_details: Any) -> Any:
        method = self._methods.get(handler_call_details.method)
        if method is None:
            return None
        read, write = GetMessageClass(method.input_type).FromString, _bytes
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(self._stream(method), read, write)
        return grpc.unary_unary_rpc_method_handler(self._unary(method), read, write)

    def _met(self, method: MethodDescriptor, request: Any, context: Any) -> list[Any]:
        self.asked.append((method.name, request))
        if self.unavailable > 0:
            self.unavailable -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        if method.name in self.answers:
            return self.answers[method.name](request)
        answer = GetMessageClass(method.output_type)()
        if isinstance(answer, Operation):
            answer.name, answer.done = "operations/forecast/1", True
            answer.response.SetInParent()
        return [answer]

    def _unary(self, method: MethodDescriptor) -> Callable[[Any, Any], Any]:
        return lambda request, context: self._met(method, request, context)[0]

    def _stream(self, method: MethodDescriptor) -> Callable[[Any, Any], Iterator[Any]]:
        def answers(request: Any, context: Any) -> Iterator[Any]:
            yield from self._met(method, request, context)
            if self.breaks_after_answers:
                self.breaks_after_answers -= 1
                context.abort(grpc.StatusCode.UNAVAILABLE, "killed")

        return answers


@contextlib.contextmanager
def serving(fake: FakeServices) -> Iterator[str]:
    """The fake on a port of its own; gives its address."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((fake,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


def _bytes(message: Any) -> bytes:
    raw: bytes = message.SerializeToString()
    return raw
