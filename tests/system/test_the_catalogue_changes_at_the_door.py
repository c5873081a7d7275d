"""The catalogue of a whole installation, changed through the gateway: what is published decides at once, and goes back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise.recommend.v1.catalogue_pb2 import ActionDefinition
from fieldwise_client import Client, InvalidRequest
from tests.system.installation import Running
from tests.system.small_world import customer


@pytest.fixture
def client(company: Running) -> Iterator[Client]:
    with Client(f"127.0.0.1:{company.base}", api_key=company.key) as client:
        yield client


def considered(company: Running) -> set[str]:
    """All actions that a decision looked at."""
    request = pb.DecideRequest(request_id=str(uuid.uuid4()), customer=customer(1), max_actions=50)
    decision = company.gateway.Decide(request, timeout=10).decision
    return {each.action for each in decision.actions} | {each.action for each in decision.rejected}


def test_a_published_action_is_considered_by_the_next_decision_until_it_is_rolled_back(
    company: Running, client: Client
) -> None:
    before = client.export_catalogue().version
    gift = ActionDefinition(
        name="actions/gift", title="A gift", channel="mail", eligibility="purchase_days >= 2"
    )
    with pytest.raises(InvalidRequest, match=r"action\.cost"):
        client.create_action(gift, actor="ann")
    gift.cost.currency_code, gift.cost.micros = "USD", 500_000
    draft = client.create_action(gift, actor="ann", note="for spring")
    client.submit_action(draft.name, actor="ann")
    client.approve_action(draft.name, actor="bob")
    assert "actions/gift" not in considered(company)
    version = client.publish_catalogue(actor="eve", confirm_reach=["gift"]).version
    try:
        assert "actions/gift" in considered(company)
        assert client.action("gift").definition.eligibility == "purchase_days >= 2"
        assert next(iter(client.catalogue_versions())).version == version.version == client.actions().version
    finally:
        client.rollback_catalogue(before, actor="eve")
    assert "actions/gift" not in considered(company)
