"""`fieldwise forecast`: a plain file of one's own trained on, and asked."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from fieldwise.forecast.v1.model_pb2 import LearnerScore
from fieldwise.forecast.v1.table_service_pb2 import PredictTableResponse, Table, TableReport
from fieldwise_client.client import Client
from fieldwise_client.commands.customers import Json, json_line, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.errors import AlreadyExists
from fieldwise_client.names import short
from fieldwise_client.progress import Progress
from fieldwise_client.supervisor.layout import DEFAULT_DATA
from fieldwise_client.table_drawing import CannotDraw, demand_drawing, draw
from fieldwise_client.table_rows import batches

File = Annotated[Path, typer.Argument(help="CSV with a header.", exists=True, dir_okay=False, readable=True)]
Name = Annotated[str, typer.Argument(help="Such as sales-data or tables/sales-data.")]
PREDICT_SECONDS = 60.0
LONGEST_NAME = 40


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="Models of your own files.")
    for command in (train, predict, rm):
        group.command()(command)
    group.command("list")(list_)
    app.add_typer(group, name="forecast")


def train(
    file: File,
    target: Annotated[str, typer.Option(help="Column to foretell; default: guessed, and said.")] = "",
    date: Annotated[str, typer.Option(help="Column of dates; default: guessed, and said; - for none.")] = "",
    horizon: Annotated[
        int,
        typer.Option(
            min=0, help="Test on so many of the last dates; default: on the last fifth of the rows."
        ),
    ] = 0,
    key: Annotated[
        list[str] | None, typer.Option(help="Column that names a series, such as a shop; repeat it.")
    ] = None,
    without: Annotated[list[str] | None, typer.Option(help="Column to leave out; repeat it.")] = None,
    learner: Annotated[list[str] | None, typer.Option(help="Only this learner; repeat it.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Drawing to write: .png, .svg or .pdf.")] = None,
    name: Annotated[str, typer.Option(help="Name of the table; default: that of the file.")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Put this file in place of another one under the same name.")
    ] = False,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Upload a file, let the learners compete on its later rows, serve the best. Ctrl-C ends it; what was sent stays."""
    progress = Progress(stream=sys.stderr)
    with drawings_told():
        if plot is not None:
            demand_drawing(plot)
    with faults_told(), client_for(data) as client:
        table = name.removeprefix("tables/") or name_of(file)
        send(client, table, file, replace, progress)
        report = client.train_table(
            table,
            target=target,
            date=date,
            keys=key or (),
            test_dates=horizon,
            learners=learner or (),
            without=without or (),
            progress=lambda told: progress.running(f"{told.step} ({told.share:.0%})"),
        )
    progress.say(f"{report.rows:,} rows of {file.name} read as {report.encoding}")
    typer.echo(json_text(report) if as_json else "\n".join(told(report, table)))
    if plot is not None:
        draw(report, plot)
        typer.echo(f"drawn: {plot}", err=True)


def predict(
    name: Name,
    rows: File,
    out: Annotated[Path | None, typer.Option(help="CSV to write; default: what you see.")] = None,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Foretell the rows of a file: its columns, then the prediction and the model's version."""
    with faults_told(), client_for(data) as client, opened(out) as target:
        unseen = 0
        writer: csv.DictWriter[str] | None = None
        for batch in batches(rows):
            answer = client.predict_table(name, batch, timeout=PREDICT_SECONDS)
            if writer is None:
                writer = csv.DictWriter(target, [*batch[0], "prediction", "unseen", "model_version"])
                writer.writeheader()
                if answer.missing:
                    told_missing(answer.missing)
            writer.writerows(answered(batch, answer))
            unseen += sum(1 for each in answer.predictions if each.unseen)
    if unseen:
        typer.echo(f"{unseen:,} rows hold a text that no training row had; it counted as unknown", err=True)


def told_missing(columns: Iterable[str]) -> None:
    typer.echo(f"columns {', '.join(columns)} are missing; the model takes them as unknown", err=True)


def list_(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """Show the tables and what answers for each."""
    with faults_told(), client_for(data) as client:
        none = True
        for table in client.tables():
            none = False
            typer.echo(json_line(table) if as_json else line(table))
        if none and not as_json:
            typer.echo("no tables; `fieldwise forecast train sales_data.csv` makes one")


def rm(name: Name, data: Data = Path(DEFAULT_DATA)) -> None:
    """Delete a table and its file; versions that were trained on it stay."""
    with faults_told(), client_for(data) as client:
        client.delete_table(name)
        typer.echo(f"tables/{short(name)} is deleted")


def send(client: Client, table: str, file: Path, replace: bool, progress: Progress) -> None:
    """Upload; a file that is there already is not sent."""
    try:
        client.upload_table(
            table,
            file,
            replace=replace,
            progress=lambda arrived, size: progress.running(f"{arrived / size:.0%} of {file.name} sent"),
        )
    except AlreadyExists:
        typer.echo(
            f"tables/{table} holds another file; give --replace to put this one in its place, or --name",
            err=True,
        )
        raise typer.Exit(1) from None


def name_of(file: Path) -> str:
    """A table's name made of a file's: `sales_data.csv` is `sales-data`."""
    plain = re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-")
    return (plain if plain[:1].isalpha() else f"table-{plain}".rstrip("-"))[:LONGEST_NAME]


def told(report: TableReport, table: str) -> Iterator[str]:
    """The report in words."""
    version = report.version
    yield from report.notes
    yield f"{'':2}{'learner':<22}{'MSE':>16}{'MAE':>14}{'WAPE':>9}{'CPU s':>9}"
    for score in version.leaderboard:
        yield board_line(score, served=score.learner == version.learner)
    yield f"{version.name} serves: {version.learner}, as it was tested"
    yield f"ask it: fieldwise forecast predict {table} ROWS.csv"


def board_line(score: LearnerScore, *, served: bool) -> str:
    mse, mae, wape = (score.metrics[name] for name in ("mse", "mae", "wape"))
    mark = "* " if served else "  "
    return f"{mark}{score.learner:<22}{mse:>16,.4f}{mae:>14,.4f}{wape:>9.2%}{score.fit_cpu_seconds:>9.2f}"


def line(table: Table) -> str:
    state = table.champion or ("not trained" if table.received == table.size else "upload not finished")
    return f"{table.name:<32} {table.received:>14,} of {table.size:,} bytes  {state}"


def answered(batch: list[dict[str, str]], answer: PredictTableResponse) -> Iterator[dict[str, str]]:
    for row, each in zip(batch, answer.predictions, strict=True):
        yield row | {
            "prediction": f"{each.value:.6g}",
            "unseen": " ".join(each.unseen),
            "model_version": answer.model_version,
        }


@contextmanager
def opened(out: Path | None) -> Iterator[TextIO]:
    """The file to write to, or the terminal."""
    if out is None:
        yield sys.stdout
        return
    try:
        file = out.open("w", encoding="utf-8", newline="")
    except OSError as error:
        typer.echo(f"--out: {out}: {error.strerror}; give a file that can be written", err=True)
        raise typer.Exit(1) from None
    with file:
        yield file


@contextmanager
def drawings_told() -> Iterator[None]:
    """Tell a person why there can be no drawing, and end with exit code 2."""
    try:
        yield
    except CannotDraw as fault:
        typer.echo(str(fault), err=True)
        raise typer.Exit(2) from None
