"""docs/telemetry.md as a registry: which names of spans, attributes, events and metrics there may be; runs nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_QUOTED: Final = re.compile(r"`([^`]+)`")
_METRIC: Final = re.compile(
    r"^\| `(fieldwise_\w+)` \| (counter|gauge|histogram) \| ([^|]*) \| ([^|]+) \|", re.MULTILINE
)


@dataclass(frozen=True)
class Metric:
    """One listed metric."""

    name: str
    kind: str
    labels: frozenset[str]
    processes: str

    def is_of(self, process: str) -> bool:
        """Whether a process, by its short name, tells it."""
        return self.processes == "every process" or process in re.split(r",\s*", self.processes)


def _page() -> str:
    return (ROOT / "docs" / "telemetry.md").read_text(encoding="utf-8")


def _first_cells(section: str) -> list[str]:
    """What is quoted in the first cell of each row of a section's table."""
    body = re.split(rf"^## {section}$", _page(), flags=re.MULTILINE)[1].partition("\n## ")[0]
    rows = [line for line in body.splitlines() if line.startswith("| `")]
    cells = [row.split("|")[1].partition(", such as")[0] for row in rows]
    return [name for cell in cells for name in _QUOTED.findall(cell)]


def spans() -> list[str]:
    """Names of spans; a part in angle brackets may be anything."""
    return _first_cells("Spans")


def span_pattern(name: str) -> re.Pattern[str]:
    """What a listed name allows."""
    parts = re.split(r"(<[^>]+>)", name)
    return re.compile("".join(".+" if part.startswith("<") else re.escape(part) for part in parts))


def attributes() -> set[str]:
    return set(_first_cells("Attributes"))


def events() -> set[str]:
    return set(_first_cells("Events"))


def metrics() -> dict[str, Metric]:
    return {
        name: Metric(name, kind, frozenset(_QUOTED.findall(labels)), processes.strip())
        for name, kind, labels, processes in _METRIC.findall(_page())
    }
