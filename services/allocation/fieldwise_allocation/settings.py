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
    listen: str = settings.listen_address("allocation", 50053)
    database_url: str = settings.service_database_url("allocation")
    executor: str = executor_place()
    executor_processes: int = executor_processes()
