"""`fieldwise trace`: the waterfall of a trace, within a second of the decision or the plan that was made in it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson

from fieldwise.gateway.v1.traces_service_pb2 import Trace
from fieldwise_client.client import Client
from fieldwise_client.commands.faults import client_for, faults_told
from fieldwise_client.commands.up import Data
from fieldwise_client.errors import NotFound
from fieldwise_client.supervisor import record
from fieldwise_client.supervisor.layout import DEFAULT_DATA, HTTP_OFFSET
from fieldwise_client.waterfall import is_complete, render_waterfall

# Spans leave their processes every fifth of a second; a second is enough for all of them.
PATIENCE_SECONDS = 1.0
_POLL_SECONDS = 0.05
INCOMPLETE = 3


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(trace)


def trace(
    name: Annotated[
        str,
        typer.Argument(
            help="decisions/{uuid}, plans/{uuid}, priceSets/{n}, operations/{service}/{uuid}, traces/{hex}, or a decision's "
            "or trace's bare id."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    otlp: Annotated[
        Path | None,
        typer.Option(help="Write the trace there instead, as OTLP JSON for Jaeger and other tools."),
    ] = None,
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Show the trace of a decision, a plan or any other call as a waterfall; exit code 3 when a service is missing in it."""
    with faults_told(), client_for(data) as client:
        found = complete_trace(client, name)
        if otlp is not None:
            otlp.write_bytes(client.export_trace(found.name))
            typer.echo(f"{found.name}: {len(found.spans)} spans in {otlp}")
            raise typer.Exit(0 if is_complete(found) else INCOMPLETE)
        width = max(80, min(140, shutil.get_terminal_size((100, 24)).columns))
        typer.echo(
            MessageToJson(found, preserving_proto_field_name=True)
            if as_json
            else render_waterfall(found, width)
        )
        page = page_of(data, found.name)
        if page and not as_json:
            typer.echo(f"in a browser: {page}")
        raise typer.Exit(0 if is_complete(found) else INCOMPLETE)


def page_of(data: Path, name: str) -> str:
    """The trace's page at the gateway of the installation on ``data``; empty when it is not known where that answers."""
    told = os.environ.get("FIELDWISE_GATEWAY_HTTP_ADDRESS", "").strip()
    found = record.read(data)
    if not told and found is not None:
        host, _, port = found.address_of("gateway").rpartition(":")
        told = f"{host}:{int(port) + HTTP_OFFSET}"
    scheme = "https" if found is not None and found.tls else "http"
    return f"{scheme}://{told}/{name}" if told else ""


def complete_trace(client: Client, name: str, patience: float = PATIENCE_SECONDS) -> Trace:
    """The trace once a root and every called service are in it; after ``patience`` seconds as it is.

    Raises:
        NotFound: Nothing of it arrived by then, and no stored decision or price set names a trace that did.
    """
    deadline = time.monotonic() + patience
    while True:
        late = time.monotonic() >= deadline
        try:
            found = client.trace(name)
        except NotFound:
            if late:
                stored = _stored(client, name)
                if not stored:
                    raise
                return client.trace(stored)
        else:
            if late or is_complete(found):
                return found
        time.sleep(_POLL_SECONDS)


def _stored(client: Client, name: str) -> str:
    """The trace that a stored decision or price set names, such as those of a batch, which its spans do not name.

    Empty for what stores none.
    """
    if name.startswith("priceSets/"):
        _, _, after = client.price_set(name).traceparent.partition("-")
        return after.partition("-")[0]
    return client.get_decision(name).trace_id if name.rpartition("/")[0] in ("", "decisions") else ""
