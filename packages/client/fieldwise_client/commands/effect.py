"""`fieldwise effect report, import-baseline, baselines`: what decisions really caused."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from fieldwise_client.baseline_files import read_baseline
from fieldwise_client.commands.customers import Json, json_line, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.moments import utc
from fieldwise_client.commands.up import Data
from fieldwise_client.supervisor.layout import DEFAULT_DATA
from fieldwise_client.wording.effect import effect_lines

_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]

Start = Annotated[
    datetime | None, typer.Option("--from", formats=_FORMATS, help="Decisions from this moment on (UTC).")
]
End = Annotated[
    datetime | None, typer.Option("--until", formats=_FORMATS, help="Decisions before this moment (UTC).")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="What decisions really caused, with intervals.")
    group.command()(report)
    group.command("import-baseline")(import_baseline)
    group.command()(baselines)
    app.add_typer(group, name="effect")


def report(
    start: Start = None,
    end: End = None,
    action: Annotated[str, typer.Option(help="Compare with this action's own control group.")] = "",
    rep: Annotated[str, typer.Option(help="Only customers whom this rep serves.")] = "",
    baseline: Annotated[str, typer.Option(help="An imported earlier practice to compare with.")] = "",
    flagged_from: Annotated[
        float, typer.Option(min=0, max=1, help="Flagged is who was given this probability of falling silent.")
    ] = 0.5,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """What was caused: treated against left alone, single actions, new customers, churn, predictions, reps, cohorts."""
    with faults_told(), client_for(data) as client:
        found = client.report_effect(
            start=utc(start),
            end=utc(end),
            action=action,
            rep=rep,
            baseline=baseline,
            flagged_from=flagged_from,
        )
    typer.echo(json_text(found) if as_json else "\n".join(effect_lines(found)))


def import_baseline(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV with customer, money per 28 days; if known period (before, after), group (us, comparison), "
            "hours_to_decision, satisfaction (1 to 5)."
        ),
    ],
    name: Annotated[str, typer.Option(help="Id of the baseline: small letters, digits and -.")],
    display_name: Annotated[str, typer.Option(help="What people call it.")] = "",
    currency: Annotated[str, typer.Option(envvar="FIELDWISE_CURRENCY", help="The company's.")] = "USD",
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Keep what an earlier practice achieved, to compare with."""
    with faults_told():
        rows = read_baseline(file, currency)
        with client_for(data, timeout=60.0) as client:
            made = client.import_baseline(name, rows, display_name=display_name)
    told = f"{made.name}: {made.rows} rows of {made.customers} customers"
    typer.echo(json_text(made) if as_json else told)


def baselines(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """The baselines there are."""
    with faults_told(), client_for(data) as client:
        for each in client.baselines():
            told = f"{each.name}  {each.display_name}  {each.rows} rows of {each.customers} customers"
            typer.echo(json_line(each) if as_json else told)
