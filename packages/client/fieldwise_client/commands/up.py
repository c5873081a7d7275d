"""`fieldwise up`: every process of an installation on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from fieldwise_client.demo.clock import clock_for
from fieldwise_client.progress import Progress
from fieldwise_client.supervisor.layout import DEFAULT_DATA
from fieldwise_client.supervisor.up import Options
from fieldwise_client.supervisor.up import up as run

Data = Annotated[Path, typer.Option(help="Folder of databases, models and logs.", envvar="FIELDWISE_DATA")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(up)


def up(
    demo: Annotated[bool, typer.Option("--demo", help="Load the demo world and print one decision.")] = False,
    full: Annotated[bool, typer.Option("--full", help="All 2,469 households, not every sixth.")] = False,
    data: Data = Path(DEFAULT_DATA),
    port_base: Annotated[
        int | None,
        typer.Option(min=1024, max=65000, help="Port of the gateway; the others follow it. [50050]"),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show every log line, not only warnings.")
    ] = False,
    dask: Annotated[
        int,
        typer.Option(min=0, max=256, help="Workers of a Dask cluster that does the heavy work; 0 for none."),
    ] = 0,
    tls: Annotated[
        bool, typer.Option("--tls", help="Speak TLS, with certificates made in the data folder.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Stop when everything asked for is done.")] = False,
) -> None:
    """Start everything and stay up until Ctrl-C."""
    wanted = demo or full
    then = ("demo", "--data", str(data), *(["--full"] if full else [])) if wanted else ()
    clock = clock_for(data, demo=wanted)
    options = Options(data, port_base, verbose, then, once, clock, dask, tls)
    progress = Progress()
    progress.say(f"Fieldwise starts on {data}")
    raise typer.Exit(asyncio.run(run(options, os.environ, progress)))
