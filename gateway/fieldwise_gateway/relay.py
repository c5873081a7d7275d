"""Services of profile, forecast, allocation and recommend at the only door: calls are passed on as bytes, with the business time filled in; knows no message.

Methods are found in the contracts, so that a new one is served without a line here. What a request must carry and only the
gateway knows (`decision_time`, `as_of`) is filled in before its field rules are checked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from fieldwise.type.v1 import access_pb2, rules_pb2
from fieldwise_runtime import deadlines
from fieldwise_runtime.errors import FieldwiseError

# Of the profile store itself, what an app may ask. The rest is for the other services, or has a door of its own.
OF_THE_STORE: Final = frozenset(
    {
        "GetProfile",
        "BatchGetProfiles",
        "ListCustomers",
        "WatchProfiles",
        "ListChanges",
        "ListEvents",
        "RebuildProfiles",
    }
)
# Scores take features, which apps do not have: they ask for a decision.
OF_THE_FORECASTS: Final = frozenset({"ForecastSeries", "TrainModel", "ListModelVersions", "RollbackModel"})
# Deciding and what was decided have calls of the gateway's own.
OF_THE_DECISIONS: Final = frozenset({"ListActions"})
# Services of which only some methods are served; all others are served whole.
_PARTLY: Final = {
    "fieldwise.profile.v1.ProfileService": OF_THE_STORE,
    "fieldwise.forecast.v1.ForecastService": OF_THE_FORECASTS,
    "fieldwise.recommend.v1.RecommendService": OF_THE_DECISIONS,
}
# Asked for each decision, by the gateway itself; the rest of its service is served.
_ONLY_FOR_DECISIONS: Final = frozenset(
    {
        "fieldwise.allocation.v1.AllocationService.LookUpTerms",
        "fieldwise.allocation.v1.AllocationService.WatchTerms",
    }
)
# A part of EraseCustomer, which is served.
_ONLY_OF_ERASURE: Final = "fieldwise.allocation.v1.AllocationService.EraseCustomers"
_INSTEAD: Final = {
    "BatchRecommendActions": "ask for decisions with fieldwise.gateway.v1.GatewayService/BatchDecide",
    "ValueActions": "actions are valued for prices by the jobs process; ask for a decision with Decide: it holds the values",
    "GetCommitments": "read what is left in fieldwise.allocation.v1.AllocationService/GetPrices",
    "GetDecision": "ask with fieldwise.gateway.v1.GatewayService/GetDecision",
    "ReplayDecision": "replay with fieldwise.gateway.v1.GatewayService/GetDecision",
    "RecordOutcomes": "report with fieldwise.gateway.v1.GatewayService/RecordOutcome",
    "ListDueResults": "results are measured by the jobs process; ask for fieldwise.recommend.v1.EffectService/ReportEffect",
    "RecordResults": "results are measured by the jobs process; report outcomes with fieldwise.gateway.v1.GatewayService/RecordOutcome",
    "IngestEvents": "send events with fieldwise.gateway.v1.GatewayService/IngestEvents",
    "ListOutcomeEvents": "read what came of a decision with fieldwise.gateway.v1.GatewayService/GetDecision",
    "LookUpTerms": "ask for a decision with fieldwise.gateway.v1.GatewayService/Decide: it names the rep and the prices",
    "WatchTerms": "ask for a decision with fieldwise.gateway.v1.GatewayService/Decide: it names the rep and the prices",
    "WatchModels": "list the versions with fieldwise.forecast.v1.ForecastService/ListModelVersions",
    "WatchChanges": "watch customers with fieldwise.profile.v1.ProfileService/WatchProfiles, or follow ListChanges",
    "SolvePrices": "prices are solved by the jobs process; read them with fieldwise.allocation.v1.AllocationService/GetPrices",
    "EraseCustomers": "erase a customer everywhere with fieldwise.profile.v1.PrivacyService/EraseCustomer",
    "ScoreCustomers": "ask for a decision with fieldwise.gateway.v1.GatewayService/Decide: it holds the scores",
}
_ONLY_INSIDE: Final = (
    "it is for the services behind the gateway; read profiles with GetProfile or BatchGetProfiles"
)
_FILLED: Final = ("decision_time", "as_of")

# Answers one method by itself, instead of passing it on: takes the checked request and gives the answer.
Instead = Callable[[Any, Any], Any]


def relayed_services(contracts: ModuleType) -> list[ServiceDescriptor]:
    """Every service of a package of contracts, such as ``fieldwise.profile.v1``, by name."""
    names = sorted(each.name for each in iter_modules(contracts.__path__))
    modules = (
        import_module(f"{contracts.__name__}.{name}") for name in names if name.endswith("_service_pb2")
    )
    return [service for module in modules for service in module.DESCRIPTOR.services_by_name.values()]


class Relay:
    """Serves services of another server by passing each call on over a channel to it.

    Args:
        channel: To the server that answers.
        now: The business clock.
        instead: Methods that are answered here, by path (``/fieldwise.profile.v1.PrivacyService/EraseCustomer``).
        after: What is done before the answer of a method is passed on, by path.
        written: Is told before the answer of any other unary method that writes is passed on.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        now: Callable[[], datetime],
        instead: Mapping[str, Instead] | None = None,
        after: Mapping[str, Callable[[], Awaitable[None]]] | None = None,
        written: Callable[[], None] | None = None,
    ) -> None:
        self._channel = channel
        self._now = now
        self._instead = dict(instead or {})
        self._after = dict(after or {})
        self._written = written

    def register(self, server: grpc.aio.Server, services: Iterable[ServiceDescriptor]) -> None:
        """Add the services to the server."""
        handlers = [self._service(service) for service in services]
        server.add_generic_rpc_handlers(handlers)

    def _service(self, service: ServiceDescriptor) -> grpc.GenericRpcHandler:
        methods = {method.name: self._method(method) for method in service.methods}
        return grpc.method_handlers_generic_handler(service.full_name, methods)

    def _method(self, method: MethodDescriptor) -> Any:
        path = f"/{method.containing_service.full_name}/{method.name}"
        if not _is_served(method):
            return _refusing(path)
        parse = _Filling(method.input_type, self._now).parse
        own = self._instead.get(path)
        if own is not None:
            return grpc.unary_unary_rpc_method_handler(own, parse, _serialized)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(self._stream(path), parse)
        return grpc.unary_unary_rpc_method_handler(self._unary(path, writes=_writes(method)), parse)

    def _unary(self, path: str, *, writes: bool) -> Instead:
        call: Any = self._channel.unary_unary(path, _serialized)
        after = self._after.get(path)
        written = self._written if writes and after is None else None

        async def answer(request: Message, _context: Any) -> bytes:
            # As long as the caller waits; the channel's own limit holds for a caller who gave none.
            raw: bytes = await call(request, timeout=deadlines.remaining())
            if after is not None:
                await after()
            if written is not None:
                written()
            return raw

        return answer

    def _stream(self, path: str) -> Callable[[Message, Any], AsyncIterator[bytes]]:
        call: Any = self._channel.unary_stream(path, _serialized)

        async def answers(request: Message, _context: Any) -> AsyncIterator[bytes]:
            running = call(request)
            try:
                async with aclosing(aiter(running)) as passing:
                    async for raw in passing:
                        yield raw
            finally:
                # A caller who went away must not leave the work behind him running.
                running.cancel()

        return answers


