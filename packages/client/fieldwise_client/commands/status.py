"""`fieldwise status`: each process, models, prices, customers and clock of an installation on this machine."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fieldwise_client.commands.up import Data
from fieldwise_client.supervisor import record
from fieldwise_client.supervisor.layout import DEFAULT_DATA
from fieldwise_client.supervisor.overview import Overview, processes_now, table

NOTHING_RUNS = 1
DEGRADED = 3


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(status)


def status(
    data: Data = Path(DEFAULT_DATA),
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what runs; exit code 3 when a process does not serve, 1 when nothing runs."""
    written = record.read(data)
    if written is None:
        typer.echo(f"nothing runs on {data}; start it with `fieldwise up --data {data}`", err=True)
        raise typer.Exit(NOTHING_RUNS)
    from fieldwise_client.supervisor.contents import contents_now
    from fieldwise_client.supervisor.places import find

    overview = Overview(processes_now(written), contents_now(find(data, os.environ)))
    text = (
        json.dumps({**asdict(overview), "degraded": overview.degraded}, indent=2)
        if as_json
        else table(overview)
    )
    typer.echo(text)
    raise typer.Exit(DEGRADED if overview.degraded else 0)
