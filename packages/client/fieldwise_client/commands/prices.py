"""`fieldwise prices`: what scarce things cost the decisions of now, how good these prices are, and all that went before."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.allocation.v1.price_pb2 import Price, PriceReason, PriceSet
from fieldwise_client.commands.customers import Json, json_line
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.supervisor.layout import DEFAULT_DATA

_MICROS = 1e6
_REASONS = {
    PriceReason.PRICE_REASON_UNSPECIFIED: "",
    PriceReason.PRICE_REASON_ASKED: "somebody asked for them",
    PriceReason.PRICE_REASON_NEW_PERIOD: "a new week began without any",
    PriceReason.PRICE_REASON_PLAN_CHANGED: "another plan was put in force",
    PriceReason.PRICE_REASON_BUDGETS_CHANGED: "budgets or the hours of reps were changed",
    PriceReason.PRICE_REASON_MODELS_TRAINED: "models were trained anew",
}
_UNITS = {"min": "minute", "1": "piece"}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(prices)


def prices(
    history: Annotated[
        bool, typer.Option("--history", help="List all that were solved, newest first.")
    ] = False,
    version: Annotated[
        int, typer.Option(min=0, help="Show those of this version instead of the ones in force.")
    ] = 0,
    most: Annotated[int, typer.Option(min=1, help="Most lines of the history.")] = 20,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Show what one more of each scarce thing would bring, and which are plentiful."""
    with faults_told(), client_for(data) as client:
        if history:
            for each in islice(client.price_history(), most):
                typer.echo(json_line(each) if as_json else _line(each))
            return
        shown = client.price_set(version) if version else client.prices()
        typer.echo(json_line(shown) if as_json else _page(shown))


def _page(shown: PriceSet) -> str:
    currency = shown.value.currency_code
    worth, most = shown.value.micros / _MICROS, shown.bound.micros / _MICROS
    head = [
        f"{shown.name}, {_times(shown)}{_because(shown)}",
        f"{shown.candidates:,} candidates of {shown.customers:,} customers: the best choice found is worth {worth:,.2f} {currency}, "
        f"none is worth more than {most:,.2f} (gap {shown.gap:.3%}).",
        f"{shown.assumed_share:.0%} of the value rests on stated assumptions, not on measured effects.",
        f"Plan in force: {shown.plan or 'none'}.",
        "",
    ]
    dearest_first = sorted(shown.prices, key=lambda price: (price.micros_per_unit == 0, price.resource))
    width = max((len(price.resource) for price in shown.prices), default=0)
    return "\n".join(head + [_priced(price, currency, width) for price in dearest_first])


def _priced(price: Price, currency: str, width: int) -> str:
    unit = _UNITS.get(price.unit, currency)
    used = f"{price.used:,.6g} of {price.capacity:,.6g} used"
    if not price.micros_per_unit:
        return f"  {price.resource:<{width}}  {'plentiful, costs nothing':<44}  {used}"
    brings = f"one more {unit} brings {price.micros_per_unit / _MICROS:,.4g} {currency}"
    return f"  {price.resource:<{width}}  {brings:<44}  {used}"


def _line(each: PriceSet) -> str:
    scarce = sum(price.micros_per_unit > 0 for price in each.prices)
    return (
        f"{each.name:<14}  {_times(each)}  {scarce} of {len(each.prices)} scarce  gap {each.gap:.3%}"
        f"{_because(each)}"
    )


def _times(each: PriceSet) -> str:
    begin, end = each.valid_from.ToJsonString()[:16], each.valid_until.ToJsonString()[:16]
    return f"{begin} to {end} UTC"


def _because(each: PriceSet) -> str:
    reason = _REASONS.get(each.reason, "")
    return f", solved because {reason}" if reason else ""
