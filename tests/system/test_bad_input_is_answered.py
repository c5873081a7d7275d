"""Bad input at the only door: the right code, and a message that names field, value and remedy."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2
from google.type import latlng_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.allocation.v1 import plan_pb2, rep_pb2
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from fieldwise_runtime.errors import RpcFault, from_rpc_error, from_status
from tests.system.installation import Running
from tests.system.small_world import END, customer, purchase


def refused(call: Any, request: Any, **options: Any) -> RpcFault:
    with pytest.raises(grpc.RpcError) as caught:
        call(request, **({"timeout": 10} | options))
    return from_rpc_error(caught.value)


def rejected(company: Running, *events: Any) -> Any:
    (answer,) = company.ingest(iter([pb.IngestEventsRequest(events=events)]))
    return answer


def test_a_negative_deadline_is_refused_at_once(company: Running) -> None:
    request = pb.DecideRequest(request_id="late", customer=customer(1))
    assert refused(company.gateway.Decide, request, timeout=-1).code == grpc.StatusCode.DEADLINE_EXCEEDED


def test_an_empty_batch_and_one_too_large_are_refused(company: Running) -> None:
    empty = refused(company.gateway.BatchDecide, pb.BatchDecideRequest(request_id="b"))
    assert (empty.code, [each.field for each in empty.violations]) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        ["customers"],
    )
    many = pb.BatchDecideRequest(request_id="b", customers=[f"customers/{n}" for n in range(10_001)])
    large = refused(company.gateway.BatchDecide, many)
    assert large.code == grpc.StatusCode.INVALID_ARGUMENT
    assert "10001" in large.message.replace(",", "")
    assert "split the batch" in large.message


@pytest.mark.parametrize("year", [1900, 3000, 2018])
def test_an_event_of_an_impossible_year_is_rejected_and_the_others_are_kept(
    company: Running, year: int
) -> None:
    who = f"customers/year-{year}"
    good = purchase(who, END.replace(day=1), 1)
    bad = purchase(who, datetime(year, 6, 1, tzinfo=UTC), 2)
    # A time of knowing is as impossible as the time of happening, and would be named too.
    bad.ClearField("known_at")
    answer = rejected(company, good, bad)
    assert (answer.accepted, len(answer.rejected)) == (1, 1)
    (violation,) = answer.rejected[0].details.field_violations
    assert "event_time" in violation.field
    assert str(year) in violation.description
    assert answer.rejected[0].index == 1


def test_a_duplicate_event_is_acknowledged_and_counts_once(company: Running) -> None:
    event = purchase("customers/twice", END.replace(day=2), 1)
    assert (rejected(company, event, event).accepted, rejected(company, event).duplicates) == (1, 1)


def test_bytes_that_are_no_message_are_refused(company: Running) -> None:
    raw: Any = company.channel.unary_unary("/fieldwise.gateway.v1.GatewayService/Decide")
    fault = refused(raw, b"\x0a\xff\xff")
    assert (fault.code, fault.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")


def test_a_request_id_with_another_body_is_refused(company: Running) -> None:
    name = str(uuid.uuid4())
    company.decide(customer(1), request_id=name)
    fault = refused(company.gateway.Decide, pb.DecideRequest(request_id=name, customer=customer(2)))
    assert (fault.code, fault.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    assert name in fault.message


def test_every_fault_of_a_request_is_named_at_once(company: Running) -> None:
    fault = refused(company.gateway.Decide, pb.DecideRequest(customer="nobody", max_actions=-1))
    assert {each.field for each in fault.violations} == {"request_id", "customer", "max_actions"}


def account(name: str, hours: float, **fields: Any) -> plan_pb2.Account:
    return plan_pb2.Account(
        name=name, workload_hours=hours, place=latlng_pb2.LatLng(latitude=52, longitude=13), **fields
    )


def rep(name: str) -> rep_pb2.Rep:
    return rep_pb2.Rep(
        name=f"reps/{name}", hours_per_week=40, home=latlng_pb2.LatLng(latitude=52.5, longitude=13.4)
    )


def test_an_account_without_a_place_is_refused_in_a_plan_with_places(company: Running) -> None:
    nowhere = plan_pb2.Account(name="b", workload_hours=1)
    request = pb.PlanTerritoriesRequest(
        request_id=str(uuid.uuid4()), accounts=[account("a", 1), nowhere], reps=[rep("kim"), rep("lee")]
    )
    fault = refused(company.gateway.PlanTerritories, request)
    assert fault.code == grpc.StatusCode.INVALID_ARGUMENT
    assert any(each.field == "accounts[1].place" for each in fault.violations), fault.message


def test_an_infeasible_plan_names_the_rule_that_cannot_hold(company: Running) -> None:
    request = pb.PlanTerritoriesRequest(
        request_id=str(uuid.uuid4()),
        accounts=[account("a", 1), account("b", 1, needs_skills=["welding"])],
        reps=[rep("kim"), rep("lee")],
    )
    operation = company.gateway.PlanTerritories(request, timeout=10)
    while not operation.done:
        operation = company.operations.WaitOperation(
            operations_pb2.WaitOperationRequest(name=operation.name), timeout=60
        )
    fault = from_status(operation.error)
    assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "INFEASIBLE_PLAN")
    assert "welding" in fault.message


def test_a_rep_without_hours_is_refused(company: Running) -> None:
    request = allocation_pb.CreateRepRequest(rep=rep_pb2.Rep(name="reps/idle"), request_id="idle")
    assert "rep.hours_per_week" in refused(company.gateway.CreateRep, request).message
