"""`fieldwise traces`: finding traces by what they were about, who took part, how long they took and how they ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.gateway.v1.traces_service_pb2 import TraceSummary
from fieldwise_client.commands.customers import Json, json_line
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.supervisor.layout import DEFAULT_DATA
from fieldwise_client.trace_requests import TraceFilter


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="Traces that were kept.")
    group.callback()(_described)
    group.command()(search)
    app.add_typer(group, name="traces")


def _described() -> None:
    """Traces that were kept."""


def search(
    made: Annotated[str, typer.Option(help="decisions/{uuid}, plans/{uuid}, priceSets/{n}.")] = "",
    customer: Annotated[str, typer.Option(help="Whom it was about.")] = "",
    service: Annotated[str, typer.Option(help="A service that took part, such as profile.")] = "",
    root: Annotated[str, typer.Option(help="The call that began it, such as Decide.")] = "",
    errors: Annotated[bool, typer.Option("--errors", help="Only with a span in error.")] = False,
    degraded: Annotated[
        bool, typer.Option("--degraded", help="Only with a part that was not fresh.")
    ] = False,
    min_ms: Annotated[float, typer.Option(min=0, help="Took at least so many milliseconds.")] = 0.0,
    max_ms: Annotated[float, typer.Option(min=0, help="Took at most so many milliseconds; 0: any.")] = 0.0,
    minutes: Annotated[float, typer.Option(min=0, help="Began in the last minutes; 0: any time.")] = 0.0,
    attribute: Annotated[
        list[str] | None, typer.Option(help="key=value of some span; may be given several times.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="Most traces shown.")] = 20,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Find traces, newest first."""
    wanted = TraceFilter(
        made=made,
        customer=customer,
        service=service,
        root_method=root,
        errors_only=errors,
        degraded_only=degraded,
        at_least=timedelta(milliseconds=min_ms) if min_ms else None,
        at_most=timedelta(milliseconds=max_ms) if max_ms else None,
        begun_after=datetime.now(UTC) - timedelta(minutes=minutes) if minutes else None,
        attributes=dict(map(_pair, attribute or [])),
    )
    with faults_told(), client_for(data, timeout=30.0) as client:
        found = client.search_traces(wanted, most=most)
        for each in found:
            typer.echo(json_line(each) if as_json else _line(each))
        if not found and not as_json:
            typer.echo("no trace matches")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise typer.BadParameter(f"got {text!r}; give key=value, such as fieldwise.verdict=VERDICT_ACT")
    return key, value


def _line(trace: TraceSummary) -> str:
    remarks = [word for word, holds in (("ERROR", trace.error), ("degraded", trace.degraded)) if holds]
    milliseconds = trace.duration.ToNanoseconds() / 1e6
    begun = trace.start_time.ToJsonString()[:23]
    method = trace.root_method.rpartition("/")[2]
    words = f"{begun}  {milliseconds:10,.2f} ms  {trace.spans:4} spans  {method:<24} {trace.name}"
    return f"{words}  {' '.join(remarks)}".rstrip()
