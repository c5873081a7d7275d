"""`fieldwise customers`: what is known of a customer, what he did, who he is one person with, and his rights."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from fieldwise.profile.v1.identity_service_pb2 import IdentityLink, LinkSource
from fieldwise.profile.v1.privacy_service_pb2 import ErasureReceipt
from fieldwise.profile.v1.profile_pb2 import Profile
from fieldwise.profile.v1.profile_service_pb2 import WeighedEvent
from fieldwise_client.client import Client
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.errors import FieldwiseError
from fieldwise_client.names import short
from fieldwise_client.supervisor.layout import DEFAULT_DATA
from fieldwise_client.wording.customer import render_consents, render_profile
from fieldwise_client.wording.events import event_line

Customer = Annotated[str, typer.Argument(help="Such as 417 or customers/417.")]
Lang = Annotated[str, typer.Option(help="Language of the answer: en or zh.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Purpose = Annotated[
    str,
    typer.Option(
        help="What it is read for: service, rights, upkeep, decision, planning, reporting or training."
    ),
]
By = Annotated[str, typer.Option(help="Who says so: an id such as reps/7, never a person's name.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="What is known of a customer, and his rights.")
    for command in (show, events, watch, export, erase, consent, link, unlink, links):
        group.command()(command)
    app.add_typer(group, name="customers")


def show(
    customer: Customer,
    purpose: Purpose = "service",
    lang: Lang = "en",
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Show one customer: rhythm, traits with their evidence, interests, tags, segment, consents, quality."""
    with faults_told(), client_for(data) as client:
        found = client.profile(customer, purpose=purpose)
        if as_json:
            typer.echo(json_text(found))
            return
        state = client.consents(customer, purpose=purpose).state
        typer.echo(f"{render_profile(found, lang, width())}\n\n{render_consents(state, lang, width())}")


