"""Entry point of the allocation service: `python -m fieldwise_allocation` serves, `... migrate` prepares its database."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial

import grpc

from fieldwise.allocation.v1 import account_service_pb2_grpc as accounts_grpc
from fieldwise.allocation.v1 import allocation_service_pb2_grpc as service_grpc
from fieldwise.allocation.v1 import plan_service_pb2_grpc as plans_grpc
from fieldwise.allocation.v1 import price_service_pb2_grpc as prices_grpc
from fieldwise.allocation.v1 import resource_service_pb2_grpc as resources_grpc
from fieldwise.allocation.v1 import task_service_pb2_grpc as tasks_grpc
from fieldwise.allocation.v1 import territory_service_pb2_grpc as territories_grpc
from fieldwise.allocation.v1 import visit_service_pb2_grpc as visits_grpc
from fieldwise_allocation import measures
from fieldwise_allocation.assigning import Assigning
from fieldwise_allocation.plan_task import Hands
from fieldwise_allocation.planning import Planning
from fieldwise_allocation.quoting import Quotes
from fieldwise_allocation.resourcing import Resourcing
from fieldwise_allocation.servicer.accounts import AccountServicer
from fieldwise_allocation.servicer.allocation import AllocationServicer
from fieldwise_allocation.servicer.plans import PlanServicer
from fieldwise_allocation.servicer.prices import PriceServicer
from fieldwise_allocation.servicer.resources import ResourceServicer
from fieldwise_allocation.servicer.tasks import TaskServicer
from fieldwise_allocation.servicer.territories import TerritoryServicer
from fieldwise_allocation.servicer.visits import VisitServicer
from fieldwise_allocation.settings import Settings
from fieldwise_allocation.visiting import Visiting
from fieldwise_executor.executor import Executor, opened
from fieldwise_executor.standby import Readiness
from fieldwise_runtime import logs, loops, migrations, operations, settings, tls, tracing
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.operations import Operations
from fieldwise_runtime.peers import COMPOSERS, Callers
from fieldwise_runtime.server import Service, serve
from fieldwise_runtime.single import Single

PACKAGE = "fieldwise_allocation"
NAME = "fieldwise-allocation"
# Millions of candidates come in: their rules are kept by the columns that they are read into.
CHECKED_IN_COLUMNS = frozenset({"fieldwise.allocation.v1.SolvePricesRequest.candidates"})
# How long a thread that reads a large plan may keep the loop waiting for its turn; five times as long is usual.
TURN_SECONDS = 0.001
# What a solver's process does before its work comes.
PREPARE = "fieldwise_allocation.plan_worker:prepare"


async def wire_up(known: Settings, workers: Executor | None = None) -> Service:
    """The service over an open database, ready to be served.

    Args:
        workers: Does all heavy work, instead of executors of its own; stays open.
    Raises:
        FailedPrecondition: The database is not at the revision of this program, or another process serves on it.
    """
    migrations.verify(known.database_url, PACKAGE)
    # Plans under way are in memory: a second process would take them for interrupted ones and close them.
    single = await Single.claim(known.database_url, NAME, standby_at=known.listen if known.standby else "")
    db = Database.open(known.database_url)
    running = Operations(db)
    await running.recover()
    quotes = Quotes(db)
    await quotes.open()
    memory = known.solver_memory_gib << 30

    async def heavy(prepare: str) -> Executor:
        return workers or await opened(known.executor, known.executor_processes, Readiness(prepare, memory))

    # Prices are solved in the background: an installation that only decides keeps no standby process.
    executor = await heavy("")
    standby = await heavy(PREPARE if known.standby_solver else "")
    hands = Hands(known.executor, known.executor_processes, PREPARE if known.standby_solver else "", memory)
    planning = Planning.over(db, running, standby, known.currency, hands)
    servicer = AllocationServicer(
        db, known.database_url, planning, executor, quotes, known.currency, known.plans_need_approval
    )
    visiting = Visiting(db, running, standby, known.currency, planning.turns)

    def register(server: grpc.aio.Server) -> None:
        service_grpc.add_AllocationServiceServicer_to_server(servicer, server)
        accounts_grpc.add_AccountServiceServicer_to_server(AccountServicer(db), server)
        plans_grpc.add_PlanServiceServicer_to_server(PlanServicer(db, planning, quotes), server)
        prices_grpc.add_PriceServiceServicer_to_server(PriceServicer(db), server)
        resourcing = Resourcing(standby, known.currency)
        resources_grpc.add_ResourceServiceServicer_to_server(ResourceServicer(resourcing), server)
        assigning = Assigning(running, standby, planning.turns)
        tasks_grpc.add_TaskServiceServicer_to_server(TaskServicer(assigning), server)
        explaining = TerritoryServicer(db, standby, known.currency)
        territories_grpc.add_TerritoryServiceServicer_to_server(explaining, server)
        visits_grpc.add_VisitServiceServicer_to_server(VisitServicer(visiting), server)
        running.register(server)

    async def ready() -> Mapping[str, bool]:
        return {"": await db.reachable(PACKAGE) and await single.held()}

    async def close() -> None:
        await running.close()
        await quotes.close()
        if workers is None:
            await executor.close()
            await standby.close()
        await db.close()
        await single.close()

    return Service(
        name=NAME,
        listen=known.listen,
        metrics=known.metrics,
        measure=partial(measures.measure, quotes),
        register=register,
        service_names=(
            "fieldwise.allocation.v1.AllocationService",
            "fieldwise.allocation.v1.AccountService",
            "fieldwise.allocation.v1.PlanService",
            "fieldwise.allocation.v1.PriceService",
            "fieldwise.allocation.v1.ResourceService",
            "fieldwise.allocation.v1.TaskService",
            "fieldwise.allocation.v1.TerritoryService",
            "fieldwise.allocation.v1.VisitService",
            operations.SERVICE_NAME,
        ),
        ready=ready,
        on_stop=close,
        callers=Callers(COMPOSERS),
        single=single,
        checked_by_handler=CHECKED_IN_COLUMNS,
    )


async def run(known: Settings) -> None:
    """Serve until told to stop."""
    tls.configure("allocation", known.tls)
    recording = tracing.configure(NAME, known.traces_address)
    try:
        await serve(await wire_up(known))
    finally:
        recording.shutdown()


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Exit code 0 after a clean end, 1 after a fault that is told, 2 for bad arguments or settings."""
    if arguments not in ([], ["migrate"]):
        print(f"arguments: got {arguments}; give none to serve, or migrate", file=sys.stderr)
        return 2
    try:
        known = settings.load(Settings, environ)
        logs.configure(NAME, known.log_level)
        if arguments:
            migrations.migrate(known.database_url, PACKAGE)
        else:
            sys.setswitchinterval(TURN_SECONDS)
            loops.run(run(known))
    except settings.SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except FieldwiseError as error:
        print(f"{error.reason}: {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
