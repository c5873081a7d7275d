"""`fieldwise interests`: what a customer wants next and when to reach him; what a long look is worth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.forecast.v1.customer_service_pb2 import ContactTime, DwellThreshold, Outlook, ProductInterest
from fieldwise_client.commands.customers import Customer, Json, json_line, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.supervisor.layout import DEFAULT_DATA

WEEKDAYS = ("any day", "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
HEAD = f"{'category':<24} {'from':>8}  {'90 % interval':<20} {'below':>6} {'above':>6} {'views':>9}"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(no_args_is_help=True, help="What customers want next, and what a long look is worth.")
    for command in (outlook, dwell):
        group.command()(command)
    app.add_typer(group, name="interests")


def outlook(
    customer: Customer,
    most: Annotated[int, typer.Option(min=1, max=100, help="Categories and products shown.")] = 5,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """What is foreseen of one customer: where he stands, his next categories, products he wants, when to reach him."""
    with faults_told(), client_for(data) as client:
        found = client.outlook(customer, most=most)
    typer.echo(json_text(found) if as_json else "\n".join(outlook_lines(found)))


def dwell(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """By category, the time on a page from which a purchase within seven days becomes likelier, learned from views."""
    with faults_told(), client_for(data) as client:
        found = list(client.dwell_thresholds())
    if as_json:
        for each in found:
            typer.echo(json_line(each))
    elif found:
        typer.echo("\n".join([HEAD, *(dwell_line(each) for each in found)]))
    else:
        typer.echo(
            "nothing was learned yet: send views with dwell_ms and run `fieldwise models train dwell-thresholds`"
        )


def outlook_lines(found: Outlook) -> Iterator[str]:
    yield f"{found.name}  {status_words(found)}"
    chances = (f"{each.category} {each.probability:.0%}" for each in found.next_categories)
    yield f"  next       {', '.join(chances) or 'nothing is known yet'}{' of his next basket' if found.next_categories else ''}"
    for each in found.products:
        yield f"  wants      {product_words(each)}"
    yield f"  reach him  {contact_words(found.contact_time)}"
    yield f"  by         {', '.join(found.model_versions) or 'stated rules; no model was trained yet'}"


def status_words(found: Outlook) -> str:
    if not found.HasField("lost_probability"):
        return found.status
    return (
        f"{found.status}: past his rhythm; only waits {found.waiting_probability:.0%}, "
        f"lost {found.lost_probability:.0%}"
    )


def product_words(interest: ProductInterest) -> str:
    category = f" ({interest.category})" if interest.category else ""
    signs = ", ".join(f"{kind} {worth:.2f}" for kind, worth in sorted(interest.parts.items()))
    return f"{interest.product or 'any'}{category}  {interest.score:.2f} = {signs}"


def contact_words(time: ContactTime) -> str:
    window = f"{WEEKDAYS[time.weekday]} {time.from_hour:02}:00-{time.until_hour:02}:00 UTC"
    if not time.enough_evidence:
        return f"{window}, as everybody: {time.actions} actions of his are not enough evidence"
    return f"{window}, {time.lift:.1f} times as likely to act (at least {time.lift_low95:.1f}; {time.actions} actions)"


def dwell_line(threshold: DwellThreshold) -> str:
    start = f"{threshold.category:<24} "
    if not threshold.enough_evidence:
        return f"{start}{'not enough evidence':<45} {threshold.views:>9,}"
    interval = f"{threshold.low90_ms / 1000:.1f} to {threshold.high90_ms / 1000:.1f} s"
    return (
        f"{start}{threshold.dwell_ms / 1000:>6.1f} s  {interval:<20} {threshold.below:>6.1%} {threshold.above:>6.1%} "
        f"{threshold.views:>9,}"
    )
