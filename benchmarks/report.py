"""Rows of a benchmark, as JSON lines for programs and as a table for people."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from dataclasses import asdict, dataclass

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True)
class Row:
    """One measured figure.

    Attributes:
        metric: What was measured, in words.
        value: The figure.
        unit: Its unit; ``x`` for a ratio.
        level: ``must`` has to hold, ``stretch`` is tried in earnest, ``info`` has no target.
        target: The limit, such as ``<= 12`` or ``> 1``; empty for info.
        peer: What it is compared with; empty without one.
        peer_value: The peer's figure in the same unit.
    """

    metric: str
    value: float
    unit: str
    level: str = "info"
    target: str = ""
    peer: str = ""
    peer_value: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the target holds; a row without one holds."""
        if not self.target:
            return True
        comparison, _, limit = self.target.partition(" ")
        return _HOLDS[comparison](self.value, float(limit))


class Report:
    """Collects rows, prints each at once as JSON, and all as a table in the end."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Keep a row and print it as a JSON line."""
        self._rows.append(row)
        shown = asdict(row) | {"value": _rounded(row.value), "ok": row.ok}
        if row.peer_value is not None:
            shown["peer_value"] = _rounded(row.peer_value)
        print(json.dumps(shown), flush=True)

    def finish(self) -> int:
        """Print the table; 1 when a ``must`` row does not hold."""
        width = max(len(row.metric) for row in self._rows)
        print(f"\n{self._subject}\n{'-' * len(self._subject)}")
        for row in self._rows:
            verdict = "" if not row.target else ("ok" if row.ok else "MISSED")
            peer = f"  ({row.peer}: {row.peer_value:,.3g})" if row.peer_value is not None else ""
            print(
                f"{row.metric:<{width}}  {row.value:>12,.4g} {row.unit:<10} {row.level:<8}{row.target:<10}{verdict}{peer}"
            )
        return int(any(row.level == "must" and not row.ok for row in self._rows))


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
