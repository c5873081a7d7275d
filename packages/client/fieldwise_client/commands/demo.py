"""`fieldwise demo`: brings the demo world into a running installation and ends with one decision and its trace."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from fieldwise_client.commands.up import Data
from fieldwise_client.progress import Progress
from fieldwise_client.supervisor.layout import DEFAULT_DATA


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(demo)


def demo(
    full: Annotated[bool, typer.Option("--full", help="All 2,469 households, not every sixth.")] = False,
    data: Data = Path(DEFAULT_DATA),
    lang: Annotated[str, typer.Option(help="Language of the decision: en or zh.")] = "en",
    elapsed: Annotated[float, typer.Option(hidden=True)] = 0.0,
) -> None:
    """Load the demo world, train, plan, price, and print one decision."""
    # Late: what the demo needs is loaded only when it is asked for, so that `fieldwise --help` is quick.
    from fieldwise_client.demo.complete_journey import DemoDataMissing
    from fieldwise_client.demo.loading import EventsRefused
    from fieldwise_client.demo.opening import WrongClock, open_demo
    from fieldwise_client.demo.screen import last_screen
    from fieldwise_client.errors import FieldwiseError
    from fieldwise_client.installation import Installation
    from fieldwise_client.supervisor.places import find, shown_command

    progress = Progress(elapsed=elapsed)
    places = find(data, os.environ)
    try:
        with Installation(places) as installation:
            shown = open_demo(installation, data, progress, full=full)
    except (DemoDataMissing, EventsRefused, FieldwiseError, WrongClock) as fault:
        progress.plain(str(fault))
        raise typer.Exit(1) from None
    command = shown_command(Path(sys.executable), Path.cwd())
    width = min(shutil.get_terminal_size((100, 40)).columns, 120)
    progress.plain(last_screen(shown, places, command, str(data), lang, width))
