"""`fieldwise next`: what a rep does on a day, and what becomes of his other customers."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.gateway.v1 import rep_days_service_pb2 as rep_days
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_client.commands.customers import Json, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.decision import Decision, decision_of
from fieldwise_client.supervisor.layout import DEFAULT_DATA


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("next")(next_)


def next_(
    rep: Annotated[str, typer.Option(help="Such as wang or reps/wang.")],
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Today to 13 days on. Default: today.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0, max=1440, help="That he has on the day. Default: a fifth of his week."),
    ] = None,
    others: Annotated[int, typer.Option(min=0, help="Most customers to show who are not on the list.")] = 5,
    lang: Annotated[str, typer.Option(help="Language of the reasons: en or zh.")] = "en",
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """List whom a rep turns to on a day, within his minutes, and why; every other customer has an action or is left alone."""
    with faults_told(), client_for(data) as client:
        found = client.next_actions(rep, day=day.date() if day else None, minutes=minutes)
        typer.echo(json_text(found) if as_json else page(found, others, lang))


def page(found: rep_days.ListNextActionsResponse, others: int, lang: str) -> str:
    """The day as text."""
    told = found.rep_day
    listed = [each for each in found.next_actions if each.rank]
    rest = [each for each in found.next_actions if not each.rank]
    lines = [
        f"{told.rep} on {told.day.year}-{told.day.month:02}-{told.day.day:02}: {told.listed} customers in "
        f"{told.minutes_listed:g} of {told.minutes:g} minutes; one more minute would bring {_money(told.minute_price)}",
        *(_line(each, lang) for each in listed),
        "",
        f"his other customers: {told.waiting} wait for his time, {told.by_channel} are reached without him, "
        f"{told.left_alone} are left alone; {told.customers} in all, none without a decision",
        *(_line(each, lang) for each in rest[:others]),
        "",
        diversity(told.diversity),
    ]
    return "\n".join(lines)


def diversity(found: rep_days.ActionDiversity) -> str:
    """How different the actions are, in one sentence."""
    counts = sorted(found.customers.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{action.removeprefix('actions/')} {count}" for action, count in counts)
    return (
        f"actions: {listed}; the most frequent is {found.most_frequent_share:.1%} of those with an action, "
        f"entropy {found.entropy_bits:.2f} bits, {found.coverage:.0%} of the catalogue"
    )


def _line(each: rep_days.NextAction, lang: str) -> str:
    decision = decision_of(each.decision)
    place = f"{each.rank:>3}." if each.rank else "   -"
    took = f"{each.minutes:3.0f} min" if each.minutes else "       "
    action = (decision.action or "").removeprefix("actions/")
    done = " (done)" if each.done else ""
    return (
        f"{place} {each.customer.removeprefix('customers/'):<12} {action:<20} {took}  {_worth(decision):>14}  "
        f"{_when(each):<11}  {_why(decision, lang)}{done}".rstrip()
    )


def _worth(decision: Decision) -> str:
    return str(decision.value) if decision.value is not None else ""


def _when(each: rep_days.NextAction) -> str:
    return f"{each.best_time.ToDatetime():%a %d %H:%M}" if each.HasField("best_time") else ""


def _why(decision: Decision, lang: str) -> str:
    return decision.reasons[0].text(lang) if decision.reasons else ""


def _money(amount: Money) -> str:
    return f"{amount.micros / 1e6:,.2f} {amount.currency_code}"
