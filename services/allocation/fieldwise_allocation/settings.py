"""What the environment says to the allocation service; knows nothing of what it is used for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fieldwise_executor.settings import executor_place, executor_processes
from fieldwise_runtime import settings


@dataclass(frozen=True)
class Settings:
    """Every variable the service reads."""

    data: Path = settings.data_folder()
    currency: str = settings.company_currency()
    log_level: str = settings.log_level()
    traces_address: str = settings.traces_address()
    tls: str = settings.tls_folder()
    standby: bool = settings.standby()
    listen: str = settings.listen_address("allocation", 50053)
    metrics: str = settings.metrics_address("allocation")
    database_url: str = settings.service_database_url("allocation")
    executor: str = executor_place()
    executor_processes: int = executor_processes()
    plans_need_approval: bool = settings.setting(
        "FIELDWISE_PLANS_NEED_APPROVAL",
        default=False,
        parse=settings.boolean,
        doc="whether a plan must be approved (`fieldwise plan approve`) before it is put in force: true or false",
    )
    standby_solver: int = settings.setting(
        "FIELDWISE_STANDBY_SOLVER",
        default=1,
        parse=settings.whole_number(at_least=0, at_most=1),
        doc="1: from the first plan on a process keeps ready what solvers need, and plans start at once; 0: each starts afresh",
    )
    solver_memory_gib: int = settings.setting(
        "FIELDWISE_SOLVER_MEMORY_GIB",
        default=8,
        parse=settings.whole_number(at_least=0, at_most=4096),
        doc="memory that one solver process may allocate, in GiB; 0 sets no limit",
    )
