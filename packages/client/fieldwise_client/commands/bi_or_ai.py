"""`fieldwise bi-or-ai`: decision AI, plain reports or rules, from volume, complexity and what is surely gained."""

from __future__ import annotations

from math import isfinite, isinf
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.recommend.v1.effect_pb2 import EffectReport
from fieldwise_client import tipping
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.supervisor.layout import DEFAULT_DATA


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("bi-or-ai")(bi_or_ai)


def bi_or_ai(
    rows: Annotated[int, typer.Option(min=0, help="Customers whose history is at hand.")],
    decisions: Annotated[int, typer.Option(min=0, help="Decisions in a year.")],
    options: Annotated[int, typer.Option(min=1, help="Actions that a decision chooses among.")] = 5,
    gain: Annotated[
        float | None,
        typer.Option(
            help="Lower bound of what a decision earns more; left out: from the report of effects of this installation."
        ),
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the report's money that is profit.")
    ] = 0.25,
    cost: Annotated[float, typer.Option(min=0, help="Of running it for a year, people included.")] = 50_000.0,
    cost_per_decision: Annotated[float, typer.Option(min=0, help="Beside that.")] = 0.0,
    minutes: Annotated[
        float, typer.Option(min=0, help="That a person takes for a decision among three options.")
    ] = 2.0,
    hour_cost: Annotated[float, typer.Option(min=0, help="Of that person's hour.")] = 0.0,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Decision AI, plain reports or rules: what pays, and from how many decisions on."""
    if gain is not None and not isfinite(gain):
        raise typer.BadParameter(f"{gain} is no amount; give a number", param_hint="--gain")
    if gain is None:
        with faults_told(), client_for(data) as client:
            gain = sure_gain(client.report_effect()) * margin
    practice = tipping.Practice(rows, decisions, options, gain, cost, cost_per_decision, minutes, hour_cost)
    typer.echo("\n".join(lines(practice, tipping.advise(practice))))


def sure_gain(report: EffectReport) -> float:
    """Money that a decision surely brings, treated against left alone; 0 where it may be nothing.

    The report tells it of a customer and window: several decisions about him in one have brought it together.
    """
    money = next(each for each in report.intention_to_treat if each.measure == "money")
    if not money.HasField("always_valid"):
        return 0.0
    windows = sum(period.retained.total for cohort in report.cohorts for period in cohort.periods)
    together = max(1.0, report.measured / windows) if windows else 1.0
    return max(0.0, money.always_valid.low) / together


def lines(practice: tipping.Practice, advice: tipping.Advice) -> list[str]:
    """The advice for a person."""
    tip = "never" if isinf(advice.tipping) else f"{advice.tipping:,.0f} decisions a year"
    return [
        f"{advice.choice.value}: {advice.reason}",
        f"  tipping point            {tip}",
        f"  surplus a year           {advice.surplus:,.0f}, at the lower bound of the gain ({practice.gain:.4g} a decision)",
        f"  cost of it by hand       {advice.by_hand:,.0f} a year ({tipping.minutes_by_hand(practice):.1f} minutes a decision among {practice.options} options, at --hour-cost)",
        f"  rows to see a doubling   {advice.rows_for_double:,}; to see a tenth more {advice.rows_for_tenth:,}",
    ]
