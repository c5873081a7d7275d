"""`fieldwise series`: sets of series of one's own, kept, forecast, held against a target, taken apart."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.forecast.v1 import series_service_pb2 as series
from fieldwise_client.commands.customers import Json, json_line, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.moments import utc
from fieldwise_client.commands.up import Data
from fieldwise_client.names import short
from fieldwise_client.progress import Progress
from fieldwise_client.series_requests import BATCH
from fieldwise_client.series_rows import parts
from fieldwise_client.supervisor.layout import DEFAULT_DATA

Name = Annotated[str, typer.Argument(help="Such as shops or seriesSets/shops.")]
Keys = Annotated[
    list[str] | None, typer.Option("--key", help="Value of the next level, * for any; repeat it.")
]
At = Annotated[datetime | None, typer.Option("--at", help="As of this moment (UTC); default: now.")]
WRITE_SECONDS = 60.0
FREQUENCIES = {
    "day": series.SERIES_FREQUENCY_DAY,
    "week": series.SERIES_FREQUENCY_WEEK,
    "month": series.SERIES_FREQUENCY_MONTH,
    "quarter": series.SERIES_FREQUENCY_QUARTER,
}


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="Series of your own: any measure by any hierarchy.")
    for command in (create, load, train, forecast, reach, decompose, rm):
        group.command()(command)
    group.command("list")(list_)
    app.add_typer(group, name="series")


def create(
    name: Name,
    dimension: Annotated[
        list[str], typer.Option(help="NAME=COARSE,FINE, such as place=region,shop; repeat it.")
    ],
    frequency: Annotated[str, typer.Option(help="day, week, month or quarter.")] = "week",
    measure: Annotated[str, typer.Option(help="What is measured.")] = "sales",
    unit: Annotated[str, typer.Option(help="Its unit.")] = "",
    known: Annotated[
        list[str] | None, typer.Option("--input", help="Input known in advance; repeat it.")
    ] = None,
    holidays: Annotated[
        list[str] | None, typer.Option(help="Country whose holidays count, such as CN; repeat it.")
    ] = None,
    negative: Annotated[bool, typer.Option("--negative", help="Values may be below 0.")] = False,
    zeros: Annotated[
        bool, typer.Option("--zeros", help="A period that the file leaves out counts as 0.")
    ] = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Make a set of series; the same again changes nothing."""
    if frequency not in FREQUENCIES:
        raise typer.BadParameter(f"give one of {', '.join(FREQUENCIES)}", param_hint="--frequency")
    definition = series.SeriesSet(
        measure=measure,
        unit=unit,
        frequency=FREQUENCIES[frequency],
        dimensions=[dimension_of(text) for text in dimension],
        inputs=known or (),
        holiday_countries=holidays or (),
        allow_negative=negative,
        missing_is_zero=zeros,
    )
    with faults_told(), client_for(data) as client:
        typer.echo(line(client.create_series_set(name, definition)))


def dimension_of(text: str) -> series.Dimension:
    name, equals, levels = text.partition("=")
    if not equals or not all(levels.split(",")):
        raise typer.BadParameter(
            f"{text!r}: give NAME=COARSE,FINE, such as place=region,shop", param_hint="--dimension"
        )
    return series.Dimension(name=name, levels=levels.split(","))


