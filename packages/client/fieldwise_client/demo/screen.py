"""The last screen of the demo: one decision, its trace, where everything is, and what to try next."""

from __future__ import annotations

from fieldwise_client.demo.opening import Shown
from fieldwise_client.supervisor.layout import DEFAULT_DATA, processes
from fieldwise_client.supervisor.places import Places
from fieldwise_client.waterfall import render_waterfall
from fieldwise_client.wording import render_decision

# What is real and what is not, in two lines; demo/README.md has the whole of it.
STATED = (
    "Real: households, purchases, mailings and coupons of 2017 (dunnhumby Complete Journey). Synthetic: reps, budgets,\n"
    "consents to be decided about. Assumed: margins, effects of actions, consents to be contacted. All of it:\n"
    "packages/client/fieldwise_client/demo/README.md"
)


def last_screen(shown: Shown, places: Places, command: str, data: str, lang: str, width: int) -> str:
    """Everything below each other, for a terminal of ``width`` columns."""
    parts = (
        render_decision(shown.decision, lang),
        render_waterfall(shown.trace, width),
        STATED,
        f"gateway {places.gateway} · logs {data}/logs",
        _next_commands(shown, places, command, data),
    )
    return "\n" + "\n\n".join(part.strip("\n") for part in parts)


def _next_commands(shown: Shown, places: Places, command: str, data: str) -> str:
    customer = shown.decision.customer.removeprefix("customers/")
    folder = "" if data == DEFAULT_DATA else f" --data {data}"
    tries = (
        ("the same customer again, in Chinese", f"{command} decide {customer} --lang zh"),
        ("who the customer is", f"{command} customers show {customer}"),
        ("the trace of this decision", f"{command} trace {shown.decision.name}"),
        ("processes, models, prices and clock", f"{command} status{folder}"),
    )
    lines = [f"  {words:<36} {tried}" for words, tried in tries]
    return "\n".join(["Next, in another terminal:", *_told_first(places), *lines])


def _told_first(places: Places) -> list[str]:
    """How the commands are told where the installation is, when it is not where they look."""
    usual = {process.name: process.address for process in processes({})}
    moved = places.gateway != usual["gateway"]
    return [f"  export FIELDWISE_GATEWAY_ADDRESS={places.gateway}"] if moved else []
