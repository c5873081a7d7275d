"""A customer is erased: no byte of the database names him any more, and plans, scenarios and uploads go on without him."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from fieldwise.allocation.v1 import account_service_pb2 as accounts_pb2
from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_life_pb2, plan_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from fieldwise_allocation import store_visits
from fieldwise_allocation.erasing import tells
from fieldwise_runtime import engines
from fieldwise_runtime.database import Database
from tests.allocation.allocation_servers import Allocation, allocation, moment, plan_of
from tests.allocation.plan_builders import asked, by_turns, keep, plan_message

GONE = "customers/2"
NEIGHBOUR = "customers/20"


@dataclass(frozen=True)
class World:
    """A server with a plan in force, an override and a practice that name a customer, and an upload."""

    served: Allocation
    plan: plan_pb2.TerritoryPlan
    url: str

    async def erase(self, *customers: str) -> service_pb2.EraseCustomersResponse:
        request = service_pb2.EraseCustomersRequest(customers=customers)
        return await self.served.calls.EraseCustomers(request)

    async def child(self) -> plan_pb2.TerritoryPlan:
        listed = await self.served.plans.ListPlans(plans_pb2.ListPlansRequest(parent=self.plan.name))
        return await self.served.calls.GetPlan(service_pb2.GetPlanRequest(name=listed.plans[0].name))


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[World]:
    """A world on a database."""
    request = asked()
    plan = plan_message(request, by_turns(request))
    await keep(url, (request, plan))
    async with allocation(folder, FIELDWISE_ALLOCATION_DATABASE_URL=url) as served:
        for rep in request.reps:
            await served.calls.CreateRep(service_pb2.CreateRepRequest(rep=rep, request_id=rep.name))
        await served.calls.ApplyPlan(service_pb2.ApplyPlanRequest(name=plan.name, request_id="apply"))
        override = plans_pb2.OverridePlanRequest(
            name=plan.name, request_id="wish", decision_time=moment(), accept_broken_rules=True
        )
        for customer in (GONE, NEIGHBOUR):
            override.assignments.append(plan_life_pb2.HandAssignment(account=customer, rep="reps/d"))
        await served.plans.OverridePlan(override)
        await uploaded(served, request)
        yield World(served, plan, url)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(database_url, tmp_path) as made:
        yield made


async def uploaded(served: Allocation, request: service_pb2.PlanTerritoriesRequest) -> None:
    create = accounts_pb2.CreateAccountSetRequest(request_id="set", decision_time=moment())
    made = await served.accounts.CreateAccountSet(create)
    for sequence, first in enumerate((0, 12)):
        part = request.accounts[first : first + 12]
        chunk = accounts_pb2.AppendAccountsRequest(account_set=made.name, sequence=sequence, accounts=part)
        await served.accounts.AppendAccounts(chunk)


def everything(url: str) -> str:
    """All cells of all tables as text, what is compressed unpacked."""
    engine = engines.reading(url, connections=1)
    metadata = sa.MetaData()
    cells: list[str] = []
    with engine.connect() as connection:
        metadata.reflect(connection)
        for table in metadata.tables.values():
            for row in connection.execute(sa.select(table)):
                cells += map(_text, row)
    engine.dispose()
    return "\n".join(cells)


def _text(cell: object) -> str:
    if not isinstance(cell, bytes):
        return str(cell)
    try:
        return zlib.decompress(cell).decode("latin-1")
    except zlib.error:
        return cell.decode("latin-1")


async def test_no_cell_of_the_database_names_an_erased_customer(world: World) -> None:
    assert tells(everything(world.url), frozenset({GONE}))
    found = await world.erase(GONE)
    assert (found.questions, found.plans, found.uploads) == (1, 2, 1)
    assert not tells(everything(world.url), frozenset({GONE}))
    assert tells(everything(world.url), frozenset({NEIGHBOUR}))
    again = await world.erase(GONE)
    assert again == service_pb2.EraseCustomersResponse()


async def test_no_byte_of_the_files_names_an_erased_customer(
    sqlite_database_url: str, tmp_path: Path
) -> None:
    async with opened(sqlite_database_url, tmp_path) as world:
        database = Database.open(world.url)
        # Of several pages, so that its deletion frees some whole.
        days = [plan_pb2.Assignment(account=GONE, reason="x" * 300).SerializeToString()] * 100
        await database.write(partial(store_visits.add_plan, name="visitPlans/1", body=b"", days=days))
        await world.erase(GONE)
        path = Path(sa.make_url(world.url).database or "")
        files = [path, *path.parent.glob(f"{path.name}-wal")]
        text = "".join(each.read_bytes().decode("latin-1") for each in files)
        assert not tells(text, frozenset({GONE}))
        await database.close()


async def test_a_plan_of_visits_that_names_him_is_deleted_and_another_stays(world: World) -> None:
    database = Database.open(world.url)
    for name, customer in (("visitPlans/1", GONE), ("visitPlans/2", NEIGHBOUR)):
        day = plan_pb2.Assignment(account=customer).SerializeToString()
        await database.write(partial(store_visits.add_plan, name=name, body=b"", days=[b"", day]))
    assert (await world.erase(GONE)).visit_plans == 1
    assert await database.read(store_visits.names) == ("visitPlans/2",)
    await database.close()


async def test_plans_and_scenarios_go_on_without_the_erased_customer(world: World) -> None:
    await world.erase(GONE)
    terms = service_pb2.LookUpTermsRequest(customers=[GONE, NEIGHBOUR], decision_time=moment())
    assert list((await world.served.calls.LookUpTerms(terms)).reps) == ["", "reps/a"]
    child = await world.child()
    assert [each.account for each in child.assignments][1:4] == ["customers/1", "erased/2", "customers/3"]
    assert list(child.changes) == ["an account that was erased", f"{NEIGHBOUR}: reps/a -> reps/d"]
    listed = plans_pb2.ListPlanAccountsRequest(plan=world.plan.name)
    account = (await world.served.plans.ListPlanAccounts(listed)).accounts[2]
    assert account == plan_pb2.Account(name="erased/2")
    compare = plans_pb2.ComparePlansRequest(plan=child.name, base=world.plan.name)
    assert (await world.served.plans.ComparePlans(compare)).accounts_moved == 2
    wish = plans_pb2.OverridePlanRequest(
        name=world.plan.name, request_id="next", decision_time=moment(), validate_only=True
    )
    wish.assignments.append(plan_life_pb2.HandAssignment(account=NEIGHBOUR, rep="reps/b"))
    assert (await world.served.plans.OverridePlan(wish)).moves == 1


async def test_the_next_plan_is_made_without_him_and_its_operation_is_forgotten_with_its_customers(
    sqlite_database_url: str, tmp_path: Path
) -> None:
    async with opened(sqlite_database_url, tmp_path) as world:
        await world.erase(GONE)
        replan = plans_pb2.ReplanTerritoriesRequest(
            parent=world.plan.name, request_id="again", decision_time=moment()
        )
        operation = await world.served.plans.ReplanTerritories(replan)
        plan = plan_of(await world.served.finished(operation))
        assert {each.account for each in plan.assignments} == {f"customers/{j}" for j in range(24)} - {GONE}
        found = await world.erase(NEIGHBOUR)
        assert (found.operations, found.plans) == (1, 3)
        assert not tells(everything(world.url), frozenset({NEIGHBOUR}))
