"""Short paths of the calls most used: the same calls as under the methods' own paths, and the same refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway import http_gateway
from tests.gateway.http_gateway import DECIDE, HttpWorld

ASK = {"requestId": "short-1", "customer": "customers/known-1"}
SERVICE = DECIDE.removesuffix("Decide")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HttpWorld]:
    async with http_gateway.running(tmp_path_factory.mktemp("gateway")) as running:
        yield running


async def test_a_decision_is_made_under_its_short_path(world: HttpWorld) -> None:
    first = await world.post("/v1/decisions", ASK)
    again = await world.post(DECIDE, ASK)
    assert first.status_code == 200
    assert first.json() == again.json()
    batch = await world.post("/v1/decisions:batch", {"requestId": "b", "customers": ["customers/known-1"]})
    assert len(batch.json()["decisions"]) == 1


async def test_path_and_query_become_fields_of_the_request(world: HttpWorld) -> None:
    name = "00000000-0000-4000-8000-000000000000"
    short = await world.http.get(f"/v1/decisions/{name}?replay=true&explain=false")
    own = await world.post(f"{SERVICE}GetDecision", {"name": f"decisions/{name}", "replay": True})
    assert (short.status_code, short.json()["code"]) == (own.status_code, own.json()["code"])
    listed = await world.http.get("/v1/customers?pageSize=10")
    assert listed.json() == (await world.post(f"{SERVICE}ListCustomers", {"pageSize": 10})).json()
    assert listed.json()["names"]


async def test_what_no_field_takes_is_refused_by_its_name(world: HttpWorld) -> None:
    for query, told in (
        ("pagesize=10", "pagesize: got a field that does not exist"),
        ("pageSize=ten", "pageSize: got"),
        ("pageSize=1&pageSize=2", "pageSize: got"),
    ):
        refused = await world.http.get(f"/v1/customers?{query}")
        assert refused.status_code == 400
        assert told in refused.text
    bad = await world.http.get("/v1/decisions/none")
    assert bad.status_code == 400
    assert "must match" in bad.text


async def test_other_verbs_and_paths_beside_them_are_nowhere(world: HttpWorld) -> None:
    for verb, path in (("GET", "/v1/decisions"), ("POST", "/v1/customers"), ("GET", "/v1/decisions/a/b")):
        assert (await world.http.request(verb, path)).status_code == 404


async def test_short_paths_stand_in_the_document(world: HttpWorld) -> None:
    paths = (await world.http.get("/openapi.json")).json()["paths"]
    short = {(verb, path) for path, item in paths.items() if path.startswith("/v1/") for verb in item}
    assert short == {
        ("post", "/v1/decisions"),
        ("post", "/v1/decisions:batch"),
        ("get", "/v1/decisions/{id}"),
        ("post", "/v1/outcomes"),
        ("get", "/v1/customers"),
        ("get", "/v1/prices"),
    }
    read = paths["/v1/decisions/{id}"]["get"]
    assert (read["parameters"][0]["name"], read["parameters"][0]["in"]) == ("id", "path")
