"""How far the demo was loaded into an installation, written beside its databases; knows no event and no service.

The marker only saves work: events are idempotent, so a load without it sends everything again and changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Marker:
    """What is in the installation.

    Args:
        full: All households, rather than every sixth.
        batches: Batches acknowledged, counted from the oldest; everything before them is durable.
        customers: Customers the whole load has.
        candidates: Customers worth showing a decision for, best first.
        complete: The last batch was acknowledged.
        trained: Models were trained after that.
        plan: The territory plan that was made for these customers; empty before.
    """

    full: bool
    batches: int
    customers: int
    candidates: tuple[str, ...]
    complete: bool = False
    trained: bool = False
    plan: str = ""


def read(data: Path) -> Marker | None:
    """The marker of the folder; None when no demo was loaded or the file cannot be read."""
    try:
        found = json.loads((data / "demo.json").read_text(encoding="utf-8"))
        return Marker(**{**found, "candidates": tuple(found["candidates"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(data: Path, marker: Marker) -> None:
    """Replaces the marker in one step."""
    data.mkdir(parents=True, exist_ok=True)
    scratch = data / "demo.json.new"
    scratch.write_text(json.dumps(asdict(marker), indent=2) + "\n", encoding="utf-8")
    scratch.replace(data / "demo.json")
