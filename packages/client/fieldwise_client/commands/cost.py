"""`fieldwise cost profile, roi, realtime, decision, retail`: what others say it costs, and what ours takes."""

from __future__ import annotations

from typing import Annotated

import typer

from fieldwise_client import costs

CpuHour = Annotated[
    float, typer.Option("--cpu-hour-cost", min=0, help="What an hour of one processor core costs.")
]
# About what a core-hour costs to rent, in yuan; the reader's own price goes into the option.
_CPU_HOUR = 0.35


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(
        no_args_is_help=True, help="Cost and return, by the articles' formulas beside ours; amounts in yuan."
    )
    for command in (profile, roi, realtime, decision, retail):
        group.command()(command)
    app.add_typer(group, name="cost")


def profile(
    customers: Annotated[int, typer.Option(min=0, help="How many customers.")] = 1000,
    unit: Annotated[float, typer.Option(min=0, help="What one update of one profile costs.")] = 10.0,
    times: Annotated[int, typer.Option(min=0, help="Updates a year.")] = 52,
    cpu_hour: CpuHour = _CPU_HOUR,
) -> None:
    """What profiles cost a year, in yuan: customers x cost of an update x updates."""
    typer.echo(f"{costs.profile_cost(customers, unit, times):.10g}")
    ours = costs.measured_profile_cost(customers, times, cpu_hour)
    each = costs.CPU_SECONDS_PER_EVENT / 3600 * cpu_hour
    typer.echo(
        f"ours, processor time only: {ours:.3g} ({each:.2g} for an update of {costs.CPU_SECONDS_PER_EVENT * 1e6:.0f} "
        "microseconds, measured by make bench NAME=decide); people and machines that wait are not in it"
    )


def roi(
    spend: Annotated[int, typer.Option(help="Money spent.")],
    gain: Annotated[int, typer.Option(help="Money gained.")],
    margin: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of the gain that is profit.")
    ] = None,
) -> None:
    """Money spent to money gained, as small whole numbers."""
    try:
        typer.echo(costs.ratio(spend, gain))
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None
    typer.echo("warning: revenue is not profit; a gain in sales still has to pay for the goods", err=True)
    if margin is not None:
        typer.echo(f"profit: {gain * margin - spend:+,.0f} at a margin of {margin:.0%}")


def realtime(cpu_hour: CpuHour = _CPU_HOUR) -> None:
    """Year one of real-time prediction, as the article has it, beside our infrastructure."""
    _told(costs.REALTIME, cpu_hour)


def decision(cpu_hour: CpuHour = _CPU_HOUR) -> None:
    """Year one of decision AI in a large company, as the article has it, beside our infrastructure."""
    _told(costs.DECISION, cpu_hour)


def retail(
    campaigns: Annotated[float, typer.Option(min=0, help="What campaigns cost a year.")] = 0.0,
    cpu_hour: CpuHour = _CPU_HOUR,
) -> None:
    """Year one in mid-sized retail, as the article has it, campaigns on top, beside our infrastructure."""
    _told(costs.with_campaigns(costs.RETAIL, campaigns), cpu_hour)


def _told(preset: costs.Preset, cpu_hour: float) -> None:
    typer.echo(preset.name)
    for part in preset.parts:
        typer.echo(f"  {part.name:<26} {part.low:>12,.0f} to {part.high:>12,.0f}")
    typer.echo(f"  {'year one':<26} {preset.low:>12,.0f} to {preset.high:>12,.0f}")
    ours = costs.infrastructure(cpu_hour)
    typer.echo(
        f"  {'ours, infrastructure only':<26} {ours:>12,.0f}  ({costs.CORES} cores all year, on which everything here was "
        "measured; people and data are not in it)"
    )
