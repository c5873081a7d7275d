"""The gateway's pure parts: names, budgets of time, workloads."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from fieldwise.profile.v1.profile_pb2 import Profile
from fieldwise.recommend.v1.decision_pb2 import DecisionInputs
from fieldwise.recommend.v1.recommend_service_pb2 import BatchRecommendActionsRequest
from fieldwise_gateway.core.names import decision_name
from fieldwise_gateway.core.time_budget import ANSWER_RESERVE, TimeBudget, longest
from fieldwise_gateway.core.wire_fields import delimited
from fieldwise_gateway.core.workload import Outlook, account_value, expected_orders, workload_hours

outlooks = st.builds(
    Outlook,
    p_buys=st.floats(0, 1),
    p_silent=st.floats(0, 1),
    spend_if_buys=st.integers(0, 10**9),
    usual_gap_days=st.none() | st.floats(0.5, 200),
    orders_last_28_days=st.floats(0, 28),
)


@given(st.integers(0, 2**48 - 2), st.integers(0, 2**80 - 1), st.integers(0, 2**80 - 1))
def test_names_are_version_7_and_ascend_with_time(milliseconds: int, some: int, others: int) -> None:
    earlier, later = decision_name(milliseconds, some), decision_name(milliseconds + 1, others)
    assert UUID(earlier.removeprefix("decisions/")).version == 7
    assert earlier < later


@given(st.floats(-1, 600))
def test_the_steps_never_get_more_time_than_there_is(seconds: float) -> None:
    budget = TimeBudget.of(seconds)
    assert budget.profile >= 0
    assert budget.profile + budget.facts <= max(0.0, seconds - ANSWER_RESERVE)


def test_a_batch_may_take_longer_than_one_decision() -> None:
    assert longest(2.0, 1) == 2.0
    assert longest(2.0, 128) > 4.0


@given(outlooks)
def test_more_orders_make_more_work_and_never_less(outlook: Outlook) -> None:
    from dataclasses import replace

    busier = replace(outlook, orders_last_28_days=outlook.orders_last_28_days * 3)
    assert expected_orders(busier) >= expected_orders(outlook)
    assert workload_hours(busier) >= workload_hours(outlook) >= 0


@given(outlooks, st.floats(0, 1))
def test_value_lies_between_nothing_and_the_margin_of_all_spend(outlook: Outlook, margin: float) -> None:
    assert 0 <= account_value(outlook, margin) <= round(outlook.spend_if_buys * margin)


@given(st.lists(st.integers(0, 40_000), min_size=1, max_size=5))
def test_messages_joined_as_bytes_are_the_messages_joined(lengths: list[int]) -> None:
    parts = [DecisionInputs(decision=f"decisions/{n}", rep="r" * length) for n, length in enumerate(lengths)]
    profile = Profile(name="customers/a", event_count=7)
    held = DecisionInputs(profile=profile).SerializeToString()
    joined = b"".join(delimited(1, part.SerializeToString() + held) for part in parts)
    expected = BatchRecommendActionsRequest(inputs=parts)
    for each in expected.inputs:
        each.profile.CopyFrom(profile)
    assert BatchRecommendActionsRequest.FromString(joined) == expected
