"""`fieldwise keys list, create, rotate, revoke, whoami`: who may call the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.gateway.v1 import access_service_pb2 as pb
from fieldwise_client.commands.customers import Json, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.moments import utc
from fieldwise_client.commands.up import Data
from fieldwise_client.supervisor.layout import DEFAULT_DATA

Key = Annotated[str, typer.Argument(help="Id of the key: the middle of its text, fw_<id>_<random>.")]
_COLUMNS = ("id", "role", "for", "reps", "last used", "ends", "scopes")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="API keys: who may call the gateway, and for what.")
    group.command(name="list")(listed)
    group.command()(create)
    group.command()(rotate)
    group.command()(revoke)
    group.command()(whoami)
    app.add_typer(group, name="keys")


def listed(
    ended: Annotated[
        bool, typer.Option("--ended", help="Those that were revoked or have expired, too.")
    ] = False,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """The keys, newest first; never their secrets."""
    with faults_told(), client_for(data) as client:
        found = list(client.api_keys(ended=ended))
    if as_json:
        for key in found:
            typer.echo(json_text(key))
        return
    typer.echo("\n".join(table(found)))


def create(
    role: Annotated[
        str, typer.Argument(help="app, planner, rep, manager, ops, privacy_officer or operator.")
    ],
    label: Annotated[str, typer.Option("--for", help="What it is for, such as the name of the app.")] = "",
    rep: Annotated[
        list[str] | None, typer.Option(help="Whom a rep's or manager's key acts for; may be repeated.")
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="Narrow it to this scope, such as events.write; may be repeated."),
    ] = None,
    calls_per_second: Annotated[
        float, typer.Option(help="How often it may call; 0 means what the gateway's settings say.")
    ] = 0.0,
    expires: Annotated[
        datetime | None, typer.Option(help="From when on it does not work; without an offset UTC.")
    ] = None,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Make a key and print it, this once: keep it where secrets are kept."""
    with faults_told(), client_for(data) as client:
        made = client.create_key(
            role,
            scopes=scope or (),
            reps=rep or (),
            label=label,
            calls_per_second=calls_per_second,
            expires=utc(expires),
        )
    _shown(made.secret, made.api_key)


def rotate(
    key: Key,
    overlap_hours: Annotated[
        float, typer.Option(help="Hours for which the secret before works on, 0 to 720.")
    ] = 24.0,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Give a key a new secret and print it, this once."""
    with faults_told(), client_for(data) as client:
        made = client.rotate_key(key, overlap=timedelta(hours=overlap_hours))
    _shown(made.secret, made.api_key)


def revoke(key: Key, data: Data = Path(DEFAULT_DATA)) -> None:
    """End a key within a second, for good."""
    with faults_told(), client_for(data) as client:
        ended = client.revoke_key(key)
    typer.echo(f"{ended.name} was revoked and never works again")


def whoami(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """Who this machine's commands are to the gateway, and what they may do."""
    with faults_told(), client_for(data) as client:
        caller = client.whoami()
    typer.echo(json_text(caller) if as_json else "\n".join(told(caller)))


def told(caller: pb.Caller) -> Iterator[str]:
    """A caller in lines of text."""
    yield f"{caller.name}: {', '.join(caller.roles)}"
    if caller.reps:
        yield f"acts for {', '.join(caller.reps)}"
    limit = f"{caller.calls_per_second:g} calls a second" if caller.calls_per_second else "no limit of calls"
    yield limit
    confined = set(caller.confined_scopes)
    for scope in caller.scopes:
        yield f"  {scope}{' (own customers only)' if scope in confined else ''}"


def table(keys: list[pb.ApiKey]) -> Iterator[str]:
    """Keys as a table."""
    rows = [_COLUMNS, *(_row(key) for key in keys)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(key: pb.ApiKey) -> tuple[str, ...]:
    scopes = [each for each in key.scopes if each != "caller.read"]
    shown = ", ".join(scopes) if len(scopes) <= 3 else f"{len(scopes)} scopes"
    reps = ", ".join(each.removeprefix("reps/") for each in key.reps)
    last = key.last_used_day or "never"
    return key.name.removeprefix("apiKeys/"), key.role, key.label, reps, last, _end(key), shown


def _end(key: pb.ApiKey) -> str:
    if key.HasField("revoke_time"):
        return "revoked"
    if not key.HasField("expire_time"):
        return "never"
    return f"{key.expire_time.ToDatetime(tzinfo=UTC):%Y-%m-%d %H:%M}Z"


def _shown(secret: str, key: pb.ApiKey) -> None:
    # Alone on standard output, so that a script can keep it: `fieldwise keys create app > key`.
    typer.echo(secret)
    until = (
        f"; the one before works until {key.previous_expire_time.ToDatetime(tzinfo=UTC):%Y-%m-%d %H:%M}Z"
        if key.HasField("previous_expire_time")
        else ""
    )
    typer.echo(f"{key.name}, {key.role}; this is the only time its secret is shown{until}", err=True)
