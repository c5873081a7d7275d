"""Territory plans: made in a worker process and kept; knows nothing of how they are solved, nor of what becomes of them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from google.longrunning import operations_pb2
from google.protobuf import timestamp_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2
from fieldwise_allocation import measures, plan_records, store, territory_wire, uploading, wire
from fieldwise_allocation.core import checks
from fieldwise_allocation.core.question import Question
from fieldwise_allocation.core.territory.describe import prepared
from fieldwise_allocation.core.territory.found import Found
from fieldwise_allocation.core.territory.plan import Compared
from fieldwise_allocation.plan_records import MOST_IN_PLAN, Origin
from fieldwise_allocation.plan_task import Hands, Made, Start, Step, Task
from fieldwise_allocation.plan_worker import finish, finished
from fieldwise_allocation.solving import Finish, solved
from fieldwise_allocation.turns import Turns
from fieldwise_allocation.watching import Watchers
from fieldwise_executor.executor import Executor
from fieldwise_runtime import tracing
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import InvalidRequest, Violation
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.operations import Operations, Progress

log = get_logger(__name__)

PREFIX = "allocation"
# Two cores serve all processes of a small installation: a second solve waits its turn.
SOLVES_AT_ONCE = 1
# Up to so many accounts the plan of a search that was cut is looked at here, which is quicker than in another process.
FINISHED_HERE = 20_000
FINISH_SECONDS = 600.0
USUAL_SECONDS = 10.0
# A request that takes longer to read than this share of its limit overruns it: a search needs some time.
MOST_SPENT = 0.25
SOLVED = Origin()


@dataclass(frozen=True)
class _Order:
    """A plan to make: the request with its reps, its question where it was read here already, and the task."""

    asked: service_pb2.PlanTerritoriesRequest
    question: Question | None
    task: Task
    origin: Origin

    @property
    def seconds(self) -> float:
        return self.asked.rules.time_limit_seconds or USUAL_SECONDS


@dataclass(frozen=True)
class Planning:
    """What the verbs of territory plans work with."""

    db: Database
    operations: Operations
    currency: str
    executor: Executor
    turns: Turns
    watchers: Watchers
    hands: Hands

    @classmethod
    def over(
        cls, db: Database, operations: Operations, executor: Executor, currency: str, hands: Hands
    ) -> Planning:
        return cls(db, operations, currency, executor, Turns(SOLVES_AT_ONCE), Watchers(), hands)

    async def start(
        self, request: service_pb2.PlanTerritoriesRequest, origin: Origin = SOLVED, *, quick: bool = False
    ) -> operations_pb2.Operation:
        """Start a plan, or find the one that this request started before.

        Args:
            origin: Where the plan comes from, when not from this request alone.
            quick: Repair the plan it starts from, instead of solving anew; faults of the question then end the operation.
        Raises:
            InvalidRequest: Every fault of the question at once.
            NotFound: Reason ACCOUNT_SET_NOT_FOUND, or PLAN_NOT_FOUND of the plan to start from.
            AlreadyExists: Reason REQUEST_ID_REUSED.
        """
        order = await self._order(request, origin, quick)
        asked_at = timestamp_pb2.Timestamp()
        asked_at.CopyFrom(request.decision_time)
        return await self.operations.start(
            PREFIX,
            request.request_id,
            request.fingerprint or await asyncio.to_thread(fingerprint, request),
            lambda progress: self._made(order, progress),
            plan_pb2.PlanTerritoriesMetadata(step="queued", decision_time=asked_at),
        )

    async def _order(
        self, request: service_pb2.PlanTerritoriesRequest, origin: Origin, quick: bool
    ) -> _Order:
        began = asyncio.get_running_loop().time()
        _demand_one_source(request)
        asked = await self._in_full(request)
        chunks: tuple[bytes, ...] = ()
        accounts, question = len(asked.accounts), None
        if asked.account_set:
            accounts = (await uploading.get(self.db, asked.account_set)).accounts
            chunks = await uploading.chunks(self.db, asked.account_set)
        elif not quick:
            question = await asyncio.to_thread(_checked, asked, self.currency)
        body = await asyncio.to_thread(asked.SerializeToString)
        start = await self._start(asked)
        limit = asked.rules.time_limit_seconds or USUAL_SECONDS
        spent = min(asyncio.get_running_loop().time() - began, MOST_SPENT * limit)
        task = Task(body, accounts, self.currency, chunks, start, quick, spent, self.hands)
        return _Order(asked, question, task, origin)

    async def _in_full(
        self, request: service_pb2.PlanTerritoriesRequest
    ) -> service_pb2.PlanTerritoriesRequest:
        """The request with the reps it is asked of: those stored may be others when the plan is looked at again."""
        asked = service_pb2.PlanTerritoriesRequest()
        asked.CopyFrom(request)
        if not asked.reps:
            stored = await self.db.read(lambda connection: store.reps(connection))
            asked.reps.extend(map(wire.rep_message, stored))
        return asked

    async def _start(self, asked: service_pb2.PlanTerritoriesRequest) -> Start | None:
        name = asked.start_from
        if not name:
            return None
        figures = await self.db.read(lambda connection: plan_records.figures(connection, name))
        rep_of = await self.db.read(lambda connection: plan_records.rep_of(connection, name))
        return Start(rep_of, {load.rep: load.hour_price for load in figures.loads})

    async def _made(self, order: _Order, progress: Progress) -> plan_pb2.TerritoryPlan:
        try:
            async with measures.under_way(), self.turns:
                made = await solved(
                    self.executor,
                    order.task,
                    order.seconds,
                    self._teller(order, progress),
                    self._finish(order),
                )
            return await self._kept(order, made)
        finally:
            self.watchers.end(progress.name)

    def _teller(self, order: _Order, progress: Progress) -> Callable[[Step], None]:
        """Takes the steps of a solve to its operation and to those who watch."""
        began = asyncio.get_running_loop().time()

        def tell(step: Step) -> None:
            news = plan_pb2.PlanTerritoriesMetadata(
                step=step.name,
                objective=step.objective,
                bound=step.bound,
                gap=step.gap,
                decision_time=order.asked.decision_time,
                elapsed_seconds=asyncio.get_running_loop().time() - began,
            )
            progress.update(news)
            self.watchers.tell(progress.name, news)

        return tell

    def _finish(self, order: _Order) -> Finish:
        """How the plan of a search that was cut is looked at; what that needs is read while the search goes on."""
        if order.question is None or order.task.accounts > FINISHED_HERE:
            return lambda found, beside: self.executor.run(
                finish, order.task, found, beside, timeout=FINISH_SECONDS
            )
        frame = asyncio.ensure_future(asyncio.to_thread(prepared, order.question))

        async def here(found: Found, beside: Compared) -> bytes:
            return await asyncio.to_thread(finished, await frame, found, beside, self.currency)

        return here

    async def _kept(self, order: _Order, made: Made) -> plan_pb2.TerritoryPlan:
        plan = await asyncio.to_thread(plan_pb2.TerritoryPlan.FromString, made.plan)
        plan.name = f"plans/{uuid.uuid4()}"
        plan.create_time.CopyFrom(order.asked.decision_time)
        plan.solve_seconds, plan.stopped, plan.accounts = made.seconds, made.stopped, len(plan.assignments)
        plan.start_from = order.asked.start_from
        with tracing.step("keep plan", {"fieldwise.plan": plan.name}):
            await self.db.write(
                lambda connection: plan_records.keep(connection, plan, order.asked, order.origin)
            )
        measures.plan_made(plan)
        log.info(
            "plan made",
            plan=plan.name,
            accounts=plan.accounts,
            reps=len(order.asked.reps),
            gap=plan.gap,
            stopped=plan_pb2.PlanStopped.Name(plan.stopped),
            solver_seconds=plan.solve_seconds,
        )
        if plan.accounts > MOST_IN_PLAN:
            plan.ClearField("assignments")
        return plan


def _checked(asked: service_pb2.PlanTerritoriesRequest, currency: str) -> Question:
    """The question of a request.

    Raises:
        InvalidRequest: Every fault at once.
    """
    question = territory_wire.question_from(asked, (), currency)
    wrong = checks.faults(question)
    if wrong:
        raise InvalidRequest(wrong)
    return question


def _demand_one_source(request: service_pb2.PlanTerritoriesRequest) -> None:
    """Accounts come with the request, or from a set."""
    if bool(request.accounts) == bool(request.account_set):
        remedy = "give 1 to 100,000 accounts, or the name of an uploaded account_set with more; not both"
        raise InvalidRequest([Violation.of("accounts", f"{len(request.accounts)} accounts", remedy)])
