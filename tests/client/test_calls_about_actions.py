"""The calls about actions, policies and effects, of both clients: each reaches its method with a request that the gateway will take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fieldwise.recommend.v1 import effect_service_pb2 as effects
from fieldwise.recommend.v1.catalogue_pb2 import ActionDefinition
from fieldwise.recommend.v1.contact_pb2 import ContactPolicy
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_client.aio_recommend_calls import AsyncRecommendCalls
from fieldwise_client.recommend_calls import RecommendCalls
from fieldwise_runtime.rules import violations
from tests.client.both_clients import Ask, asking
from tests.client.fake_services import FakeServices, serving

# What the gateway fills in.
FILLED = {"decision_time", "as_of"}

BASELINE_ROW = effects.BaselineRow(customer="customers/1", money=Money(currency_code="USD", micros=5_000_000))

GIFT = ActionDefinition(name="actions/gift", title="A gift", channel="mail")

# Call, its arguments, and the method that it has to reach.
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("actions", (), {}, "ListActions"),
    ("create_action", (GIFT,), {"actor": "ann"}, "CreateAction"),
    ("update_action", (GIFT,), {"actor": "ann", "note": "cheaper"}, "UpdateAction"),
    ("retire_action", ("gift",), {"actor": "ann"}, "RetireAction"),
    ("submit_action", ("actions/gift",), {"actor": "ann"}, "SubmitAction"),
    ("approve_action", ("drafts/gift",), {"actor": "bob"}, "ApproveAction"),
    ("reject_action", ("gift",), {"actor": "bob", "note": "too dear"}, "RejectAction"),
    ("delete_draft", ("gift",), {}, "DeleteDraft"),
    ("drafts", (), {}, "ListDrafts"),
    ("publish_catalogue", (), {"actor": "eve", "confirm_reach": ["gift"]}, "PublishCatalogue"),
    ("rollback_catalogue", ("0123456789ab",), {"actor": "eve"}, "RollbackCatalogue"),
    ("catalogue_versions", (), {}, "ListCatalogueVersions"),
    ("action", ("gift",), {"version": "0123456789ab"}, "GetAction"),
    ("rule_fields", (), {}, "ListRuleFields"),
    ("import_catalogue", (b"[margins]",), {"actor": "ann"}, "ImportCatalogue"),
    ("export_catalogue", (), {}, "ExportCatalogue"),
    ("contact_policy", (), {}, "GetContactPolicy"),
    ("update_contact_policy", (ContactPolicy(etag="v1"),), {"actor": "ann"}, "UpdateContactPolicy"),
    ("evaluate_policy", (), {"reward": "bought", "confidence": 0.9}, "EvaluatePolicy"),
    ("train_policy", (), {}, "TrainPolicy"),
    ("policy_versions", (), {}, "ListPolicyVersions"),
    ("release_policy", ("3",), {"override_reason": "a trial"}, "ReleasePolicyVersion"),
    ("withdraw_policy", (), {}, "WithdrawPolicy"),
    ("report_effect", (), {"action": "call", "rep": "wang", "baseline": "2025"}, "ReportEffect"),
    ("import_baseline", ("2025", [BASELINE_ROW]), {}, "ImportBaseline"),
    ("baselines", (), {}, "ListBaselines"),
    ("learn_pair_rules", ([("1", 17_000, "NUTS")],), {}, "LearnPairRules"),
    ("pair_rules", (), {"given": "NUTS"}, "ListPairRules"),
    ("next_purchase_tables", (), {}, "GetNextPurchaseTables"),
    ("answers", (), {}, "GetAnswers"),
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
