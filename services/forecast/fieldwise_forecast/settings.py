"""The settings of this service, from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fieldwise_executor.settings import executor_place, executor_processes
from fieldwise_runtime.settings import (
    company_currency,
    data_folder,
    listen_address,
    log_level,
    metrics_address,
    peer_address,
    service_database_url,
    setting,
    standby,
    tls_folder,
    traces_address,
    whole_number,
)


@dataclass(frozen=True)
class Settings:
    """What a forecast process is told when it starts."""

    listen: str = listen_address("forecast", 50052)
    metrics: str = metrics_address("forecast")
    database_url: str = service_database_url("forecast")
    profile_address: str = peer_address("profile", 50051)
    data: Path = data_folder()
    currency: str = company_currency()
    log_level: str = log_level()
    executor: str = executor_place()
    executor_processes: int = executor_processes()
    traces_address: str = traces_address()
    tls: str = tls_folder()
    standby: bool = standby()
    cached_customers: int = setting(
        "FIELDWISE_FORECAST_CACHED_CUSTOMERS",
        default=20_000,
        parse=whole_number(at_least=1),
        doc="customers whose latest scores are remembered, about 3 kB each",
    )

    @property
    def models_folder(self) -> Path:
        """Model files of the registry; paths in the registry are relative to it."""
        return self.data / "models"

    @property
    def tables_folder(self) -> Path:
        """Files of rows that users upload."""
        return self.data / "tables"

    @property
    def table_parts_folder(self) -> Path:
        """Parts of trainings on all rows of a table that were broken off."""
        return self.data / "table-parts"

    @property
    def returns_folder(self) -> Path:
        """Finished trainings of learning curves that were broken off."""
        return self.data / "returns"
