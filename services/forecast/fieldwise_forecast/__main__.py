"""Entry point: `python -m fieldwise_forecast` serves, `python -m fieldwise_forecast migrate` prepares the database."""

from __future__ import annotations

import os
import sys
from functools import partial

import grpc

from fieldwise.forecast.v1 import (
    customer_service_pb2_grpc,
    forecast_service_pb2_grpc,
    model_service_pb2_grpc,
    returns_service_pb2_grpc,
    series_service_pb2_grpc,
    table_service_pb2_grpc,
)
from fieldwise_executor.executor import opened
from fieldwise_forecast import measures, models_report
from fieldwise_forecast.lineup import Lineups
from fieldwise_forecast.outlooks import Outlooks
from fieldwise_forecast.profile_reader import ProfileReader
from fieldwise_forecast.returns import ReturnsMeter
from fieldwise_forecast.series_sets import SeriesSets
from fieldwise_forecast.servicer.customers import CustomerServicer
from fieldwise_forecast.servicer.forecast import ForecastServicer
from fieldwise_forecast.servicer.models import ModelServicer
from fieldwise_forecast.servicer.returns import ReturnsServicer
from fieldwise_forecast.servicer.series import SeriesServicer
from fieldwise_forecast.servicer.tables import TableServicer
from fieldwise_forecast.settings import Settings
from fieldwise_forecast.table_files import TableFiles
from fieldwise_forecast.tables import Tables
from fieldwise_forecast.training import Trainer
from fieldwise_runtime import logs, loops, migrations, operations, tls, tracing
from fieldwise_runtime.channels import connect
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FieldwiseError
from fieldwise_runtime.peers import COMPOSERS, Callers
from fieldwise_runtime.server import Service, serve
from fieldwise_runtime.settings import SettingsError, load
from fieldwise_runtime.single import Single

NAME = "fieldwise-forecast"
PACKAGE = "fieldwise_forecast"
SERVICE_NAMES = (
    "fieldwise.forecast.v1.CustomerService",
    "fieldwise.forecast.v1.ForecastService",
    "fieldwise.forecast.v1.ModelService",
    "fieldwise.forecast.v1.ReturnsService",
    "fieldwise.forecast.v1.SeriesService",
    "fieldwise.forecast.v1.TableService",
    operations.SERVICE_NAME,
)


async def assembled(settings: Settings) -> Service:
    """The service with its database verified, its models loaded and interrupted trainings closed.

    Raises:
        FailedPrecondition: The database is not at the right revision, or another process serves on it.
    """
    migrations.verify(settings.database_url, PACKAGE)
    # Trainings under way are in memory: a second process would take them for interrupted ones and close them.
    single = await Single.claim(
        settings.database_url, NAME, standby_at=settings.listen if settings.standby else ""
    )
    db = Database.open(settings.database_url)
    channel = connect(settings.profile_address, "profile")
    lineups = Lineups(db, settings.models_folder, settings.currency, settings.cached_customers)
    executor = await opened(settings.executor, settings.executor_processes)
    reader = ProfileReader(channel)
    meter = ReturnsMeter(db, reader, executor, settings.returns_folder, settings.currency)
    trainer = Trainer(db, settings.models_folder, reader, executor, lineups, meter.worth)
    trainings = operations.Operations(db)
    await trainings.recover()
    await lineups.reload()
    servicer = ForecastServicer(db, lineups, trainer, trainings, settings.currency)
    model_servicer = ModelServicer(db, lineups, trainer, trainings, settings.currency)

    tables = Tables(
        db,
        TableFiles(settings.tables_folder),
        lineups,
        settings.models_folder,
        executor,
        settings.table_parts_folder,
    )
    table_servicer = TableServicer(tables, trainings)
    series_servicer = SeriesServicer(SeriesSets(db, lineups))

    returns_servicer = ReturnsServicer(meter, trainings, settings.currency)
    customer_servicer = CustomerServicer(Outlooks(ProfileReader(channel), lineups))

    def register(server: grpc.aio.Server) -> None:
        customer_service_pb2_grpc.add_CustomerServiceServicer_to_server(customer_servicer, server)
        forecast_service_pb2_grpc.add_ForecastServiceServicer_to_server(servicer, server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(model_servicer, server)
        returns_service_pb2_grpc.add_ReturnsServiceServicer_to_server(returns_servicer, server)
        series_service_pb2_grpc.add_SeriesServiceServicer_to_server(series_servicer, server)
        table_service_pb2_grpc.add_TableServiceServicer_to_server(table_servicer, server)
        trainings.register(server)

    async def ready() -> dict[str, bool]:
        models = {f"models/{model}": serving for model, serving in lineups.current.healthy.items()}
        return models | {"": await db.reachable(PACKAGE) and await single.held()}

    async def close() -> None:
        await trainings.close()
        await executor.close()
        await channel.close()
        await db.close()
        await single.close()

    return Service(
        NAME,
        settings.listen,
        register,
        SERVICE_NAMES,
        ready,
        close,
        metrics=settings.metrics,
        measure=partial(measures.measure, lambda: models_report.states(db, lineups.current)),
        callers=Callers(COMPOSERS),
        single=single,
    )


async def run(settings: Settings) -> None:
    tls.configure("forecast", settings.tls)
    recording = tracing.configure(NAME, settings.traces_address)
    try:
        await serve(await assembled(settings))
    finally:
        recording.shutdown()


def main(arguments: list[str]) -> int:
    try:
        settings = load(Settings, os.environ)
        logs.configure(NAME, settings.log_level)
        if arguments == ["migrate"]:
            migrations.migrate(settings.database_url, PACKAGE)
        elif arguments:
            return told(f"unknown arguments {arguments}; give none to serve, or `migrate`")
        else:
            loops.run(run(settings))
    except (SettingsError, FieldwiseError) as fault:
        return told(str(fault))
    return 0


def told(fault: str) -> int:
    sys.stderr.write(f"{fault}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
