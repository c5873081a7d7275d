"""Brings every database of the installation to its newest revision, once, before the services start."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence

from fieldwise_client.supervisor.keeper import ended
from fieldwise_client.supervisor.launcher import launched


class NotMigrated(Exception):
    """The migrations failed; the message holds what they said."""


async def migrate(packages: Sequence[str], environ: Mapping[str, str]) -> None:
    """Runs one process for all ``packages``: most of its second is importing what all migrations share.

    Raises:
        NotMigrated: With its last lines.
    """
    child = await asyncio.create_subprocess_exec(
        *launched([sys.executable, "-m", "fieldwise_runtime.migrate_all", *packages]),
        env=dict(environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    said, _ = await child.communicate()
    if child.returncode:
        lines = said.decode("utf-8", "replace").strip().splitlines()[-20:]
        raise NotMigrated(f"the migrations ended ({ended(child.returncode)}):\n" + "\n".join(lines))
