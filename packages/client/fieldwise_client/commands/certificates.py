"""`fieldwise certificates FOLDER`: a development authority and a certificate for each process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(certificates)


def certificates(
    folder: Annotated[Path, typer.Argument(help="Where the files are, or are to be.")],
    host: Annotated[
        list[str] | None,
        typer.Option(
            help="Name or address at which the gateway is reached, besides this machine's own; repeat."
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=825, help="Days a certificate is good for.")] = 90,
) -> None:
    """Make certificates for development; run it again to renew those that are soon over."""
    # Late: it is needed by nobody else, and takes a tenth of a second to load.
    from fieldwise_client import certificates as making

    try:
        made = making.make(folder, host or [], days=days)
    except (ValueError, OSError) as fault:
        typer.echo(str(fault), err=True)
        raise typer.Exit(1) from None
    if made.authority:
        typer.echo(f"new authority   {folder / 'ca.pem'} (its key signs: keep {folder / 'ca-key.pem'} apart)")
    if made.written:
        typer.echo(f"written         {', '.join(made.written)}")
    if made.kept:
        typer.echo(f"good as they are  {', '.join(made.kept)}")
    typer.echo(
        f"\nSet for every process, and for this command:\n  export FIELDWISE_TLS={folder.resolve()}\n"
        f"For apps, which need the authority only:\n  export FIELDWISE_CA={(folder / 'ca.pem').resolve()}"
    )
