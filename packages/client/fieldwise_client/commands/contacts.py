"""`fieldwise contacts show, set`: how often, when and after what customers may be reached, as text and as a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import json_format

from fieldwise.recommend.v1 import contact_pb2 as pb
from fieldwise_client.commands.customers import Json, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.supervisor.layout import DEFAULT_DATA

File = Annotated[Path, typer.Argument(help="A policy as `fieldwise contacts show --json` writes it.")]
By = Annotated[str, typer.Option("--by", help="Who puts it in force.")]
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="How often, when and after what customers may be reached.")
    group.command()(show)
    group.command(name="set")(put)
    app.add_typer(group, name="contacts")


def show(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """The contact policy in force."""
    with faults_told(), client_for(data) as client:
        policy = client.contact_policy()
    typer.echo(json_text(policy) if as_json else "\n".join(told(policy)))


def put(
    file: File,
    by: By,
    note: Annotated[str, typer.Option(help="Why; kept with the policy.")] = "",
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Put another policy in force for the next decision; refused when the file was made from one that no longer is."""
    try:
        policy = json_format.Parse(file.read_text("utf-8"), pb.ContactPolicy())
    except (OSError, UnicodeDecodeError, json_format.ParseError) as error:
        typer.echo(f"{file}: {error}", err=True)
        raise typer.Exit(1) from None
    with faults_told(), client_for(data) as client:
        made = client.update_contact_policy(policy, actor=by, note=note)
    typer.echo("\n".join(told(made)))


def told(policy: pb.ContactPolicy) -> Iterator[str]:
    """A policy in lines of text."""
    by = f", by {policy.actor}" if policy.actor else ""
    yield f"policy {policy.etag or 'as it comes'}{by}{f': {policy.note}' if policy.note else ''}"
    for cap in policy.caps:
        through = f" through {cap.channel}" if cap.channel else ""
        of = f" of {cap.action}" if cap.action else ""
        yield f"at most {cap.most} contact{'' if cap.most == 1 else 's'}{of}{through} in any {cap.days} days"
    for quiet in policy.quiet_hours:
        days = " ".join(_DAYS[day - 1] for day in quiet.weekdays) or "every day"
        until = f"{_clock(quiet.start_minute)} to {_clock(quiet.end_minute)}"
        yield f"quiet {days} {until} {policy.time_zone}{_for(quiet.channels)}"
    for rule in policy.suppressions:
        event = pb.ContactEvent.Name(rule.event).removeprefix("CONTACT_EVENT_").lower()
        through = _for([rule.channel] if rule.channel else [])
        yield f"{rule.rest_days} days of rest after {rule.count} x {event} in {rule.window_days} days{through}"
    if policy.immediate_channels:
        yield f"carried out at once: {', '.join(policy.immediate_channels)}"
    if policy.consent_required:
        yield "who was never asked is treated as who refused"
    general = ", ".join(policy.general_channels) or "no channel"
    yield f"without consent to be decided about, the same for everybody: {general}"


def _for(channels: Iterable[str]) -> str:
    named = ", ".join(channels)
    return f" for {named}" if named else ""


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
