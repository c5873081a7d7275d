"""What is fuzzed: each target takes the bytes of an input, and raises when they met a fault of ours; knows no fuzzer."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, MethodDescriptor

import fieldwise.allocation.v1
import fieldwise.forecast.v1
import fieldwise.gateway.v1
import fieldwise.profile.v1
import fieldwise.recommend.v1
from benchmarks.gateway.fuzzing.backends import Answering
from benchmarks.gateway.fuzzing.doors import Doors, Fault
from benchmarks.gateway.fuzzing.values import Bytes
from benchmarks.gateway.fuzzing.words import KEYS, RULE_WORDS
from fieldwise.gateway.v1 import events_service_pb2 as events_pb
from fieldwise_gateway.access import Access
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.capturing import Capturing
from fieldwise_gateway.http import bodies, json_requests, wires
from fieldwise_gateway.http.examples import example
from fieldwise_gateway.issuer_keys import TokenKeys
from fieldwise_gateway.keyring import Keyring
from fieldwise_gateway.relay import relayed_services
from fieldwise_gateway.tokens import Tokens
from fieldwise_recommend.core.facts import FIELDS
from fieldwise_rules.compiler import compiled
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.tracing import parse_traceparent

CONTRACTS: Final = (
    fieldwise.gateway.v1,
    fieldwise.profile.v1,
    fieldwise.forecast.v1,
    fieldwise.allocation.v1,
    fieldwise.recommend.v1,
)
_NOW: Final = datetime(2017, 12, 25, tzinfo=UTC)
_MOST_UNZIPPED: Final = 1 << 20
_CALLS: Final = ("track", "identify", "page", "screen", "group", "alias")

Target = Callable[[bytes], None]


def _methods() -> list[MethodDescriptor]:
    services = [service for contract in CONTRACTS for service in relayed_services(contract)]
    return [method for service in services for method in service.methods]


@contextmanager
def handlers() -> Iterator[Target]:
    """Bytes -> protobuf -> the guarded handler of every method at the door, with services behind it that answer at once."""
    doors, methods = Doors(), _methods()
    right = {method.full_name: _example(method.input_type) for method in methods}

    def one(data: bytes) -> None:
        taken = Bytes(data)
        method = methods[taken.below(len(methods))]
        shape, whole = taken.below(3), right[method.full_name]
        body = _spliced(whole, taken) if shape == 2 else whole * shape + taken.rest
        doors.ask(f"/{method.containing_service.full_name}/{method.name}", [body] * (1 + taken.below(2)))

    try:
        yield one
    finally:
        doors.close()


def _example(kind: Descriptor) -> bytes:
    message = message_factory.GetMessageClass(kind)()
    try:
        return json_format.ParseDict(example(kind), message).SerializeToString()
    except json_format.ParseError:
        return b""


def _spliced(whole: bytes, taken: Bytes) -> bytes:
    """A right message with some of its bytes replaced."""
    made = bytearray(whole)
    for _ in range(1 + taken.below(4)):
        at = taken.below(len(made) + 1)
        made[at : at + taken.below(4)] = taken.take(taken.below(5))
    return bytes(made)


@contextmanager
def events() -> Iterator[Target]:
    """What SDKs send, as Segment's messages and as CloudEvents, into events of profile's contract."""
    channel = cast("Any", Answering())
    backends = Backends.over(channel, channel, channel, channel)
    capturing = Capturing(backends, lambda: _NOW, "USD", lambda _: None)

    def one(data: bytes) -> None:
        taken = Bytes(data)
        request = events_pb.CaptureEventsRequest(call=taken.one_of(("", *_CALLS)))
        request.form = events_pb.CaptureForm.values()[1 + taken.below(2)]
        request.body = _json(_sent(taken)) if taken.below(8) else taken.rest
        try:
            read = capturing._read(request, "fuzz")
        except FieldwiseError as refused:
            _check(refused)
            return
        for each in (*read.events, *read.refused):
            each.SerializeToString()

    yield one


def _sent(taken: Bytes) -> Any:
    """Nearly what an SDK sends: a message, a batch of them, or anything."""
    shape = taken.below(4)
    if not shape:
        return taken.value(KEYS)
    messages = [taken.object(KEYS) for _ in range(1 + taken.below(3))]
    for each in messages:
        each.setdefault("type", taken.one_of(_CALLS))
        each.setdefault("event", taken.one_of(KEYS))
        for name, value in (("userId", "u1"), ("messageId", "m1"), ("id", "e1"), ("specversion", "1.0")):
            each.setdefault(name, value)
    batch = {"batch": messages, "sentAt": taken.text()}
    return (batch, messages, messages[0])[shape - 1]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@contextmanager
def rules() -> Iterator[Target]:
    """Rules of actions in CEL: read, checked, compiled, and run on odd values."""

    def one(data: bytes) -> None:
        taken = Bytes(data)
        known = taken.below(4)
        if taken.below(4):
            text = " ".join(str(taken.one_of(RULE_WORDS)) for _ in range(taken.below(40)))
        else:
            text = taken.rest.decode("utf-8", "replace")
        try:
            compiled(text, FIELDS).holds(
                [_odd(field.kind.name) if known else None for field in FIELDS.listed]
            )
        except FieldwiseError as refused:
            _check(refused)

    yield one


def _odd(kind: str) -> Any:
    """A value of a field's kind at the edge of what it can be."""
    known: dict[str, Any] = {"double": -1e308, "int": 2**63 - 1, "string": "a" * 64, "timestamp": 0}
    return known.get(kind, ["a" * 64] * 64)


