"""From the purchases of everybody, through profile, jobs and recommend, to what one decision names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import fieldwise_client as fw
from tests.system.installation import Running
from tests.system.small_world import customer


@pytest.fixture
def client(company: Running) -> Iterator[fw.Client]:
    with fw.Client(f"127.0.0.1:{company.base}", timeout=10.0, api_key=company.key) as made:
        yield made


def test_next_purchases_are_learned_by_a_job_and_named_in_decisions_with_true_numbers(
    company: Running, client: fw.Client
) -> None:
    assert "learned next purchases" in company.run_job("learn-next").summary
    assert "counted" in company.run_job("learn-answers").summary
    # How well they are learned is not asked here: other tests have moved the clock away from the last purchases.
    assert client.next_purchase_tables().repeat_weights
    # They have spent the week's e-mails, too.
    company.next_week(coupon_money=1000.0, email_slots=1000.0)
    named = 0
    for number in range(40, 60):
        decision = client.decide(customer(number), max_actions=50)
        profile = client.profile(customer(number), purpose="decision")
        owned = {each.category: each.purchase_days for each in profile.interests}
        owned |= dict(zip(profile.further.bought, profile.further.purchase_days, strict=True))
        for ranked in decision.actions:
            for each in ranked.recommended:
                named += 1
                assert each.purchase_days == owned.get(each.category, 0)
                assert 0.0 <= each.probability <= 1.0
        assert client.replay_decision(decision.name).identical
    assert named
