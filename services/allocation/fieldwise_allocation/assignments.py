"""The assignments of a plan, page by page; knows nothing of how plans are made."""

from __future__ import annotations

import sqlalchemy as sa

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise_allocation import plan_records
from fieldwise_runtime.database import Database
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

PAGE = 10_000
MOST = 50_000


async def page(db: Database, plan: str, page_size: int, token: str) -> service_pb2.ListAssignmentsResponse:
    """Assignments in the order of the plan's accounts.

    Raises:
        NotFound: Reason PLAN_NOT_FOUND.
    """
    size = clamp_page_size(page_size, PAGE, MOST)
    first = int(cursor_of(token, plan) or 0)

    def read(connection: sa.Connection) -> service_pb2.ListAssignmentsResponse:
        accounts = plan_records.figures(connection, plan).accounts
        some = plan_records.assignments(connection, plan, first, size)
        end = first + len(some)
        more = page_token(str(end), plan) if some and end < accounts else ""
        answer = service_pb2.ListAssignmentsResponse(next_page_token=more)
        plan_records.append(answer.assignments, some)
        return answer

    return await db.read(read)
