"""`fieldwise policy train|list|release|withdraw`: policies that are learned from decisions that chance made."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.recommend.v1 import policy_pb2
from fieldwise_client.commands.customers import Json, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.moments import utc
from fieldwise_client.commands.up import Data
from fieldwise_client.supervisor.layout import DEFAULT_DATA

_SAYS = {
    policy_pb2.LEARNED_VERDICT_PERSONAL: "choose by segment",
    policy_pb2.LEARNED_VERDICT_SIMPLE_RULE: "a simple rule",
    policy_pb2.LEARNED_VERDICT_TREAT_ALL: "treat all",
    policy_pb2.LEARNED_VERDICT_TREAT_NONE: "treat none",
    policy_pb2.LEARNED_VERDICT_NOT_ENOUGH_EVIDENCE: "not enough evidence",
}


def register(group: typer.Typer) -> None:
    """Adds the commands to those about policies."""
    group.command()(train)
    group.command(name="list")(list_versions)
    group.command()(release)
    group.command()(withdraw)


def train(
    since: Annotated[datetime | None, typer.Option(help="Decisions from this moment on (UTC).")] = None,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Learn what actions add for whom; nothing is released by it."""
    with faults_told(), client_for(data) as client:
        version = client.train_policy(since=utc(since))
        typer.echo(json_text(version) if as_json else page(version))


def list_versions(as_json: Json = False, data: Data = Path(DEFAULT_DATA)) -> None:
    """Learned policies, the newest first."""
    with faults_told(), client_for(data) as client:
        found = list(client.policy_versions())
        if as_json:
            for version in found:
                typer.echo(json_text(version))
        elif found:
            typer.echo("\n".join(map(line, found)))
        else:
            typer.echo("none yet: `fieldwise policy train` learns one")


def release(
    version: Annotated[str, typer.Argument(help="Such as policies/3, or 3; an earlier one to go back.")],
    override_reason: Annotated[
        str, typer.Option(help="Why to release it although it does not surely beat simple ways; it is kept.")
    ] = "",
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Decide with the effects that a version measured from now on."""
    with faults_told(), client_for(data) as client:
        typer.echo(line(client.release_policy(version, override_reason=override_reason)))


def withdraw(data: Data = Path(DEFAULT_DATA)) -> None:
    """Decide with the stated effects again."""
    with faults_told(), client_for(data) as client:
        gone = client.withdraw_policy().withdrawn
        typer.echo(f"{gone} withdrawn: stated effects hold" if gone else "none was in force")


def line(version: policy_pb2.PolicyVersion) -> str:
    """A version in one line."""
    what = version.action or version.rule
    said = f"{_SAYS.get(version.verdict, 'unknown')}{f': {what}' if what else ''}"
    mark = "in force" if version.in_force else "candidate"
    day = version.create_time.ToDatetime().date()
    why = f" (released all the same: {version.override_reason})" if version.override_reason else ""
    return f"{version.name:<14} {mark:<10} {day} {version.decisions:>9,} decisions  {said}{why}"


def page(version: policy_pb2.PolicyVersion) -> str:
    """A version with its segments and effects."""
    lines = [
        line(version),
        f"choosing by segment beats the nearest simple way by {version.gain:+,.3g} a decision, at least {version.gain_low:+,.3g} (95 %)",
    ]
    for segment in version.segments:
        lines.append(f"{segment.when or 'everybody'}:")
        lines += [
            f"  {each.action:<32} adds {each.added:+,.2f} within the window (standard error {each.standard_error:,.2f})"
            for each in segment.effects
        ]
        if not segment.effects:
            lines.append("  nothing measured: stated effects hold")
    return "\n".join(lines)
