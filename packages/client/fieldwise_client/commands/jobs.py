"""`fieldwise jobs`: what the schedule ran, and running a job now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fieldwise.gateway.v1.jobs_service_pb2 import JobRun
from fieldwise_client.commands.customers import Json, json_line
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.supervisor.layout import DEFAULT_DATA


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="What runs by itself, and running it now.")
    group.command("list")(list_)
    group.command()(run)
    app.add_typer(group, name="jobs")


def list_(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """List the newest runs of all jobs, newest first."""
    with faults_told(), client_for(data) as client:
        runs = client.job_runs()
        for each in runs:
            typer.echo(json_line(each) if as_json else _run(each))
        if not runs and not as_json:
            typer.echo("nothing ran yet")


def run(
    job: Annotated[
        str,
        typer.Argument(
            help="train-models, refresh-models, solve-prices, carry-outcomes, fit-segments, fit-lifecycle, measure-accuracy, "
            "resolve-identities, report-tags, apply-retention, measure-results, learn-pairs, learn-next, learn-answers, "
            "finish-erasures or decide-for-all."
        ),
    ],
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Run a job now and wait for it; what profile does over all customers comes again by itself from then on."""
    with faults_told(), client_for(data) as client:
        typer.echo(_run(client.run_job(job)))


def _run(run: JobRun) -> str:
    when, seconds = run.decision_time.ToJsonString()[:16], run.took.ToMicroseconds() / 1e6
    return f"{when}  {run.job:<18} {seconds:7.1f} s  {f'FAILED: {run.fault}' if run.fault else run.summary}"
