"""`fieldwise decide`: what to do for a customer, on a terminal or as JSON."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson

from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.decision import Decision
from fieldwise_client.supervisor.layout import DEFAULT_DATA
from fieldwise_client.wording import render_decision


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(decide)


def decide(
    customer: Annotated[str, typer.Argument(help="Such as 417 or customers/417.")],
    lang: Annotated[str, typer.Option(help="Language of the answer: en or zh.")] = "en",
    actions: Annotated[int, typer.Option(help="Most actions to show.")] = 3,
    channel: Annotated[
        list[str] | None, typer.Option(help="call, email or mail; repeat it. Default: all.")
    ] = None,
    require_known: Annotated[
        bool, typer.Option("--require-known", help="Refuse an unknown customer.")
    ] = False,
    request_id: Annotated[str | None, typer.Option(help="The same id gives the same decision.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also say what would have changed it, and why not the others.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Say what to do for one customer, what it is worth, who should do it and why; it counts as a contact and in the budgets."""
    with faults_told(), client_for(data) as client:
        decision = client.decide(
            customer,
            max_actions=actions,
            channels=channel or (),
            require_known=require_known,
            request_id=request_id,
        )
        if explain and decision.action is not None:
            decision = client.get_decision(decision.name, explain=True)
        typer.echo(_shown(decision, lang, as_json))


def _shown(decision: Decision, lang: str, as_json: bool) -> str:
    if as_json:
        return str(MessageToJson(decision.proto, preserving_proto_field_name=True, ensure_ascii=False))
    # Wider lines are harder to read, narrower ones break the account of money.
    width = max(80, min(100, shutil.get_terminal_size((92, 24)).columns))
    return render_decision(decision, lang, width)
