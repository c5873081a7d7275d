"""What the HTTP face says of itself: OpenAPI 3.1, a page for people, whether it is ready; and to whom it speaks."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.message import Message

from fieldwise_gateway.http.json_answers import written
from fieldwise_gateway.http.json_requests import read
from fieldwise_runtime import rules
from tests.gateway import http_gateway
from tests.gateway.http_gateway import DECIDE, HttpWorld

APP = "https://app.example.com"
SCHEMA_WORDS = {
    *(
        "type",
        "description",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "format",
        "pattern",
        "enum",
    ),
    *(
        "maxLength",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "uniqueItems",
        "contentEncoding",
        "oneOf",
        "$ref",
    ),
}

# One gateway for all of them: none leaves anything that another would notice.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HttpWorld]:
    async with http_gateway.running(tmp_path_factory.mktemp("gateway"), HTTP_ORIGINS=APP) as running:
        yield running


def _schemas(at: Any) -> Iterator[dict[str, Any]]:
    """A schema and those within it."""
    yield at
    for inner in (
        at.get("items"),
        at.get("additionalProperties"),
        *at.get("oneOf", ()),
        *at.get("properties", {}).values(),
    ):
        if isinstance(inner, dict):
            yield from _schemas(inner)


def _calls(document: dict[str, Any]) -> dict[str, Any]:
    """The methods' own paths; each short one is another way to one of them."""
    return {path: item for path, item in document["paths"].items() if not path.startswith("/v1/")}


async def test_the_openapi_document_is_whole(world: HttpWorld) -> None:
    answer = await world.http.get("/openapi.json")
    document = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch(r"3\.1\.\d", document["openapi"])
    assert document["info"].keys() >= {"title", "version"}
    schemas = document["components"]["schemas"]
    assert all(re.fullmatch(r"[a-zA-Z0-9._-]+", name) for name in schemas)
    for schema in schemas.values():
        for each in _schemas(schema):
            assert each.keys() <= SCHEMA_WORDS
            if "$ref" in each:
                assert each["$ref"].removeprefix("#/components/schemas/") in schemas
            if "pattern" in each:
                re.compile(each["pattern"])
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    tags = {tag["name"] for tag in document["tags"]}
    for operation in operations:
        assert set(operation["tags"]) <= tags
        assert operation["summary"]
        assert operation["responses"].keys() == {"200", "default"}


