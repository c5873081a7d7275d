"""One installation with a small world in it, for all system tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from fieldwise.allocation.v1 import allocation_service_pb2 as allocation_pb
from fieldwise.allocation.v1 import rep_pb2
from fieldwise.gateway.v1 import gateway_service_pb2 as pb
from tests.system import installation, small_world
from tests.system.installation import Running


@pytest.fixture(scope="session")
def empty_company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Everything runs; nobody is known yet. One in a run of tests, however many processes share it."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    # Fails if it is there: two whole systems on two cores would make each other late.
    (shared / "company.one").touch(exist_ok=False)
    running = installation.started(tmp_path_factory.mktemp("company"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def company(empty_company: Running) -> Running:
    """A company with a history, models, reps, territories and prices."""
    running = empty_company
    events = sorted(small_world.history(), key=lambda event: event.event_time.ToNanoseconds())
    answers = running.ingest(small_world.batches(events))
    assert sum(answer.accepted for answer in answers) == len(events)
    for name in ("wang", "li", "zhao"):
        rep = rep_pb2.Rep(name=f"reps/{name}", hours_per_week=2.0)
        running.gateway.CreateRep(
            allocation_pb.CreateRepRequest(rep=rep, request_id=f"rep-{name}"), timeout=10
        )
    running.set_budgets(coupon_money=60.0, email_slots=40.0)
    running.run_job("train-models")
    plan = running.plan()
    running.gateway.ApplyPlan(pb.ApplyPlanRequest(name=plan.name, request_id="apply"), timeout=10)
    running.run_job("solve-prices")
    return running
