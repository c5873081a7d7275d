"""The calls about actions, policies and effects, of both clients: each reaches its method with a request that the gateway will take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fieldwise_client.aio_recommend_calls import AsyncRecommendCalls
from fieldwise_client.recommend_calls import RecommendCalls
from fieldwise_runtime.rules import violations
from tests.client.both_clients import Ask, asking
from tests.client.fake_services import FakeServices, serving

# What the gateway fills in.
FILLED = {"decision_time", "as_of"}

# Call, its arguments, and the method that it has to reach.
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("actions", (), {}, "ListActions"),
]


@pytest.fixture
def recommend() -> FakeServices:
    return FakeServices("fieldwise.recommend.v1")


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, recommend: FakeServices) -> Iterator[Ask]:
    with serving(recommend) as address:
        yield asking(request.param, address)


@pytest.mark.parametrize(("method", "args", "more", "reached"), CALLS, ids=lambda value: str(value)[:24])
def test_a_call_reaches_its_method_with_a_request_that_obeys_the_contract(
    ask: Ask, recommend: FakeServices, method: str, args: tuple[Any, ...], more: dict[str, Any], reached: str
) -> None:
    ask(method, *args, **more)
    assert reached in [name for name, _ in recommend.asked]
    for _, request in recommend.asked:
        assert [fault for fault in violations(request) if fault.field not in FILLED] == []


def test_every_call_about_actions_is_tried_here() -> None:
    for kind in (RecommendCalls, AsyncRecommendCalls):
        own = {name for name, each in vars(kind).items() if callable(each) and not name.startswith("_")}
        assert own == {method for method, *_ in CALLS}
