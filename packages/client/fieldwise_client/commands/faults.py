"""What a command says when a call fails, and where it finds the installation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from fieldwise_client.api_keys import ApiKey
from fieldwise_client.caller import Channels
from fieldwise_client.client import Client
from fieldwise_client.errors import FieldwiseError
from fieldwise_client.plan.table import FilesAreWrong
from fieldwise_client.supervisor.places import find


def client_for(data: Path, *, timeout: float = 5.0) -> Client:
    """A client of the installation on ``data``."""
    places = find(data, os.environ)
    where = {"gateway": places.gateway}
    key = ApiKey(address=places.gateway, data=data)
    return Client(timeout=timeout, transport=Channels(where, places.trust, key))


@contextmanager
def faults_told() -> Iterator[None]:
    """Tell a person what went wrong, a line per wrong field or place in a file, and end with exit code 1."""
    try:
        yield
    except FieldwiseError as error:
        lines = [str(violation) for violation in error.violations] or [str(error)]
        typer.echo("\n".join(lines), err=True)
        raise typer.Exit(1) from None
    except FilesAreWrong as wrong:
        typer.echo(str(wrong), err=True)
        raise typer.Exit(1) from None
