"""`fieldwise segments`: groups of customers who behave alike, fitted and shown in words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.profile.v1.segment_service_pb2 import ListSegmentsResponse, Segment
from fieldwise_client.commands.customers import Json, Lang, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.progress import Progress
from fieldwise_client.supervisor.layout import DEFAULT_DATA


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="Groups of customers who behave alike.")
    group.command()(fit)
    group.command("list")(list_)
    app.add_typer(group, name="segments")


def fit(
    count: Annotated[
        list[int] | None, typer.Option(min=2, max=20, help="Number of segments to try; repeat it.")
    ] = None,
    lang: Lang = "en",
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Fit segments anew; groups that are the same people keep their names. Ctrl-C leaves the old ones."""
    progress = Progress(stream=sys.stderr)
    with faults_told(), client_for(data) as client:
        fitted = None
        for told in client.fit_segments(counts=count or ()):
            if told.HasField("fitted"):
                fitted = told.fitted
            elif told.HasField("trial"):
                trial = told.trial
                progress.say(
                    f"{trial.count} segments: silhouette {trial.silhouette:.3f}, stability {trial.stability:.3f}"
                )
            else:
                progress.running(f"{told.customers:,} customers read")
        if fitted is not None:
            typer.echo(_table(fitted, lang))


def list_(lang: Lang = "en", as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """Show the segments of the last fit."""
    with faults_told(), client_for(data) as client:
        fitted = client.segments()
        if as_json:
            typer.echo(json_text(fitted))
        elif not fitted.version:
            typer.echo("nothing was fitted yet; run `fieldwise segments fit`")
        else:
            typer.echo(_table(fitted, lang))


def _table(fitted: ListSegmentsResponse, lang: str) -> str:
    head = (
        f"{fitted.customers:,} customers as of {fitted.as_of.ToJsonString()[:10]}, fit {fitted.version}; "
        f"beside {len(fitted.static_segments)} by age and gender"
    )
    return "\n".join([head, *(_line(segment, lang) for segment in fitted.segments)])


def _line(segment: Segment, lang: str) -> str:
    label = segment.label_zh if lang == "zh" and segment.label_zh else segment.label
    return f"  {segment.name:<14} {segment.size:>8,}  {segment.share:>5.1%}  {label}"
