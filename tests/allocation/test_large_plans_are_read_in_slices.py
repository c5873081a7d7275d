"""Plans of more accounts than are copied in one go: nothing is lost or doubled where one slice ends and the next begins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2
from fieldwise.allocation.v1 import plan_service_pb2 as plans_pb2
from fieldwise_allocation import plan_records
from tests.allocation.allocation_servers import allocation
from tests.allocation.plan_builders import asked, by_turns, keep, plan_message

ACCOUNTS = 2 * plan_records.AT_A_TIME + 1


@pytest.mark.parametrize("size", [0, 1, 1999, 2000, 2001, 4000, 4001])
def test_what_is_appended_is_what_was_given(size: int) -> None:
    given = [plan_pb2.Assignment(account=f"customers/{j}") for j in range(size)]
    plan = plan_pb2.TerritoryPlan(assignments=[plan_pb2.Assignment(account="first")])
    plan_records.append(plan.assignments, given)
    assert [each.account for each in plan.assignments] == ["first", *(each.account for each in given)]


async def pages(ask: Callable[[str], Awaitable[Any]]) -> AsyncIterator[Any]:
    """Every page of a list, from the first on."""
    token = ""
    while True:
        page = await ask(token)
        yield page
        token = page.next_page_token
        if not token:
            return


async def test_a_plan_is_read_whole_in_one_and_in_pages(tmp_path: Path) -> None:
    request = asked(ACCOUNTS)
    plan = plan_message(request, by_turns(request))
    await keep(f"sqlite:///{tmp_path / 'allocation.sqlite'}", (request, plan))
    async with allocation(tmp_path) as served:
        whole = await served.calls.GetPlan(service_pb2.GetPlanRequest(name=plan.name))
        assert list(whole.assignments) == list(plan.assignments)
        for size in (ACCOUNTS, 3000):

            def held(token: str, size: int = size) -> Awaitable[Any]:
                wanted = service_pb2.ListAssignmentsRequest(plan=plan.name, page_size=size, page_token=token)
                return served.calls.ListAssignments(wanted)

            def accounts(token: str, size: int = size) -> Awaitable[Any]:
                wanted = plans_pb2.ListPlanAccountsRequest(plan=plan.name, page_size=size, page_token=token)
                return served.plans.ListPlanAccounts(wanted)

            assert [each async for page in pages(held) for each in page.assignments] == list(plan.assignments)
            assert [each async for page in pages(accounts) for each in page.accounts] == list(
                request.accounts
            )
