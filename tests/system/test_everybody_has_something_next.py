"""Every customer of the company has an action or is left alone, and each rep's day keeps within his minutes; through real processes."""

from __future__ import annotations

from collections import Counter

from fieldwise.gateway.v1.rep_days_service_pb2 import ListNextActionsRequest, ListNextActionsResponse
from fieldwise.gateway.v1.rep_days_service_pb2_grpc import RepDaysServiceStub
from fieldwise.profile.v1.consent_pb2 import PURPOSE_DECISION
from fieldwise.profile.v1.profile_service_pb2 import ListCustomersRequest
from fieldwise.profile.v1.profile_service_pb2_grpc import ProfileServiceStub
from fieldwise.recommend.v1 import decision_pb2
from tests.system.installation import Running
from tests.system.small_world import CUSTOMERS, customer

REPS = ("reps/wang", "reps/li", "reps/zhao")


def day_of(company: Running, rep: str) -> ListNextActionsResponse:
    request = ListNextActionsRequest(parent=rep, minutes=20.0, page_size=500)
    answer: ListNextActionsResponse = RepDaysServiceStub(company.channel).ListNextActions(request, timeout=60)
    return answer


def customers_of(company: Running) -> set[str]:
    """Everybody whom profile lists for decisions."""
    request = ListCustomersRequest(page_size=1000, purpose=PURPOSE_DECISION)
    return set(ProfileServiceStub(company.channel).ListCustomers(request, timeout=10).names)


def test_every_customer_has_an_action_or_is_left_alone_and_days_keep_within_minutes(company: Running) -> None:
    company.run_job("solve-prices")
    known = customers_of(company)
    run = company.run_job("decide-for-all")
    assert f"decided for {len(known)} customers" in run.summary
    assert "0 without either" in run.summary
    days = [day_of(company, rep) for rep in REPS]
    found = Counter(each.customer for day in days for each in day.next_actions)
    # Other tests share the company: some of its customers were merged or erased by then, and some came.
    first = {customer(number) for number in range(CUSTOMERS)} & known
    assert len(first) > CUSTOMERS / 2
    assert first <= set(found) <= known
    assert set(found.values()) == {1}
    for day in days:
        assert sum(each.minutes for each in day.next_actions if each.rank) <= 20.0
        verdicts = {each.decision.verdict for each in day.next_actions}
        assert verdicts <= {decision_pb2.VERDICT_ACT, decision_pb2.VERDICT_LEAVE_ALONE}
        assert {each.decision.rep for each in day.next_actions if each.minutes} <= {day.rep_day.rep}
    # The day keeps what the job decided, and asking again changes nothing.
    again = [day_of(company, rep) for rep in REPS]
    assert [list(day.next_actions) for day in again] == [list(day.next_actions) for day in days]
