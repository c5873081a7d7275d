"""The `fieldwise` command: its subcommands are modules of `fieldwise_client.commands`."""

from __future__ import annotations

import importlib
import signal
import sys

# Each has `register(app)`. The order is that of `fieldwise --help`.
COMMANDS = (
    "up",
    "certificates",
    "keys",
    "demo",
    "decide",
    "next",
    "plan",
    "assign",
    "budget",
    "prices",
    "actions",
    "contacts",
    "policy",
    "visits",
    "forecast",
    "models",
    "roi",
    "effect",
    "bi_or_ai",
    "cost",
    "series",
    "customers",
    "identity",
    "segments",
    "interests",
    "tags",
    "profile",
    "privacy",
    "deadletters",
    "jobs",
    "trace",
    "traces",
    "status",
)
_INTERRUPTED = 130


def main() -> None:
    """Runs the command; Ctrl-C ends it without a stack trace."""
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough, as in `fieldwise plan | head`.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        sys.exit(1)


def _run() -> None:
    try:
        import typer
    except ModuleNotFoundError:
        sys.exit("the command is not installed; run: pip install 'fieldwise-client[cli]'")
    app = typer.Typer(
        name="fieldwise",
        help="What to do next for a customer, who should do it, what it is worth and why.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    # Only the command that was asked for is imported: the others' imports would be most of its time.
    asked = [name for name in COMMANDS if name.replace("_", "-") == next(iter(sys.argv[1:]), "")]
    for name in asked or COMMANDS:
        importlib.import_module(f"fieldwise_client.commands.{name}").register(app)
    if asked:
        # A lone command would lose its name; a callback keeps it.
        app.callback()(_described)
    app()


def _described() -> None:
    """What to do next for a customer, who should do it, what it is worth and why."""


if __name__ == "__main__":
    main()
