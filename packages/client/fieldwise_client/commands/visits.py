"""`fieldwise visits`: tours and lists of outreach from a planner's files; files and a map as the answer."""

from __future__ import annotations

import datetime
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from google.longrunning import operations_pb2

from fieldwise.allocation.v1.visit_pb2 import PlanVisitsMetadata, VisitBreak, VisitRules
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.plan import outreach_files
from fieldwise_client.plan.table import FilesAreWrong
from fieldwise_client.plan.visit_files import Week, clock, read_visits
from fieldwise_client.plan.visit_writing import headline, write_visits
from fieldwise_client.progress import Progress
from fieldwise_client.supervisor.layout import DEFAULT_DATA

_SATURDAY = 5


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="Whom to visit, on which day, in which order.")
    for command in (plan, delete, outreach):
        group.command()(command)
    app.add_typer(group, name="visits")


def plan(
    stops: Annotated[
        Path,
        typer.Option(
            help="CSV: name, lat, lon, minutes; also prize, mandatory, needs_skills, visits, rep, opens, closes."
        ),
    ],
    reps: Annotated[Path, typer.Option(help="CSV: name, lat, lon; also skills, starts, ends, capacity.")],
    first: Annotated[str, typer.Option("--from", help="First day, such as 2026-11-23.")],
    days: Annotated[
        int, typer.Option(min=1, max=23, help="Days of work; Saturdays and Sundays are none.")
    ] = 5,
    starts: Annotated[str, typer.Option(help="Begin of work.")] = "8:00",
    ends: Annotated[str, typer.Option(help="End of work.")] = "17:30",
    pause: Annotated[
        str, typer.Option("--break", help="When a break may begin; empty for none.")
    ] = "11:30-13:00",
    pause_minutes: Annotated[float, typer.Option("--break-minutes", min=1, help="How long it is.")] = 45.0,
    kilometre_cost: Annotated[float, typer.Option(min=0, help="Money for a kilometre.")] = 0.3,
    hour_cost: Annotated[float, typer.Option(min=0, help="Money for an hour out.")] = 0.0,
    speed: Annotated[float, typer.Option(min=5, max=130, help="Km/h on the road.")] = 40.0,
    time_limit: Annotated[float, typer.Option(min=1, max=600, help="Seconds for the planner.")] = 20.0,
    out: Annotated[Path, typer.Option(help="Folder for the answer.")] = Path("visits"),
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Plan visits; write visits.csv, left_out.csv, tours.geojson and map.html."""
    currency = os.environ.get("FIELDWISE_CURRENCY", "USD")
    try:
        week = _week(first, days, starts, ends, pause, pause_minutes)
        asked, who = read_visits(stops, reps, week, currency)
    except (FilesAreWrong, ValueError) as wrong:
        typer.echo(str(wrong), err=True)
        raise typer.Exit(1) from None
    rules = VisitRules(
        speed_kmh=speed,
        kilometre_cost=_money(kilometre_cost, currency),
        hour_cost=_money(hour_cost, currency),
        time_limit_seconds=time_limit,
    )
    line = Progress(stream=sys.stderr)
    with faults_told(), client_for(data) as client:
        made = client.plan_visits(
            asked, who, rules=rules, progress=lambda operation: line.running(_told(operation))
        )
        written = write_visits(made, list(client.day_visits(made.name)), asked, who, out)
    typer.echo(f"{made.name}\n{headline(made)}")
    for path in written:
        typer.echo(f"  {path}")


def delete(
    plan: Annotated[str, typer.Argument(help="Its name, as `fieldwise visits plan` said it.")],
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Remove a plan of visits that is kept, and its days."""
    with faults_told(), client_for(data) as client:
        client.delete_visit_plan(plan)
    typer.echo(f"{plan} is removed")


def outreach(
    candidates: Annotated[Path, typer.Option(help="CSV: customer, value, minutes, rep.")],
    minutes: Annotated[Path, typer.Option(help="CSV: rep, date, minutes. What each rep has for it.")],
    out: Annotated[Path, typer.Option(help="File for the lists.")] = Path("outreach.csv"),
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Rank whom each rep turns to first on each day, and say what one more minute of his would bring."""
    currency = os.environ.get("FIELDWISE_CURRENCY", "USD")
    try:
        asked, rooms = outreach_files.read_outreach(candidates, minutes, currency)
    except FilesAreWrong as wrong:
        typer.echo(str(wrong), err=True)
        raise typer.Exit(1) from None
    with faults_told(), client_for(data) as client:
        ranked = client.rank_outreach(asked, rooms)
    outreach_files.write_outreach(ranked, out)
    typer.echo(f"{outreach_files.headline(ranked, len(asked))}\n\n{'rep':<24}{'a minute more':>12}")
    for line in outreach_files.minute_prices(ranked):
        typer.echo(line)
    typer.echo(f"  {out}")


def _week(first: str, days: int, starts: str, ends: str, pause: str, minutes: float) -> Week:
    """The days of work.

    Raises:
        ValueError: A day or a time that is none; the text says which.
    """
    try:
        day = datetime.date.fromisoformat(first)
    except ValueError:
        raise ValueError(f"--from: got {first!r}; give a day such as 2026-11-23") from None
    found: list[datetime.date] = []
    while len(found) < days:
        if day.weekday() < _SATURDAY:
            found.append(day)
        day += datetime.timedelta(days=1)
    return Week(found, _clock("--starts", starts), _clock("--ends", ends), _pause(pause, minutes))


def _pause(text: str, minutes: float) -> VisitBreak | None:
    if not text:
        return None
    earliest, _, latest = text.partition("-")
    return VisitBreak(
        earliest_minute=_clock("--break", earliest),
        latest_minute=_clock("--break", latest or earliest),
        minutes=minutes,
    )


def _clock(option: str, text: str) -> float:
    try:
        return clock(text)
    except ValueError:
        raise ValueError(f"{option}: got {text!r}; give a time such as 8:30") from None


def _money(amount: float, currency: str) -> Money:
    return Money(currency_code=currency, micros=round(amount * 1_000_000))


def _told(operation: operations_pb2.Operation) -> str:
    metadata = PlanVisitsMetadata()
    operation.metadata.Unpack(metadata)
    parts = f", {metadata.parts_done} of {metadata.parts} parts" if metadata.parts else ""
    return f"{metadata.step or 'queued'}{parts}"
