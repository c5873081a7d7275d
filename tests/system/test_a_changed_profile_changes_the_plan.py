"""Analysis, forecast, allocation: events that triple one account's orders change all three, in one trace."""

from __future__ import annotations

import uuid
from datetime import timedelta

from fieldwise.allocation.v1 import plan_pb2
from fieldwise.gateway.v1 import traces_service_pb2 as traces_pb
from fieldwise.recommend.v1 import decision_pb2
from tests.system.installation import Running
from tests.system.small_world import END, batches, customer, purchase

# One who had stopped buying: what comes back is seen by every model.
WHO = customer(55)
SERVICES = {"fieldwise-gateway", "fieldwise-profile", "fieldwise-forecast", "fieldwise-allocation"}


def workload(plan: plan_pb2.TerritoryPlan) -> float:
    return sum(load.workload_hours for load in plan.loads)


def p_buys(decision: decision_pb2.Decision) -> float:
    return next(each.probability for each in decision.predictions if each.model == "models/buys-28d")


def is_whole(trace: traces_pb.Trace) -> bool:
    return {span.service for span in trace.spans} >= SERVICES and not trace.orphans


def test_three_times_the_orders_change_forecast_workload_and_plan(company: Running) -> None:
    before, chance_before = company.plan(), p_buys(company.decide(WHO))
    days = [END - timedelta(days=day, hours=9) for day in range(1, 28)]
    more = [purchase(WHO, when, number, source="new-shop", dollars=30.0) for number, when in enumerate(days)]
    assert sum(answer.accepted for answer in company.ingest(batches(more))) == len(more)

    trace_id = uuid.uuid4().hex
    after = company.plan(trace_id)
    assert p_buys(company.decide(WHO)) > chance_before
    assert workload(after) > workload(before)
    assert [load.workload_hours for load in after.loads] != [load.workload_hours for load in before.loads]
    for load in after.loads:
        assert load.workload_hours <= load.target_hours * 1.1 + 1e-6
    trace = company.trace(after.name, is_whole)
    assert trace.name == f"traces/{trace_id}"
    stages = {span.name for span in trace.spans if span.service == "fieldwise-allocation"}
    assert {"compile", "prices", "search", "describe", "verify", "keep plan"} <= stages
    assert {span.service for span in trace.spans} >= SERVICES
    assert is_whole(trace)