@contextmanager
def json_face() -> Iterator[Target]:
    """Bodies of the JSON face: unzipped, read strictly into each request, written back."""
    kinds = sorted({method.input_type.full_name: method.input_type for method in _methods()}.items())

    def one(data: bytes) -> None:
        taken = Bytes(data)
        kind = kinds[taken.below(len(kinds))][1]
        try:
            if taken.below(3):
                names = [field.json_name for field in kind.fields] or ["none"]
                body = _json({**example(kind), **taken.object(names)})
            else:
                body = bodies.decompressed(taken.rest, taken.one_of(("", "gzip", "br")), _MOST_UNZIPPED)
            json_requests.read(body, kind).SerializeToString()
        except FieldwiseError as refused:
            _check(refused)

    yield one


class _NoKeys:
    """A store in which no key stands."""

    async def version(self) -> int:
        return 0

    async def all(self) -> tuple[int, dict[str, Any]]:
        return 0, {}


@contextmanager
def headers() -> Iterator[Target]:
    """Headers of a call: the trace it belongs to, its time, its metadata, and whoever it says makes it."""
    logging.disable(logging.CRITICAL)
    private = ec.generate_private_key(ec.SECP256R1())
    loop = asyncio.new_event_loop()
    access = loop.run_until_complete(_access(private.public_key()))

    def one(data: bytes) -> None:
        taken = Bytes(data)
        text = taken.text() if taken.below(2) else taken.rest.decode("latin-1")
        parse_traceparent(text)
        wires.headers_of(wires.metadata_of([(b"a-bin", taken.rest), (b"a", taken.rest)]))
        _refusable(lambda: wires.grpc_timeout(taken.rest))
        _refusable(lambda: wires.milliseconds(taken.rest))
        shown = (f"Bearer {_token(taken, private)}", f"Basic {text}", f"Bearer fw_{text}", text)[
            taken.below(4)
        ]
        _refusable(lambda: loop.run_until_complete(access.authenticate(shown)))

    try:
        yield one
    finally:
        loop.close()
        logging.disable(logging.NOTSET)


async def _access(public: ec.EllipticCurvePublicKey) -> Access:
    """A gate that knows no API key, and one key of an issuer."""
    keyring = Keyring(cast("Any", _NoKeys()))
    await keyring.open()
    key = jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True) | {"kid": "k"}
    with tempfile.TemporaryDirectory(prefix="fieldwise-fuzz-") as folder:
        place = Path(folder) / "keys.json"
        place.write_text(json.dumps({"keys": [key]}))
        keys = TokenKeys(str(place))
        await keys.of("k")
    return Access(keyring, Tokens(keys, "issuer", "fieldwise", now=_NOW.timestamp))


def _token(taken: Bytes, private: ec.EllipticCurvePrivateKey) -> str:
    """A token that the issuer signed, with odd claims."""
    claims: dict[str, Any] = {
        "iss": "issuer",
        "aud": "fieldwise",
        "sub": "s",
        "exp": 4e9,
        "nbf": 0,
        "roles": "app",
    }
    claims |= taken.object(("iss", "aud", "sub", "exp", "nbf", "iat", "roles", "reps", "scopes"))
    try:
        return jwt.encode(claims, private, "ES256", {"kid": "k"})
    except (TypeError, ValueError):  # what no issuer could sign
        return taken.rest.decode("latin-1")


def _refusable(read: Callable[[], Any]) -> None:
    try:
        read()
    except FieldwiseError as refused:
        _check(refused)


def _check(refused: FieldwiseError) -> None:
    """A refusal must not be a fault of ours."""
    if refused.code.name in ("INTERNAL", "UNKNOWN"):
        raise Fault(f"refused with {refused.code.name}") from refused


# Each is entered once: what it opened is closed behind it.
TARGETS: Final[dict[str, Callable[[], AbstractContextManager[Target]]]] = {
    "handlers": handlers,
    "events": events,
    "rules": rules,
    "json": json_face,
    "headers": headers,
}
