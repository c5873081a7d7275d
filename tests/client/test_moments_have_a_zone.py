"""A moment without a time zone is refused wherever a request takes one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from fieldwise_client import policy_requests, price_requests
from fieldwise_client.errors import InvalidRequest

BARE = datetime(2026, 3, 1, 12)

WITH_A_MOMENT: dict[str, Callable[[datetime], object]] = {
    "evaluate_policy since": lambda at: policy_requests.evaluate_policy((), at, None, "money", None),
    "evaluate_policy until": lambda at: policy_requests.evaluate_policy((), None, at, "money", None),
    "train_policy since": lambda at: policy_requests.train_policy(at, None),
    "price_history since": lambda at: price_requests.price_sets(at, None),
    "price_history until": lambda at: price_requests.price_sets(None, at),
}


@pytest.mark.parametrize("call", WITH_A_MOMENT)
def test_a_moment_without_a_zone_is_refused_with_its_field(call: str) -> None:
    make = WITH_A_MOMENT[call]
    make(BARE.replace(tzinfo=UTC))
    with pytest.raises(InvalidRequest) as refused:
        make(BARE)
    assert refused.value.violations[0].field == call.split()[1]
