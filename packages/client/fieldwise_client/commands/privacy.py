"""`fieldwise privacy`: what personal data is kept and used, who looked at it, and the keys it is sealed with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import Parse, ParseError

from fieldwise.profile.v1.consent_pb2 import Purpose
from fieldwise.profile.v1.privacy_service_pb2 import AuditEntry, ErasureReceipt, FieldUse, PersonalField
from fieldwise_client.commands.customers import Json, json_line
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.progress import Progress
from fieldwise_client.supervisor.layout import DEFAULT_DATA

# Something is wrong, though the command did its work.
ALARM = 3


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="Personal data: what is kept, what was read, the keys.")
    for command in (fields, unused, audit, verify, rotate):
        group.command()(command)
    app.add_typer(group, name="privacy")


def fields(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """List every personal field: sealed or plain, what for, how long."""
    with faults_told(), client_for(data) as client:
        for field in client.personal_fields():
            typer.echo(json_line(field) if as_json else _field(field))


def unused(
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days without a read.")] = 90,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """List personal fields that are collected and that nobody read lately: they should not be collected."""
    with faults_told(), client_for(data) as client:
        listed = [use for use in client.minimisation(days=days) if use.unused]
        for use in listed:
            typer.echo(json_line(use) if as_json else _use(use))
        if not listed and not as_json:
            typer.echo(f"every personal field that is collected was read within {days} days")


def audit(
    customer: Annotated[str, typer.Argument(help="Such as 417; nothing for all.")] = "",
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Check the audit log and list its entries; exit code 3 when it was tampered with. The erased cannot be looked up."""
    with faults_told(), client_for(data) as client:
        for entry in client.audit_entries(customer):
            typer.echo(json_line(entry) if as_json else _entry(entry))
        checked = client.verify_audit()
        if not checked.valid:
            typer.echo(
                f"the log is not in order from entry {checked.first_fault} on: {checked.fault}", err=True
            )
            raise typer.Exit(ALARM)
        if not as_json:
            typer.echo(f"{checked.entries:,} entries, every link in order")


def verify(
    receipt: Annotated[Path, typer.Argument(help="A receipt as `customers erase --json` printed it.")],
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Check the signature of a receipt of erasure; exit code 3 when it is wrong."""
    try:
        read = Parse(receipt.read_text(encoding="utf-8"), ErasureReceipt())
    except (OSError, UnicodeDecodeError, ParseError) as error:
        typer.echo(
            f"{receipt}: {type(error).__name__}; give the file that `customers erase --json` wrote", err=True
        )
        raise typer.Exit(1) from None
    with faults_told(), client_for(data) as client:
        checked = client.verify_receipt(read)
        typer.echo("the receipt is right" if checked.valid else f"the receipt is wrong: {checked.fault}")
        raise typer.Exit(0 if checked.valid else ALARM)


def rotate(data: Data = Path(DEFAULT_DATA)) -> None:
    """Wrap every customer's key with a new key and retire the old one. Cut off, it goes on when run again."""
    progress = Progress(stream=sys.stderr)
    with faults_told(), client_for(data) as client:
        last = None
        for last in client.rotate_keys():
            progress.running(f"{last.done:,} of {last.total:,} keys wrapped")
        if last is not None:
            progress.say(f"{last.done:,} keys wrapped with version {last.version}")
            typer.echo("the older keys are retired" if last.retired else "not finished; run it again")


def _purposes(numbers: list[Purpose.ValueType]) -> str:
    return ", ".join(Purpose.Name(number).removeprefix("PURPOSE_").lower() for number in numbers)


def _field(field: PersonalField) -> str:
    kept = f"{field.retention_days} days" if field.retention_days else "until erasure"
    form = "sealed" if field.sealed else "plain "
    return f"{field.field:<34} {form}  {kept:<14} for {_purposes(list(field.purposes))}; {field.reason}"


def _use(use: FieldUse) -> str:
    reads = ", ".join(
        f"{_purposes([read.purpose])} {read.last_time.ToJsonString()[:10]}" for read in use.reads
    )
    return f"{use.field:<34} collected {use.collected:,} times; last read: {reads or 'never'}"


def _entry(entry: AuditEntry) -> str:
    purpose = f" for {_purposes([entry.purpose])}" if entry.purpose else ""
    subject = f"  of {entry.subject}" if entry.subject else ""
    when = entry.time.ToJsonString()
    return f"{entry.sequence:>8}  {when}  {entry.action}{purpose}{subject}  {entry.details}"
