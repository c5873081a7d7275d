"""`fieldwise deadletters`: events that were refused, with every reason, and reading them again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.profile.v1.schema_service_pb2 import DeadLetter
from fieldwise_client.commands.customers import Json, json_line
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.progress import Progress
from fieldwise_client.supervisor.layout import DEFAULT_DATA
from fieldwise_client.wording.events import told_event

Of = Annotated[str, typer.Option("--customer", help="Only of this customer.")]
From = Annotated[str, typer.Option("--source", help="Only from this source.")]
Kind = Annotated[str, typer.Option(help="Only of this kind, such as custom.")]
Field = Annotated[str, typer.Option(help="Only with this field wrong, such as custom.schema.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="Events that were refused.")
    group.command("list")(list_)
    group.command()(replay)
    app.add_typer(group, name="deadletters")


def list_(
    customer: Of = "",
    source: From = "",
    kind: Kind = "",
    field: Field = "",
    purpose: Annotated[
        str,
        typer.Option(help="upkeep shows the faults; service and rights the event as well, as it came in."),
    ] = "upkeep",
    most: Annotated[int, typer.Option("--limit", min=1, help="Most letters to show.")] = 50,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """List refused events, oldest first, with every reason."""
    with faults_told(), client_for(data) as client:
        found = client.dead_letters(purpose=purpose, customer=customer, source=source, kind=kind, field=field)
        count = 0
        for count, letter in zip(range(1, most + 1), found, strict=False):  # noqa: B007  # told after the loop
            typer.echo(json_line(letter) if as_json else _letter(letter))
        if not count and not as_json:
            typer.echo("no event was refused")


def replay(
    names: Annotated[
        list[str] | None, typer.Argument(help="Such as deadLetters/3f..; nothing for all.")
    ] = None,
    customer: Of = "",
    source: From = "",
    kind: Kind = "",
    field: Field = "",
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Read refused events again, as if they came in now; what is still wrong stays, with its new reasons."""
    progress = Progress(stream=sys.stderr)
    with faults_told(), client_for(data) as client:
        last = None
        replaying = client.replay_dead_letters(
            names or (), customer=customer, source=source, kind=kind, field=field
        )
        for last in replaying:
            progress.running(f"{last.done:,} of {last.total:,} read again")
        if last is None or not last.total:
            typer.echo("no refused event fits")
            return
        progress.say(f"{last.done:,} of {last.total:,} read again")
        typer.echo(
            f"{last.accepted:,} accepted, {last.duplicates:,} had come in meanwhile, {last.still_refused:,} still refused, "
            f"{last.unreadable:,} of erased customers"
        )


def _letter(letter: DeadLetter) -> str:
    head = (
        f"{letter.name}  {letter.receive_time.ToJsonString()}  {letter.kind or 'no kind'} of {letter.customer or 'nobody'} "
        f"from {letter.source or 'nowhere'} {letter.event_id}, came in {letter.times} x"
    )
    sent = [f"    {told_event(letter.event)}"] if letter.HasField("event") else []
    faults = (f"    {fault.field}: {fault.description}" for fault in letter.details.field_violations)
    return "\n".join(
        [head, *sent, *(faults if letter.HasField("details") else (f"    {name}" for name in letter.fields))]
    )
