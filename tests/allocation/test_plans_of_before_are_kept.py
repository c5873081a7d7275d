"""Plans stored before questions and histories were kept: migrated, read, applied and rolled back to, on both databases."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import sqlalchemy as sa
from alembic import command

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from fieldwise_allocation import plan_records
from fieldwise_allocation.__main__ import PACKAGE
from fieldwise_allocation.plan_records import CHUNK, Origin
from fieldwise_runtime import engines, migrations
from fieldwise_runtime.database import Database
from tests.allocation.allocation_servers import allocation, fault_of, moment
from tests.allocation.plan_builders import asked, by_turns, keep, plan_message


def as_it_was(url: str, *plans: plan_pb2.TerritoryPlan) -> None:
    """A database of the first revision, with plans in it and the last of them in force."""
    engine = engines.writing(url, survives_power_loss=True)
    config = migrations._config(PACKAGE)  # only here is another revision than the newest wanted
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        config.attributes["version_table"] = migrations._version_table(PACKAGE)
        command.upgrade(config, "0001")
        for plan in plans:
            row = {"name": plan.name, "body": plan.SerializeToString()}
            connection.execute(sa.text("INSERT INTO plans (name, body) VALUES (:name, :body)"), row)
        in_force = {"name": plans[-1].name}
        connection.execute(sa.text("INSERT INTO state (key, value) VALUES ('applied_plan', :name)"), in_force)
    engine.dispose()


async def test_plans_of_the_first_revision_keep_their_assignments_and_their_place_in_force(
    database_url: str, tmp_path: Path
) -> None:
    request = asked()
    old, in_force = (plan_message(request, by_turns(request)) for _ in range(2))
    as_it_was(database_url, old, in_force)
    async with allocation(tmp_path, FIELDWISE_ALLOCATION_DATABASE_URL=database_url) as served:
        listed = await served.plans.ListPlans(plans_pb2.ListPlansRequest())
        assert {plan.name: plan.state for plan in listed.plans} == {
            old.name: plan_life_pb2.PLAN_STATE_DRAFT,
            in_force.name: plan_life_pb2.PLAN_STATE_APPLIED,
        }
        for plan in (old, in_force):
            read = await served.calls.GetPlan(service_pb2.GetPlanRequest(name=plan.name))
            assert list(read.assignments) == list(plan.assignments)
            assert (read.accounts, read.applied) == (24, plan is in_force)
        copy = plans_pb2.CopyPlanRequest(name=old.name, request_id="copy", decision_time=moment())
        copied = service_pb2.GetPlanRequest(name=(await served.plans.CopyPlan(copy)).name)
        assert list((await served.calls.GetPlan(copied)).assignments) == list(old.assignments)
        question = plans_pb2.ComparePlansRequest(plan=old.name)
        assert (await fault_of(served.plans.ComparePlans(question))).reason == "NO_QUESTION"
        for rep in request.reps:
            await served.calls.CreateRep(service_pb2.CreateRepRequest(rep=rep, request_id=rep.name))
        apply = service_pb2.ApplyPlanRequest(name=old.name, request_id="apply")
        assert (await served.calls.ApplyPlan(apply)).applied
        back = plans_pb2.RollbackPlanRequest(request_id="back", decision_time=moment())
        assert (await served.plans.RollbackPlan(back)).name == in_force.name


async def test_a_plan_without_a_time_has_no_moment_in_its_history(
    sqlite_database_url: str, tmp_path: Path
) -> None:
    request = asked()
    plan = plan_message(request, by_turns(request))
    await keep(sqlite_database_url, (request, plan))
    async with allocation(tmp_path, FIELDWISE_ALLOCATION_DATABASE_URL=sqlite_database_url) as served:
        for rep in request.reps:
            await served.calls.CreateRep(service_pb2.CreateRepRequest(rep=rep, request_id=rep.name))
        await served.calls.ApplyPlan(service_pb2.ApplyPlanRequest(name=plan.name, request_id="apply"))
        listed = await served.plans.ListPlanEvents(plans_pb2.ListPlanEventsRequest(page_size=1))
        assert not listed.events[0].HasField("event_time")


async def test_any_stretch_of_a_large_plan_is_read_as_it_was_kept(sqlite_database_url: str) -> None:
    migrations.migrate(sqlite_database_url, PACKAGE)
    database = Database.open(sqlite_database_url)
    plan = plan_pb2.TerritoryPlan(name="plans/large", create_time=moment())
    plan.assignments.extend(
        plan_pb2.Assignment(account=f"customers/{j}", rep="reps/a" if j % 3 else "")
        for j in range(2 * CHUNK + 5)
    )
    await database.write(lambda connection: plan_records.keep(connection, plan, None, Origin()))
    whole = list(plan.assignments)
    stretches: list[tuple[int, int | None]] = [
        (0, 5),
        (CHUNK - 2, 4),
        (CHUNK, None),
        (2 * CHUNK, 9),
        (2 * CHUNK + 7, 1),
    ]
    for first, most in stretches:
        read = await database.read(
            partial(plan_records.assignments, name="plans/large", first=first, most=most)
        )
        assert read == whole[first : None if most is None else first + most]
    rep_of = await database.read(lambda c: plan_records.rep_of(c, "plans/large"))
    assert len(rep_of) == sum(1 for each in whole if each.rep)
    figures = await database.read(lambda c: plan_records.whole(c, "plans/large", most=CHUNK))
    assert (len(figures.assignments), figures.accounts) == (0, 2 * CHUNK + 5)
    await database.close()
