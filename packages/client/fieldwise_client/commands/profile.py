"""`fieldwise profile`: how right profiles are, and whether they are what their events say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.profile.v1.quality_service_pb2 import AccuracyReport, AccuracyScore, AttributeAccuracy
from fieldwise_client.commands.customers import Json, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.progress import Progress
from fieldwise_client.supervisor.layout import DEFAULT_DATA

# Something is wrong, though the command did its work.
ALARM = 3


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="How right profiles are.")
    for command in (accuracy, rebuild):
        group.command()(command)
    app.add_typer(group, name="profile")


def accuracy(
    days: Annotated[int, typer.Option(min=1, max=56, help="Days of events that are taken away.")] = 7,
    customers: Annotated[int, typer.Option(min=1, max=100_000, help="Most customers to compare.")] = 2_000,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Compare profiles without their last days with those that have them; exit code 3 when an attribute is under 85 %."""
    progress = Progress(stream=sys.stderr)
    with faults_told(), client_for(data) as client:
        report = None
        for told in client.measure_accuracy(days=days, customers=customers):
            progress.running(f"{told.done:,} of {told.total:,} customers compared")
            report = told.report if told.HasField("report") else report
        if report is None:
            return
        progress.say(f"{report.customers:,} customers compared")
        typer.echo(json_text(report) if as_json else _table(report))
        if any(each.alarm for each in (report.all, *report.attributes)):
            raise typer.Exit(ALARM)


def rebuild(
    customers: Annotated[list[str] | None, typer.Argument(help="Such as 417; nothing for all.")] = None,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Fold all events anew and compare with what is served; exit code 3 when something differed."""
    progress = Progress(stream=sys.stderr)
    with faults_told(), client_for(data) as client:
        last = None
        for last in client.rebuild_profiles(customers or ()):
            progress.running(f"{last.done:,} of {last.total:,} customers")
        if last is None:
            return
        progress.say(f"{last.done:,} customers rebuilt")
        typer.echo(f"{last.differing:,} differed from what was served; digest {last.digest}")
        if last.differing:
            raise typer.Exit(ALARM)


def _table(report: AccuracyReport) -> str:
    head = f"{'attribute':<22} {'all customers':<34} where it changed"
    note = "share of customers for whom the profile without the last days says what the whole one says (95 % interval)"
    return "\n".join([head, *(_line(each) for each in (*report.attributes, report.all)), note])


def _line(accuracy: AttributeAccuracy) -> str:
    alarm = "  ALARM: under 85 %" if accuracy.alarm else ""
    return f"{accuracy.name:<22} {_score(accuracy.overall):<34} {_score(accuracy.changed)}{alarm}"


def _score(score: AccuracyScore) -> str:
    if not score.count:
        return "none to compare"
    return f"{score.share:.1%} ({score.low:.1%}-{score.high:.1%}) of {score.count:,}"
