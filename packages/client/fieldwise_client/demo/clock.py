"""Where the demo's clock stands, as the installation is told; knows no process."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fieldwise_client.demo import marker

# Written out: the columns' module needs numpy, and `fieldwise up` without a demo starts without it.
RECORDED_CLOCK: Final = "recorded:2017-12-25T00:00:00Z"


def clock_for(data: Path, *, demo: bool) -> str | None:
    """FIELDWISE_CLOCK of an installation that holds the demo world, or is about to; None for any other."""
    return RECORDED_CLOCK if demo or marker.read(data) is not None else None