async def test_every_served_method_and_every_field_of_it_stands_in_the_document(world: HttpWorld) -> None:
    document = (await world.http.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    pool = descriptor_pool.Default()
    fields = 0
    for name in world.service_names:
        for method in pool.FindServiceByName(name).methods:
            operation = document["paths"].get(f"/{name}/{method.name}", {}).get("post")
            if operation is None:
                continue
            for kind in (method.input_type, method.output_type):
                if kind.full_name not in schemas:
                    assert kind.full_name.startswith("google.protobuf.")
                    continue
                told = schemas[kind.full_name]["properties"]
                assert set(told) == {field.json_name for field in kind.fields}
                fields += len(told)
    assert len(document["paths"]) > 100
    assert fields > 400


async def test_comments_rules_and_scopes_of_the_contracts_stand_in_the_document(world: HttpWorld) -> None:
    document = (await world.http.get("/openapi.json")).json()
    asked = document["components"]["schemas"]["fieldwise.gateway.v1.DecideRequest"]
    assert asked["required"] == ["requestId", "customer"]
    assert asked["additionalProperties"] is False
    assert asked["properties"]["maxActions"]["maximum"] == 50
    assert asked["properties"]["requestId"]["description"].startswith("The caller's id of the request")
    decide = document["paths"][DECIDE]["post"]
    assert decide["summary"] == "What to do for one customer"
    assert decide["x-fieldwise-scope"] == "decisions.write"
    assert all(
        schema.get("description")
        for name, schema in document["components"]["schemas"].items()
        if name.startswith("fieldwise.")
    )


async def test_every_example_in_the_document_is_a_request(world: HttpWorld) -> None:
    document = (await world.http.get("/openapi.json")).json()
    pool = descriptor_pool.Default()
    unruly = []
    for path, item in _calls(document).items():
        service, _, method = path.strip("/").partition("/")
        kind = pool.FindServiceByName(service).methods_by_name[method].input_type
        (content,) = item["post"]["requestBody"]["content"].values()
        message = read(json.dumps(content["example"]).encode(), kind)
        if rules.violations(message, frozenset()):
            unruly.append(path)
    assert not unruly
    assert (
        await world.post(
            DECIDE, document["paths"][DECIDE]["post"]["requestBody"]["content"]["application/json"]["example"]
        )
    ).status_code == 200


async def test_the_page_for_people_loads_nothing_from_anywhere(world: HttpWorld) -> None:
    answer = await world.http.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    assert not re.search(r"(?:src|href)=['\"]?(?:https?:)?//", answer.text)
    assert DECIDE in answer.text


async def test_readiness_names_every_dependency(world: HttpWorld) -> None:
    assert (await world.http.get("/healthz")).json() == {"alive": True}
    await world.post(DECIDE, {"requestId": "r", "customer": "customers/known-1"})
    ready = await world.http.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["dependencies"].keys() == {
        "database",
        "profile",
        "forecast",
        "allocation",
        "recommend",
    }


async def test_only_named_origins_may_call_from_a_page(world: HttpWorld) -> None:
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    named = await world.http.options(DECIDE, headers={"origin": APP, **asks})
    other = await world.http.options(DECIDE, headers={"origin": "https://evil.example.com", **asks})
    assert named.headers["access-control-allow-origin"] == APP
    assert "access-control-allow-origin" not in other.headers
    answer = await world.post(DECIDE, {"requestId": "r", "customer": "customers/known-1"}, origin=APP)
    assert answer.headers["access-control-allow-origin"] == APP
    assert "access-control-allow-credentials" not in answer.headers


async def test_without_named_origins_no_page_may_call(tmp_path: Path) -> None:
    async with http_gateway.running(tmp_path) as world:
        answer = await world.post(DECIDE, {"requestId": "r", "customer": "customers/known-1"}, origin=APP)
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_other_paths_and_methods_are_told_what_there_is(world: HttpWorld) -> None:
    nowhere = await world.post("/fieldwise.gateway.v1.GatewayService/Decidee", {})
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "unimplemented")
    read_it = await world.http.get(DECIDE)
    assert (read_it.status_code, read_it.headers["allow"]) == (405, "POST")


def _filled(message: Message, depth: int = 0) -> Message:
    """The message with every field set, but for what is too deep."""
    for field in message.DESCRIPTOR.fields:
        if depth > 4 or (field.containing_oneof and field is not field.containing_oneof.fields[0]):
            continue
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            of_value = kind.fields_by_name["value"]
            if of_value.message_type is None:
                key = "k" if kind.fields_by_name["key"].cpp_type == 9 else 7
                getattr(message, field.name)[key] = (
                    _VALUES[of_value.cpp_type] if of_value.type != 12 else b"\x00"
                )
        elif kind is not None:
            inner = getattr(message, field.name)
            inner = inner.add() if field.is_repeated else inner
            if not field.is_repeated:
                inner.SetInParent()
            if kind.file.package != "google.protobuf":
                _filled(inner, depth + 1)
            elif kind.name in ("Timestamp", "Duration"):
                inner.seconds, inner.nanos = 1_500_000_000, 120_000_000
        else:
            value = _VALUES[field.cpp_type] if field.type != 12 else b"\x00\xff"
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
    return message


_VALUES: dict[int, Any] = {
    1: -3,
    2: -(2**40),
    3: 7,
    4: 2**63,
    5: 0.1,
    6: 0.1,
    7: True,
    8: 1,
    9: 'a"\u00fc\u6f22\n',
}


async def test_answers_are_written_and_requests_read_as_protobuf_does(world: HttpWorld) -> None:
    pool = descriptor_pool.Default()
    kinds = {
        kind.full_name: kind
        for name in world.service_names
        for method in pool.FindServiceByName(name).methods
        for kind in (method.input_type, method.output_type)
    }
    for kind in kinds.values():
        message = _filled(message_factory.GetMessageClass(kind)())
        assert json.loads(written(message)) == json.loads(json_format.MessageToJson(message)), kind.full_name
        assert read(written(message), kind) == message, kind.full_name