class _Filling:
    """Reads requests of one type and fills in the business time where one is required and missing."""

    def __init__(self, kind: Descriptor, now: Callable[[], datetime]) -> None:
        # The name of what was expected, for the error about bytes that do not parse.
        self.DESCRIPTOR = kind
        self._read: Callable[[bytes], Any] = message_factory.GetMessageClass(kind).FromString
        self._fields = tuple(name for name in _FILLED if _is_required_time(kind.fields_by_name.get(name)))
        self._now = now

    def parse(self, raw: bytes) -> Any:
        """The request in the bytes, filled in."""
        request = self._read(raw)
        for name in self._fields:
            if not request.HasField(name):
                getattr(request, name).FromDatetime(self._now())
        return request


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()


def _is_served(method: MethodDescriptor) -> bool:
    if method.client_streaming or method.full_name in (*_ONLY_FOR_DECISIONS, _ONLY_OF_ERASURE):
        return False
    served = _PARTLY.get(method.containing_service.full_name)
    return served is None or method.name in served


def _writes(method: MethodDescriptor) -> bool:
    scope: str = method.GetOptions().Extensions[access_pb2.access].scope
    return scope.endswith(".write")


def _is_required_time(field: FieldDescriptor | None) -> bool:
    # Where the contract does not ask for a time, leaving it out means something, such as "always the latest".
    if field is None or field.message_type is None:
        return False
    is_time = field.message_type.full_name == "google.protobuf.Timestamp"
    return is_time and bool(field.GetOptions().Extensions[rules_pb2.rules].required)


def not_served(path: str) -> FieldwiseError:
    """What a caller is told of a method (``/package.Service/Method``) that is only for the services: what to call instead."""
    remedy = _INSTEAD.get(path.rpartition("/")[2], _ONLY_INSIDE)
    message = f"{path.strip('/')} is not served by the gateway; {remedy}"
    return FieldwiseError("NOT_AT_THE_GATEWAY", message, code=grpc.StatusCode.UNIMPLEMENTED)


def _refusing(path: str) -> Any:
    async def refuse(_request: Any, _context: Any) -> bytes:
        raise not_served(path)

    # What was sent is not read: bytes of any form get the same answer, and a stream its first and last one.
    return grpc.stream_unary_rpc_method_handler(refuse)
