"""Plans of visits: made in worker processes, checked, kept; knows nothing of how tours are found."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import sqlalchemy as sa
from google.longrunning import operations_pb2
from google.protobuf import timestamp_pb2

from fieldwise.allocation.v1 import visit_pb2
from fieldwise.allocation.v1 import visit_service_pb2 as service_pb2
from fieldwise_allocation import store_visits, visit_wire
from fieldwise_allocation.core.visits import check
from fieldwise_allocation.core.visits.building import by_name
from fieldwise_allocation.core.visits.faults import faults
from fieldwise_allocation.core.visits.finishing import finished
from fieldwise_allocation.core.visits.parts import Split, split
from fieldwise_allocation.core.visits.problem import Sequences
from fieldwise_allocation.core.visits.question import Question, VisitPlan
from fieldwise_allocation.turns import Turns
from fieldwise_allocation.visit_worker import Better, Job, find_tours
from fieldwise_allocation.wire import money
from fieldwise_executor.executor import Executor
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import (
    DeadlineExceeded,
    InternalFault,
    InvalidRequest,
    NotFound,
)
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.operations import Operations, Progress
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token
from fieldwise_runtime.workers import WorkerDied

log = get_logger(__name__)

PREFIX = "allocation"
# Start of a process, reading of the compiled loops, and compiling them where they never were.
SPARE_SECONDS = 60.0
# Parts of one question that are searched at once.
PROCESSES = 2
PAGE = 100
MOST = 1000


@dataclass
class Found:
    """The best tours of each part so far."""

    whole: Split
    tours: list[Sequences]
    costs: list[float | None]
    ended: set[int] = field(default_factory=set)

    @classmethod
    def nothing(cls, whole: Split) -> Found:
        return cls(whole, [[[] for _ in part.days] for part in whole.parts], [None] * len(whole.parts))

    def take(self, better: Better) -> None:
        self.tours[better.part] = better.tours
        if better.ended:
            self.ended.add(better.part)
        else:
            self.costs[better.part] = better.cost

    @property
    def cost(self) -> float | None:
        """Cost of all parts; None until each has tours."""
        known = [cost for cost in self.costs if cost is not None]
        return sum(known) if len(known) == len(self.costs) else None


@dataclass(frozen=True)
class Visiting:
    """What the verbs of visit plans work with.

    Attributes:
        turns: Shared with all plans: two cores serve all processes of a small installation.
    """

    db: Database
    operations: Operations
    executor: Executor
    currency: str
    turns: Turns

    async def start(self, request: service_pb2.PlanVisitsRequest) -> operations_pb2.Operation:
        """Start a plan, or find the one that this request started before.

        Raises:
            InvalidRequest: Every fault of the question at once.
            AlreadyExists: Reason REQUEST_ID_REUSED.
        """
        question = await asyncio.to_thread(visit_wire.question_from, request, self.currency)
        wrong = await asyncio.to_thread(faults, question)
        if wrong:
            raise InvalidRequest(wrong)
        asked_at = timestamp_pb2.Timestamp()
        asked_at.CopyFrom(request.decision_time)
        return await self.operations.start(
            PREFIX,
            request.request_id,
            fingerprint(request),
            lambda progress: self._make(by_name(question), asked_at, progress),
            visit_pb2.PlanVisitsMetadata(step="queued", decision_time=asked_at),
        )

    async def get(self, name: str) -> visit_pb2.VisitPlan:
        """One plan.

        Raises:
            NotFound: Reason VISIT_PLAN_NOT_FOUND.
        """
        return await self.db.read(lambda connection: _plan(connection, name))

    async def delete(self, name: str) -> None:
        """Remove one plan and its days.

        Raises:
            NotFound: Reason VISIT_PLAN_NOT_FOUND.
        """

        def work(connection: sa.Connection) -> None:
            _plan(connection, name)
            store_visits.remove(connection, name)

        await self.db.write(work)

    async def page(self, name: str, page_size: int, token: str) -> tuple[list[visit_pb2.DayVisits], str]:
        """Days of a plan, and the token of the next page.

        Raises:
            NotFound: Reason VISIT_PLAN_NOT_FOUND.
        """
        size = clamp_page_size(page_size, PAGE, MOST)
        first = int(cursor_of(token, name) or 0)
        await self.get(name)
        bodies = await self.db.read(
            lambda connection: store_visits.days(connection, name, first=first, most=size + 1)
        )
        days = [visit_pb2.DayVisits.FromString(body) for body in bodies[:size]]
        return days, page_token(str(first + size), name) if len(bodies) > size else ""

    async def _make(
        self, question: Question, asked_at: timestamp_pb2.Timestamp, progress: Progress
    ) -> visit_pb2.VisitPlan:
        async with self.turns:
            began = time.perf_counter()
            whole = await asyncio.to_thread(split, question)
            found = Found.nothing(whole)
            stopped = await self._search(question, found, self._teller(question, found, asked_at, progress))
            message, days = await asyncio.to_thread(_answer, question, found, self.currency)
            seconds = time.perf_counter() - began
        message.name, message.stopped, message.solve_seconds = f"visitPlans/{uuid.uuid4()}", stopped, seconds
        message.create_time.CopyFrom(asked_at)
        body = message.SerializeToString()
        await self.db.write(lambda connection: store_visits.add_plan(connection, message.name, body, days))
        log.info(
            "visits planned",
            plan=message.name,
            stops=len(question.stops),
            visits=message.visits,
            gap=message.gap,
            stopped=stopped,
            solver_seconds=seconds,
        )
        return message

    async def _search(self, question: Question, found: Found, tell: Callable[[Better], None]) -> str:
        """Why the search ended before its work was done; empty when it was done.

        Raises:
            CancelledError: Cancelled before there were any tours, or the server stops.
            WorkerDied, DeadlineExceeded: Before there were any tours.
        """
        limit = question.seconds + SPARE_SECONDS
        searches = [
            asyncio.create_task(self.executor.run(find_tours, job, timeout=limit, on_message=tell))
            for job in _jobs(question, found.whole)
        ]
        try:
            return "" if all(await asyncio.gather(*searches)) else "TIME_LIMIT"
        except asyncio.CancelledError as cancelled:
            # With words in it the server is stopping: the work is then recorded as interrupted.
            if cancelled.args or found.cost is None:
                raise
            return "CANCELLED"
        except (DeadlineExceeded, WorkerDied) as fault:
            if found.cost is None:
                raise
            log.warning("search of visits broken off", reason=fault.reason)
            return "WORKER_DIED" if isinstance(fault, WorkerDied) else "TIME_LIMIT"
        finally:
            for search in searches:
                search.cancel()
            await asyncio.gather(*searches, return_exceptions=True)

    def _teller(
        self, question: Question, found: Found, asked_at: timestamp_pb2.Timestamp, progress: Progress
    ) -> Callable[[Better], None]:
        everything = sum(stop.prize * stop.visits for stop in question.stops)

        def tell(better: Better) -> None:
            found.take(better)
            metadata = visit_pb2.PlanVisitsMetadata(
                step="planning" if found.cost is None else "improving",
                parts=len(found.tours),
                parts_done=len(found.ended),
                decision_time=asked_at,
            )
            if found.cost is not None and not any(stop.mandatory for stop in question.stops):
                metadata.profit.CopyFrom(money(everything - found.cost, self.currency))
            progress.update(metadata)

        return tell


def _jobs(question: Question, whole: Split) -> list[Job]:
    """The parts shared among processes so that each has about as many stops: largest first, to whoever has least."""
    lanes: list[list[int]] = [[] for _ in range(min(PROCESSES, len(whole.parts)))]
    weight = [0] * len(lanes)
    for number, part in enumerate(whole.parts):
        least = weight.index(min(weight))
        lanes[least].append(number)
        weight[least] += 1 + len(part.tasks)
    stops = sum(len(part.tasks) for part in whole.parts)
    return [
        Job(tuple((number, whole.parts[number]) for number in lane), stops, question.effort, question.seconds)
        for lane in lanes
    ]


def _answer(question: Question, found: Found, currency: str) -> tuple[visit_pb2.VisitPlan, list[bytes]]:
    """The plan and its days as they are kept; takes a while for a large one, so not in the event loop."""
    plan = _checked(question, found)
    days = [day.SerializeToString() for day in visit_wire.day_messages(question, plan, currency)]
    return visit_wire.plan_message(question, plan, currency), days


def _checked(question: Question, found: Found) -> VisitPlan:
    """The plan of the tours, held against its question.

    Raises:
        InternalFault: Reason FAULTY_PLAN.
    """
    plan = finished(question, found.whole, found.tours)
    wrong = check.faults(question, plan)
    if wrong:
        message = f"the plan of visits is wrong in {len(wrong)} places and is not given out: {wrong[0]}"
        raise InternalFault("FAULTY_PLAN", message)
    return plan


def _plan(connection: sa.Connection, name: str) -> visit_pb2.VisitPlan:
    body = store_visits.plan(connection, name)
    if body is None:
        raise NotFound(name, "PlanVisits makes plans of visits", reason="VISIT_PLAN_NOT_FOUND")
    return visit_pb2.VisitPlan.FromString(body)
