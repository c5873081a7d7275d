"""`fieldwise actions`: the catalogue: shown, written, reviewed, published and rolled back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.recommend.v1.action_pb2 import Action
from fieldwise.recommend.v1.catalogue_pb2 import CatalogueVersion, Draft, DraftChange, DraftState, ReleaseKind
from fieldwise.recommend.v1.catalogue_service_pb2 import PublishCatalogueResponse
from fieldwise_client.commands.customers import Json, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.supervisor.layout import DEFAULT_DATA

Name = Annotated[str, typer.Argument(help="Such as gift or actions/gift.")]
By = Annotated[str, typer.Option("--by", help="Who does it; a reviewer is none of the authors.")]
Note = Annotated[str, typer.Option(help="Why; kept with the version.")]
Version = Annotated[str, typer.Option("--version", help="A version of the past; default: the one in force.")]
_MILLION = 1_000_000
_MOST_REASONS = 3


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="What can be done for customers: the catalogue.")
    for command in (
        show,
        facts,
        drafts,
        export,
        submit,
        approve,
        reject,
        retire,
        drop,
        check,
        publish,
        versions,
    ):
        group.command()(command)
    group.command("list")(list_)
    group.command("import")(import_)
    group.command("rollback")(roll_back)
    app.add_typer(group, name="actions")


def list_(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """Show the actions in force."""
    with faults_told(), client_for(data) as client:
        listed = client.actions()
    if as_json:
        typer.echo(json_text(listed))
        return
    for action in listed.actions:
        typer.echo(_line(action))
    typer.echo(f"version {listed.version}")


def show(name: Name, version: Version = "", as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """Show one action: its rules, what it costs and what it is believed to add."""
    with faults_told(), client_for(data) as client:
        found = client.action(name, version=version)
    if as_json:
        typer.echo(json_text(found))
        return
    for action in found.actions:
        typer.echo(_line(action))
        effect = action.effect
        typer.echo(
            f"  adds: {effect.lift:.1%} of those who would not buy, {effect.spend_lift:+.1%} spent by those who do ({effect.basis})"
        )
        for rule in action.rules:
            typer.echo(f"  {rule.rule or 'condition'}: {rule.expression}  (at most {rule.steps} steps)")
    typer.echo(f"version {found.version}")


def facts(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """Show what rules may read."""
    with faults_told(), client_for(data) as client:
        for field in client.rule_fields():
            typer.echo(json_text(field) if as_json else f"{field.name:<20} {field.kind:<14} {field.meaning}")


def export(
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to write it; default: the terminal.")
    ] = None,
    version: Version = "",
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Write the catalogue as a file, to be changed and imported again."""
    with faults_told(), client_for(data) as client:
        found = client.export_catalogue(version=version)
    if out is None:
        sys.stdout.buffer.write(found.toml)
        return
    try:
        out.write_bytes(found.toml)
    except OSError as error:
        typer.echo(f"{out}: {error.strerror}; give a file that can be written", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{out}: version {found.version}")


def import_(
    file: Annotated[
        Path, typer.Argument(help="A catalogue file, as `export` writes it.", exists=True, dir_okay=False)
    ],
    by: By,
    note: Note = "",
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Make drafts of everything in which a file differs from what is in force."""
    with faults_told(), client_for(data) as client:
        made = client.import_catalogue(file.read_bytes(), actor=by, note=note).drafts
    for draft in made:
        typer.echo(_drafted(draft))
    if not made:
        typer.echo("nothing differs from what is in force")


def drafts(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """Show the changes that are not in force yet."""
    with faults_told(), client_for(data) as client:
        none = True
        for draft in client.drafts():
            none = False
            typer.echo(json_text(draft) if as_json else _drafted(draft))
        if none and not as_json:
            typer.echo("no drafts; change a file of `fieldwise actions export` and import it")


def submit(name: Name, by: By, note: Note = "", data: Data = Path(DEFAULT_DATA)) -> None:
    """Ask somebody else to review a draft."""
    with faults_told(), client_for(data) as client:
        typer.echo(_drafted(client.submit_action(name, actor=by, note=note)))


def approve(name: Name, by: By, note: Note = "", data: Data = Path(DEFAULT_DATA)) -> None:
    """Approve a draft in review; its authors cannot."""
    with faults_told(), client_for(data) as client:
        typer.echo(_drafted(client.approve_action(name, actor=by, note=note)))


def reject(name: Name, by: By, note: Note = "", data: Data = Path(DEFAULT_DATA)) -> None:
    """Send a draft in review back; its authors cannot."""
    with faults_told(), client_for(data) as client:
        typer.echo(_drafted(client.reject_action(name, actor=by, note=note)))


def retire(name: Name, by: By, note: Note = "", data: Data = Path(DEFAULT_DATA)) -> None:
    """Begin the draft that takes an action out of the catalogue."""
    with faults_told(), client_for(data) as client:
        typer.echo(_drafted(client.retire_action(name, actor=by, note=note)))


def drop(name: Name, data: Data = Path(DEFAULT_DATA)) -> None:
    """Drop a draft."""
    with faults_told(), client_for(data) as client:
        client.delete_draft(name)
    typer.echo(f"{name.removeprefix('drafts/')} is dropped")


def check(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """Say what publishing would do, drafts in review included; nothing is put in force."""
    with faults_told(), client_for(data) as client:
        told = client.publish_catalogue(actor="check", validate_only=True)
    typer.echo(json_text(told) if as_json else _validated(told))


def publish(
    by: By,
    confirm: Annotated[
        list[str] | None, typer.Option("--confirm", help="An action meant to reach nobody or everybody.")
    ] = None,
    note: Note = "",
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Put all approved drafts in force as one version."""
    with faults_told(), client_for(data) as client:
        told = client.publish_catalogue(actor=by, note=note, confirm_reach=confirm or ())
    typer.echo(json_text(told) if as_json else _published(told))


def versions(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """Show what was put in force, newest first."""
    with faults_told(), client_for(data) as client:
        for each in client.catalogue_versions():
            typer.echo(json_text(each) if as_json else _version(each))


def roll_back(
    version: Annotated[str, typer.Argument(help="As `versions` names it.")],
    by: By,
    note: Note = "",
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Put an earlier version in force again."""
    with faults_told(), client_for(data) as client:
        typer.echo(_version(client.rollback_catalogue(version, actor=by, note=note)))


def _line(action: Action) -> str:
    where = f"{action.channel}{f' ({action.placement})' if action.placement else ''}"
    return f"{action.name:<32} {where:<18} {action.cost.micros / _MILLION:>8.2f}  {action.title}"


def _drafted(draft: Draft) -> str:
    change = DraftChange.Name(draft.change).removeprefix("DRAFT_CHANGE_").lower()
    state = DraftState.Name(draft.state).removeprefix("DRAFT_STATE_").lower().replace("_", " ")
    reviewed = f", reviewed by {draft.reviewer}" if draft.reviewer else ""
    said = f': "{draft.note}"' if draft.note else ""
    return f"{draft.name:<32} {change:<8} {state:<10} by {', '.join(draft.authors)}{reviewed}{said}"


def _validated(told: PublishCatalogueResponse) -> str:
    changed = ", ".join(change.subject for change in told.version.changes)
    would = (
        f"would put {changed} in force as version {told.version.number}"
        if changed
        else "no draft is approved or in review"
    )
    return f"{would}\n{_reached(told)}"


def _published(told: PublishCatalogueResponse) -> str:
    return f"{_version(told.version)}\n{_reached(told)}"


def _reached(told: PublishCatalogueResponse) -> str:
    """What the rules cost and whom each changed action reaches."""
    lines = [f"rules take at most {told.steps} of {told.steps_allowed} steps a customer"]
    if not told.sample_size:
        lines.append("no decision was made yet: nothing can be said of whom the actions reach")
    for each in told.reach:
        away = sorted(each.kept_away.items(), key=lambda pair: -pair[1])[:_MOST_REASONS]
        why = f"; {', '.join(f'{share:.0%} {code}' for code, share in away)}" if away else ""
        asked = "  IS THAT MEANT? publish with --confirm" if each.questioned else ""
        lines.append(f"{each.action:<32} reaches {each.share:.0%} of {told.sample_size}{why}{asked}")
    return "\n".join(lines)


def _version(each: CatalogueVersion) -> str:
    kind = ReleaseKind.Name(each.kind).removeprefix("RELEASE_KIND_").lower().replace("_", " ")
    when = each.release_time.ToJsonString() if each.HasField("release_time") else ""
    parts = [
        f"{each.number:>4} {each.version}",
        kind,
        when,
        f"by {each.actor}" if each.actor else "",
        each.note,
    ]
    changed = ", ".join(change.subject for change in each.changes)
    marked = "  IN FORCE" if each.in_force else ""
    return "  ".join(part for part in (*parts, changed) if part) + marked