def load(
    file: Annotated[
        Path, typer.Argument(help="CSV: a column per level, a date, value and inputs.", exists=True)
    ],
    name: Annotated[str, typer.Option("--set", help="The set it belongs to.")],
    align: Annotated[
        bool, typer.Option("--align", help="Take each date for the period in which it lies.")
    ] = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Store the rows of a file; what is there for the same series and period is replaced. Ctrl-C keeps what was sent."""
    progress = Progress(stream=sys.stderr)
    done = series.WriteObservationsResponse()
    inputs = 0
    with faults_told(), client_for(data) as client:
        for observations, known in parts(file, client.series_set(name), align):
            if observations:
                written = client.write_observations(name, observations, timeout=WRITE_SECONDS)
                done.added += written.added
                done.changed += written.changed
                done.unchanged += written.unchanged
            for begin in range(0, len(known), BATCH):
                batch = known[begin : begin + BATCH]
                inputs += client.write_inputs(name, batch, timeout=WRITE_SECONDS).written
            progress.running(f"{done.added + done.changed + done.unchanged:,} values sent")
    told = f"{done.added:,} added, {done.changed:,} changed, {done.unchanged:,} were there"
    typer.echo(f"{told}; {inputs:,} inputs" if inputs else told)


def train(name: Name, data: Data = Path(DEFAULT_DATA)) -> None:
    """Choose learners and the way to coherence by backtest, and serve them. Ctrl-C ends it and leaves the old version."""
    progress = Progress(stream=sys.stderr)
    with faults_told(), client_for(data) as client:
        made = client.train_models(
            [f"models/{name.removeprefix('seriesSets/')}"], progress=lambda told: progress.running(told.step)
        )
        for version in made.versions:
            first = version.leaderboard[0]
            typer.echo(
                f"{version.name}: {version.learner}; WAPE {first.metrics['wape']:.2%}, "
                f"{against_naive(first.metrics['lift_vs_naive'])}; "
                f"80 % intervals covered {first.metrics['coverage80']:.1%}, 95 % {first.metrics['coverage95']:.1%}"
            )
        for skipped in made.skipped:
            typer.echo(f"{skipped.model}: {skipped.reason}")


def forecast(
    name: Name,
    level: Annotated[
        list[str] | None, typer.Option(help="Level of each dimension, or total; repeat it.")
    ] = None,
    key: Keys = None,
    horizon: Annotated[int, typer.Option(min=0, max=60, help="Periods ahead; default 8.")] = 0,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="Most series.")] = 20,
    at: At = None,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Show forecasts with their 80 % interval; parts add up to their sums."""
    with faults_told(), client_for(data) as client:
        found = client.forecast_set(
            name,
            levels=level or (),
            keys=key or (),
            horizon=horizon,
            quantiles=(0.1, 0.9),
            page_size=most,
            decision_time=utc(at),
        )
        if as_json:
            typer.echo(json_text(found))
            return
        typer.echo(
            f"{measured(client.series_set(name))}, expected and where 8 of 10 fall; {found.model_version}, made to add up "
            f"by {found.reconciliation} (off by {found.incoherence:.0e}); in its test WAPE "
            f"{against_naive(found.lift.lift_vs_naive)}, 80 % intervals covered {found.lift.coverage80:.1%}"
        )
        for node in found.nodes:
            typer.echo("\n".join(node_lines(node)))
        if found.next_page_token:
            typer.echo(f"more than {most} series; raise --most or name --key")


def measured(one: series.SeriesSet) -> str:
    return f"{one.measure} in {one.unit}" if one.unit else one.measure


def against_naive(lift: float) -> str:
    return f"{100 * abs(lift):.1f} points {'below' if lift >= 0 else 'above'} naive"


def node_lines(node: series.NodeForecast) -> Iterator[str]:
    yield f"{' / '.join(node.keys)}  ({node.learner}{', borrowed: new series' if node.cold_start else ''})"
    for point in node.points:
        low, high = point.quantiles
        yield f"  {point.period.ToJsonString()[:10]}  {point.mean:>14,.1f}   {low:>14,.1f} to {high:,.1f}"


def reach(
    name: Name,
    target: Annotated[float, typer.Argument(help="What the sum should reach.")],
    key: Keys = None,
    periods: Annotated[int, typer.Option(min=0, max=60, help="Periods in the sum; default 8.")] = 0,
    begin: Annotated[
        datetime | None, typer.Option("--from", help="First period; default: the first one ahead.")
    ] = None,
    at: At = None,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Show the probability that a sum over periods reaches a target; `weekly-sales` is the set by category."""
    with faults_told(), client_for(data) as client:
        found = client.reach(
            name,
            target,
            keys=key or (),
            periods=periods,
            first_period=utc(begin),
            decision_time=utc(at),
        )
        typer.echo(json_text(found) if as_json else reach_line(found, target))


def reach_line(found: series.GetReachResponse, target: float) -> str:
    past = f", {found.actual:,.0f} of it there already" if found.actual else ""
    return (
        f"{target:,.0f} is reached with probability {found.probability:.1%}: {found.mean:,.0f} expected{past}; "
        f"in 8 of 10 cases {found.low90:,.0f} to {found.high90:,.0f} ({found.model_version})"
    )


def decompose(
    name: Name,
    key: Keys = None,
    at: At = None,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Show trend, season, events and remainder of the sum of the series that match; they add up to it."""
    with faults_told(), client_for(data) as client:
        found = client.decompose(name, key or (), decision_time=utc(at))
        typer.echo(json_text(found) if as_json else "\n".join(parts_lines(found)))


def parts_lines(found: series.DecomposeResponse) -> Iterator[str]:
    if found.note:
        yield found.note
    for one in found.effects:
        yield f"{one.event}: {one.effect:+,.1f} a period where it is 1 (95 %: {one.low95:+,.1f} to {one.high95:+,.1f})"
    yield f"{'period':<12}{'value':>14}{'trend':>14}{'season':>12}{'events':>12}{'remainder':>12}"
    for period in found.periods:
        begin = period.period.ToJsonString()[:10]
        yield (
            f"{begin:<12}{period.value:>14,.1f}{period.trend:>14,.1f}{period.season:>12,.1f}"
            f"{period.events:>12,.1f}{period.remainder:>12,.1f}"
        )


def list_(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """Show the sets."""
    with faults_told(), client_for(data) as client:
        sets = list(client.series_sets())
        for one in sets:
            typer.echo(json_line(one) if as_json else line(one))
        if not sets and not as_json:
            typer.echo("no sets; `fieldwise series create shops --dimension place=region,shop` makes one")


def rm(name: Name, data: Data = Path(DEFAULT_DATA)) -> None:
    """Delete a set with its observations."""
    with faults_told(), client_for(data) as client:
        gone = client.delete_series_set(name).observations
        typer.echo(f"seriesSets/{short(name)} is deleted, with {gone:,} observations")


def line(one: series.SeriesSet) -> str:
    levels = " x ".join("/".join(dimension.levels) for dimension in one.dimensions)
    frequency = series.SeriesFrequency.Name(one.frequency).rpartition("_")[2].lower()
    ends = [moment.ToJsonString()[:10] for moment in (one.first_period, one.last_period)]
    until = f"{ends[0]} to {ends[1]}" if one.HasField("last_period") else "no observations"
    return f"{one.name:<32} {one.measure} by {frequency}, {levels}: {one.series:,} series, {until}"
