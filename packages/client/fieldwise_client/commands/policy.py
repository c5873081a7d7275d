"""`fieldwise policy`: what ways to choose actions are worth, from decisions that were made otherwise."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fieldwise.recommend.v1 import policy_pb2
from fieldwise.recommend.v1.policy_service_pb2 import EvaluatePolicyResponse
from fieldwise_client.commands import policy_versions
from fieldwise_client.commands.customers import Json, json_text
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.moments import utc
from fieldwise_client.commands.up import Data
from fieldwise_client.policy_requests import learned_policy, policy
from fieldwise_client.supervisor.layout import DEFAULT_DATA

LEGEND = (
    "gain: DR (doubly robust) less what the decisions brought, with its interval; ess: so many decisions of the policy's own would "
    "say as much;\nbeyond: share of its choices that were made too seldom to tell; not open: share of decisions in which what it "
    "wants could not be chosen"
)
_BY_NAME = {
    policy_pb2.POLICY_VERDICT_BETTER: "better",
    policy_pb2.POLICY_VERDICT_WORSE: "worse",
    policy_pb2.POLICY_VERDICT_NOT_ENOUGH_EVIDENCE: "not enough evidence",
    policy_pb2.POLICY_VERDICT_REFUSED: "REFUSED",
}


class Reward(StrEnum):
    """What counts."""

    money = "money"
    bought = "bought"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="Ways to choose actions, and what they are worth.")
    group.command()(evaluate)
    policy_versions.register(group)
    app.add_typer(group, name="policy")


def parsed(text: str) -> policy_pb2.PolicyToEvaluate:
    """``actions/coupon if p_buy < 0.5; actions/email``, ``policies/3`` or ``logged`` as a policy; nothing, or ``none``: alone."""
    if text.strip() == "logged":
        return policy_pb2.PolicyToEvaluate(as_logged=True)
    if text.strip().startswith("policies/"):
        return learned_policy(text.strip())
    parts = [part.strip() for part in text.split(";") if part.strip() not in ("", "none")]
    return policy(*[_rule(part) for part in parts])


def _rule(text: str) -> tuple[str, str]:
    action, _, when = text.partition(" if ")
    action = action.strip()
    return action if action.startswith("actions/") else f"actions/{action}", when.strip()


def evaluate(
    policies: Annotated[
        list[str] | None,
        typer.Argument(
            help="Policies such as 'coupon if p_buy < 0.5; email', 'policies/3', 'none' or 'logged'. Default: each action for everybody."
        ),
    ] = None,
    since: Annotated[datetime | None, typer.Option(help="Decisions from this moment on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Decisions before this moment (UTC).")] = None,
    reward: Annotated[Reward, typer.Option(help="What counts within the window.")] = Reward.money,
    as_json: Json = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Value policies by decisions that were made otherwise; say where the log cannot tell."""
    with faults_told(), client_for(data) as client:
        answer = client.evaluate_policy(
            [parsed(text) for text in policies or ()],
            since=utc(since),
            until=utc(until),
            reward=reward.value,
        )
        typer.echo(json_text(answer) if as_json else page(answer))


def page(answer: EvaluatePolicyResponse) -> str:
    """The answer as a table."""
    rows = answer.evaluations[0].support.rows
    logged = answer.logged
    lines = [
        f"{rows:,} of {answer.decisions:,} decisions had chance in them and a known result; left out: control group "
        f"{answer.controlled:,}, without chance {answer.deterministic:,}, result not known {answer.unmeasured:,}",
        f"as they were made they brought {logged.value:,.4g} each ({logged.low:,.4g} to {logged.high:,.4g})",
        "",
        f"{'policy':<40} {'IPS':>9} {'SNIPS':>9} {'DM':>9} {'DR':>9}  {'DR interval':<21} {'gain':<29} {'ess':>7} "
        f"{'beyond':>7} {'not open':>8}  verdict",
        *map(_line, answer.evaluations),
        "",
        LEGEND,
    ]
    return "\n".join(lines)


def _line(one: policy_pb2.PolicyEvaluation) -> str:
    values = " ".join(f"{each.value:>9,.4g}" for each in one.estimates)
    doubly = one.estimates[-1]
    support = one.support
    within = f"{doubly.low:,.4g} to {doubly.high:,.4g}"
    gain = f"{one.gain.value:+,.3g} ({one.gain.low:+,.3g} to {one.gain.high:+,.3g})"
    why = f": {', '.join(one.refusals)}" if one.refusals else ""
    return (
        f"{one.title:<40} {values}  {within:<21} {gain:<29} {support.effective_rows:>7,.0f} {support.beyond:>7.1%} "
        f"{support.not_open:>8.1%}  {_BY_NAME.get(one.verdict, '')}{why}"
    )
