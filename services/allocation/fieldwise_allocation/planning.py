"""Territory plans: made in a worker process, kept, put in force; knows nothing of how they are solved."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from google.longrunning import operations_pb2
from google.protobuf import timestamp_pb2

from fieldwise.allocation.v1 import allocation_service_pb2 as service_pb2
from fieldwise.allocation.v1 import plan_pb2
from fieldwise_allocation import store, wire
from fieldwise_allocation.core import checks
from fieldwise_allocation.core.question import Question
from fieldwise_allocation.plan_worker import Solved, Step, solve_verified
from fieldwise_allocation.repeating import earlier_answer, remember
from fieldwise_executor.executor import Executor
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, NotFound
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.operations import Operations, Progress

log = get_logger(__name__)

PREFIX = "allocation"
# Beyond the solver's own limit: start of the process, explanation of a conflict, verification.
SPARE_SECONDS = 60.0
# Two cores serve all processes of a small installation: a second solve waits its turn.
SOLVES_AT_ONCE = 1


@dataclass(frozen=True)
class Planning:
    """What the verbs of territory plans work with."""

    db: Database
    operations: Operations
    currency: str
    executor: Executor
    turns: asyncio.Semaphore

    @classmethod
    def over(cls, db: Database, operations: Operations, executor: Executor, currency: str) -> Planning:
        return cls(db, operations, currency, executor, asyncio.Semaphore(SOLVES_AT_ONCE))

    async def start(self, request: service_pb2.PlanTerritoriesRequest) -> operations_pb2.Operation:
        """Start a plan, or find the one that this request started before.

        Raises:
            InvalidRequest: Every fault of the question at once.
            AlreadyExists: Reason REQUEST_ID_REUSED.
        """
        stored = await self.db.read(lambda connection: store.reps(connection)) if not request.reps else ()
        question = wire.question_from(request, stored, self.currency)
        wrong = await asyncio.to_thread(checks.faults, question)
        if wrong:
            raise InvalidRequest(wrong)
        asked_at = timestamp_pb2.Timestamp()
        asked_at.CopyFrom(request.decision_time)
        return await self.operations.start(
            PREFIX,
            request.request_id,
            request.fingerprint or fingerprint(request),
            lambda progress: self._make(question, asked_at, progress),
            _metadata(Step("queued"), asked_at),
        )

    async def get(self, name: str) -> plan_pb2.TerritoryPlan:
        """One plan.

        Raises:
            NotFound: Reason PLAN_NOT_FOUND.
        """
        return await self.db.read(lambda connection: _plan(connection, name))

    async def apply(self, name: str, request_id: str) -> plan_pb2.TerritoryPlan:
        """Put a plan in force.

        Raises:
            NotFound: Reason PLAN_NOT_FOUND.
            FailedPrecondition: Reason UNKNOWN_REPS, the plan gives accounts to reps who are not stored.
            AlreadyExists: Reason REQUEST_ID_REUSED.
        """
        await self.db.write(lambda connection: _apply(connection, name, request_id))
        return await self.get(name)

    async def _make(
        self, question: Question, asked_at: timestamp_pb2.Timestamp, progress: Progress
    ) -> plan_pb2.TerritoryPlan:
        async with self.turns:
            solved = await self.executor.run(
                solve_verified,
                question,
                timeout=question.rules.seconds + SPARE_SECONDS,
                on_message=lambda step: progress.update(_metadata(step, asked_at)),
            )
        plan = _finished(question, solved, asked_at, self.currency)
        body = plan.SerializeToString()
        await self.db.write(lambda connection: store.add_plan(connection, plan.name, body))
        log.info(
            "plan made",
            plan=plan.name,
            accounts=len(question.accounts),
            reps=len(question.reps),
            gap=plan.gap,
            solver_seconds=plan.solve_seconds,
        )
        return plan


def _finished(
    question: Question, solved: Solved, asked_at: timestamp_pb2.Timestamp, currency: str
) -> plan_pb2.TerritoryPlan:
    plan = wire.plan_message(question, solved.plan, currency)
    plan.name = f"plans/{uuid.uuid4()}"
    plan.create_time.CopyFrom(asked_at)
    plan.solve_seconds = solved.seconds
    return plan


def _metadata(step: Step, asked_at: timestamp_pb2.Timestamp) -> plan_pb2.PlanTerritoriesMetadata:
    return plan_pb2.PlanTerritoriesMetadata(
        step=step.name, objective=step.objective, bound=step.bound, decision_time=asked_at
    )


def _plan(connection: sa.Connection, name: str) -> plan_pb2.TerritoryPlan:
    body = store.plan(connection, name)
    if body is None:
        raise NotFound(name, "PlanTerritories makes plans", reason="PLAN_NOT_FOUND")
    plan = plan_pb2.TerritoryPlan.FromString(body)
    plan.applied = store.applied_plan(connection) == name
    return plan


def _apply(connection: sa.Connection, name: str, request_id: str) -> None:
    if earlier_answer(connection, "ApplyPlan", request_id, name) is not None:
        return
    rep_of = {assignment.account: assignment.rep for assignment in _plan(connection, name).assignments}
    unknown = sorted(set(rep_of.values()) - {rep.name for rep in store.reps(connection)})
    if unknown:
        shown = ", ".join(unknown[:5])
        message = f"{name} gives accounts to {len(unknown)} reps who are not stored ({shown}); add them with CreateRep"
        raise FailedPrecondition("UNKNOWN_REPS", message, metadata={"reps": shown})
    store.put_in_force(connection, name, rep_of)
    remember(connection, "ApplyPlan", request_id, name, b"")