def events(
    customer: Customer,
    purpose: Purpose = "service",
    kind: Annotated[list[str] | None, typer.Option(help="Such as purchase or view; repeat it.")] = None,
    most: Annotated[int, typer.Option("--limit", min=1, help="Most events to show.")] = 50,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Show a customer's events, newest first, each with what it counts and why."""
    with faults_told(), client_for(data) as client:
        found = client.events(customer, purpose=purpose, kinds=kind or (), page_size=min(most, 1_000))
        none = True
        for _, event in zip(range(most), found, strict=False):
            none = False
            typer.echo(_event(event, as_json))
        if none and not as_json:
            typer.echo("no such event that may be read for this purpose")


def watch(
    customers: Annotated[list[str], typer.Argument(help="Such as 417; several are watched at once.")],
    purpose: Purpose = "service",
    lang: Lang = "en",
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Show customers again within a second of every change, until Ctrl-C."""
    with faults_told(), client_for(data) as client:
        # One of whom nothing is known says nothing until his first event.
        typer.echo(f"watching {', '.join(customers)}; Ctrl-C ends it", err=True)
        for profile in client.watch_profiles(customers, purpose=purpose, full=True):
            typer.echo(json_line(profile) if as_json else _brief(profile, lang))


def export(
    customer: Customer,
    out: Annotated[Path | None, typer.Option(help="File to write; default: what you see.")] = None,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Write everything about a customer, and everybody merged with him, as lines of JSON."""
    with faults_told(), client_for(data) as client:
        lines = client.export(customer)
        if out is None:
            for line in lines:
                typer.echo(line)
            return
        try:
            count = _written(lines, out)
        except OSError as error:
            typer.echo(f"--out: {out}: {error.strerror}; give a file that can be written", err=True)
            raise typer.Exit(1) from None
        typer.echo(f"{count:,} lines in {out}; they are personal data: readable by you only")


def erase(
    customer: Customer,
    request_id: Annotated[
        str, typer.Option("--request", help="Your id of the request, such as the number of his letter.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask back.")] = False,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Erase a customer and everybody merged with him, everywhere; prints the signed receipt. There is no way back."""
    with faults_told(), client_for(data) as client:
        if not yes:
            # By name: a link that was made by mistake would take a stranger along.
            typer.confirm(f"Erase {_all_of(client, customer)}? Nothing brings them back", abort=True)
        receipt = client.erase(customer, request_id=request_id)
        typer.echo(json_text(receipt) if as_json else receipt_text(receipt))


def consent(
    customer: Customer,
    subject: Annotated[
        str,
        typer.Argument(
            help="decision, training, or a channel such as email, or all; nothing shows what holds."
        ),
    ] = "",
    grant: Annotated[bool | None, typer.Option("--grant/--withdraw", help="What he said.")] = None,
    proof: Annotated[str, typer.Option(help="How it can be proved; needed with --grant. Kept sealed.")] = "",
    policy: Annotated[str, typer.Option(help="Version of the text he agreed to.")] = "",
    lang: Lang = "en",
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Show what a customer allows, or write down what he said."""
    if bool(subject) != (grant is not None):
        typer.echo("give a subject with --grant or --withdraw, or neither to see what holds", err=True)
        raise typer.Exit(2)
    with faults_told(), client_for(data) as client:
        if grant is not None:
            client.set_consent(customer, subject, granted=grant, proof=proof, policy_version=policy)
        found = client.consents(customer)
        typer.echo(json_text(found) if as_json else render_consents(found.state, lang, width()))


def link(
    customer: Customer,
    other: Annotated[str, typer.Argument(help="The other name of the same person.")],
    by: By,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Say that two customers are one person; `unlink` takes it back."""
    with faults_told(), client_for(data) as client:
        made = client.link_customers(customer, other, decided_by=by)
        typer.echo(f"{made.customer} and {made.other} are one person: {made.name}")


def unlink(
    link_name: Annotated[
        str, typer.Argument(metavar="LINK", help="Such as identityLinks/3; `links` lists them.")
    ],
    by: By,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Revoke a link: each is read again as he was before."""
    with faults_told(), client_for(data) as client:
        gone = client.unlink_customers(link_name, decided_by=by)
        typer.echo(f"{gone.customer} and {gone.other} are two persons; {gone.name} is revoked")


def links(
    customer: Annotated[str, typer.Argument(help="Such as 417; nothing for all links.")] = "",
    revoked: Annotated[bool, typer.Option("--revoked", help="Revoked links as well.")] = False,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """List who is one person with whom, and since when."""
    with faults_told(), client_for(data) as client:
        none = True
        for each in client.links(customer, show_revoked=revoked):
            none = False
            typer.echo(json_line(each) if as_json else _link(each))
        if none and not as_json:
            typer.echo("no links")


def width() -> int:
    """Columns to write in: wider lines are harder to read, narrower ones break tables."""
    return max(80, min(100, shutil.get_terminal_size((92, 24)).columns))


def json_text(message: Message) -> str:
    """A message for programs and for people."""
    return str(MessageToJson(message, preserving_proto_field_name=True, ensure_ascii=False))


def json_line(message: Message) -> str:
    """A message in one line, for programs that read a line at a time."""
    return str(MessageToJson(message, preserving_proto_field_name=True, ensure_ascii=False, indent=None))


def receipt_text(receipt: ErasureReceipt) -> str:
    """A receipt in lines: who, when, what was destroyed where, what remains and why."""
    who = ", ".join(receipt.customers)
    lines = [f"erased: {who}, {receipt.erase_time.ToJsonString()}, request {receipt.request_id}"]
    for part in receipt.parts:
        counts = (
            ", ".join(f"{name} {count:,}" for name, count in sorted(part.counts.items()))
            or "nothing was there"
        )
        lines.append(f"  {part.place:<11} {counts}")
        if part.model_versions:
            lines.append(f"              trained with him: {', '.join(part.model_versions)}")
        if part.remains:
            lines.append(f"              remains: {part.remains}")
    lines.append(f"signed: {receipt.signature.hex()[:32]}..., key {receipt.public_key.hex()}")
    return "\n".join(lines)


def _all_of(client: Client, customer: str) -> str:
    """A customer and the names of everybody merged with him, as far as they can be told."""
    try:
        members = client.profile(customer, purpose="rights", full=False).members
    except FieldwiseError:
        return f"{customer} and everybody merged with him"
    return " and ".join(map(short, members)) or short(customer)


def _written(lines: Iterable[str], out: Path) -> int:
    count = 0
    # For its owner alone from the first byte on.
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        # The mode above counts for a new file only.
        os.fchmod(file.fileno(), 0o600)
        for line in lines:
            file.write(line + "\n")
            count += 1
    return count


def _event(event: WeighedEvent, as_json: bool) -> str:
    return json_line(event) if as_json else event_line(event)


def _link(link: IdentityLink) -> str:
    how = LinkSource.Name(link.source).removeprefix("LINK_SOURCE_").lower()
    since = link.create_time.ToJsonString()[:10]
    # Evidence alone links as `auto`, by `auto`.
    who = how if how == link.created_by else f"{how} by {link.created_by}"
    line = f"{link.name}  {link.customer} = {link.other}  {who} on {since}, p {link.probability:.3f}"
    return f"{line}; revoked by {link.revoked_by}" if link.HasField("revoke_time") else line


def _brief(profile: Profile, lang: str) -> str:
    return render_profile(profile, lang, width()) + "\n"
