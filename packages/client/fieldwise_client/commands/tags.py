"""`fieldwise tags`: rules that mark customers: added, tried, listed, retired, restored, and measured."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.profile.v1.consent_pb2 import Purpose as PurposeEnum
from fieldwise.profile.v1.tag_service_pb2 import Tag, TagReport, TagState, TagVerdict
from fieldwise_client.commands.customers import Json, Purpose, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.progress import Progress
from fieldwise_client.supervisor.layout import DEFAULT_DATA

Name = Annotated[str, typer.Argument(help="Such as loyal or tags/loyal.")]
Rule = Annotated[str, typer.Argument(help="In CEL, such as 'features.spend_28d > 100.0'.")]
Note = Annotated[str, typer.Option(help="Why; kept with the version.")]
_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="Rules that mark customers.")
    for command in (add, rm, restore, customers, worth):
        group.command()(command)
    group.command("list")(list_)
    group.command("test")(try_)
    app.add_typer(group, name="tags")


def add(
    name: Name,
    rule: Rule,
    purpose: Annotated[
        list[str] | None, typer.Option(help="What the tag may be read for; repeat it. Default: decision.")
    ] = None,
    description: Annotated[str, typer.Option(help="What it means.")] = "",
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Add a tag; it holds from the next read on, in reads for its purposes only. `tags test` tries the rule first."""
    with faults_told(), client_for(data) as client:
        made = client.create_tag(name, rule, purposes=purpose or ["decision"], description=description)
        typer.echo(_line(made))
        if PurposeEnum.PURPOSE_SERVICE not in made.purposes:
            # `customers show` reads for service unless it is told otherwise.
            typer.echo(f"shown by `fieldwise customers show --purpose {_purposes(made)[0]}`", err=True)


def rm(name: Name, note: Note = "", data: Data = Path(DEFAULT_DATA)) -> None:
    """Take a tag out of force; `restore` brings it back."""
    with faults_told(), client_for(data) as client:
        typer.echo(_line(client.retire_tag(name, note=note)))


def restore(
    name: Name,
    version: Annotated[int, typer.Option(min=0, help="Take this version up again; 0: as it is.")] = 0,
    note: Note = "",
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Bring a tag back into force, or turn a proposal to retire it down."""
    with faults_told(), client_for(data) as client:
        typer.echo(_line(client.restore_tag(name, version=version, note=note)))


def list_(
    retired: Annotated[bool, typer.Option("--retired", help="Retired ones as well.")] = False,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Show the tags."""
    with faults_told(), client_for(data) as client:
        none = True
        for tag in client.tags(show_retired=retired):
            none = False
            typer.echo(json_text(tag) if as_json else _line(tag))
        if none and not as_json:
            typer.echo("no tags; add one with `fieldwise tags add NAME RULE`")


def try_(
    rule: Rule,
    who: Annotated[list[str] | None, typer.Argument(help="Customers, such as 417.")] = None,
    purpose: Purpose = "service",
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Check a rule, and show what it says of some customers; nothing is kept."""
    with faults_told(), client_for(data) as client:
        said = client.test_tag(rule, who or (), purpose=purpose)
        typer.echo(
            f"right; reads {', '.join(said.fields) or 'no field'}; at most {said.steps} steps a customer"
        )
        for verdict in said.verdicts:
            typer.echo(f"  {verdict.customer:<24} {_told(verdict)}")


def customers(
    name: Name,
    purpose: Purpose = "service",
    most: Annotated[int, typer.Option("--limit", min=1, help="Most customers to show.")] = 100,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Show the customers for whom a tag holds."""
    with faults_told(), client_for(data) as client:
        found = client.tagged_customers(name, purpose=purpose, page_size=min(most, 1_000), timeout=60.0)
        for customer, _ in zip(found, range(most), strict=False):
            typer.echo(customer)


def worth(
    target: Annotated[str, typer.Option(help="silent_28d or buys_28d.")] = "silent_28d",
    propose: Annotated[
        bool, typer.Option("--propose", help="Mark what the report would retire; nothing is retired.")
    ] = False,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Measure what each tag is worth for foreseeing an outcome. Ctrl-C ends it and keeps nothing."""
    progress = Progress(stream=sys.stderr)
    with faults_told(), client_for(data) as client:
        for told in client.evaluate_tags(target, propose=propose):
            if told.HasField("report"):
                text = json_text(told.report) if as_json else "\n".join(_report_lines(told.report, target))
                progress.say("measured")
                typer.echo(text)
            else:
                progress.running(f"{told.step}: {told.done:,} of {told.total:,}")


def _line(tag: Tag) -> str:
    purposes = ",".join(_purposes(tag))
    state = TagState.Name(tag.state).removeprefix("TAG_STATE_").lower()
    note = f"  ({tag.note})" if tag.note else ""
    return f"{tag.name:<28} v{tag.version:<3} {state:<9} {purposes:<18} {tag.expression}{note}"


def _purposes(tag: Tag) -> list[str]:
    return [PurposeEnum.Name(each).removeprefix("PURPOSE_").lower() for each in tag.purposes]


def _told(verdict: TagVerdict) -> str:
    if verdict.reason:
        return f"not judged: {verdict.reason}"
    if verdict.no_value:
        return f"no value: {', '.join(verdict.missing) or 'a computation failed'}"
    return "holds" if verdict.holds else "does not hold"


def _report_lines(report: TagReport, target: str) -> Iterator[str]:
    yield (
        f"{report.name}: {report.training_rows:,} rows to choose on, {report.test_rows:,} later ones to measure on, "
        f"{report.base_rate:.1%} with the outcome {target}"
    )
    yield f"all {len(report.tags)} tags: AUC {report.all_auc:.4f}; the {report.knee} kept: AUC {report.kept_auc:.4f}"
    yield "tags kept, the most useful first, and what each adds to the others, with its 90 % interval:"
    by_name = {each.tag: each for each in report.tags}
    for name in report.kept:
        own = by_name[name]
        interval = f"[{own.auc_worth_low:+.4f}, {own.auc_worth_high:+.4f}]"
        yield f"  {name:<32} holds for {own.share:>5.1%}  AUC {own.auc_worth:+.4f} {interval}"
    if report.overlaps:
        yield "pairs that say nearly the same:"
    for pair in report.overlaps[:_SHOWN]:
        yield f"  {pair.one} and {pair.other}: {pair.phi:+.3f}"
    if report.proposals:
        yield "proposed to be retired (only a person does: `fieldwise tags rm NAME`):"
    for proposal in report.proposals:
        yield f"  {proposal.tag:<32} {proposal.reason} {proposal.other}".rstrip()
