"""Values out of tables as TOML gives them, each checked, with every fault collected; knows no field by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fieldwise_runtime.errors import Violation

Table = Mapping[str, Any]

# The beginnings of the years 2000 and 2100 (UTC), as the wire has it (`plausible_time`).
_YEAR_2000, _YEAR_2100 = 946_684_800, 4_102_444_800


def is_number(value: object) -> bool:
    """Whether it is a number; true and false are none here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Reading:
    """Collects faults while it reads; a value that is wrong is replaced so that reading goes on."""

    def __init__(self) -> None:
        self.faults: list[Violation] = []

    def fault(self, field: str, value: object, remedy: str) -> None:
        missing = value is None
        self.faults.append(
            Violation(field, "nothing", remedy) if missing else Violation.of(field, value, remedy)
        )

    def table(self, table: Table, field: str, at: str) -> Table:
        value = table.get(field, {})
        if isinstance(value, dict):
            return value
        self.fault(at + field, value, "give a table")
        return {}

    def tables(self, table: Table, field: str, at: str) -> list[Table]:
        listed = table.get(field, [])
        if isinstance(listed, list) and all(isinstance(each, dict) for each in listed):
            return listed
        self.fault(at + field, listed, f"list them as [[{field}]] tables")
        return []

    def known(self, table: Table, fields: frozenset[str], at: str) -> None:
        """Refuses fields that there are none of."""
        for unknown in sorted(table.keys() - fields):
            self.fault(at + unknown, table[unknown], f"use one of {', '.join(sorted(fields))}")

    def number(
        self, table: Table, field: str, at: str, low: float, high: float, default: float | None = 0.0
    ) -> float:
        value = table.get(field, default)
        if is_number(value) and low <= value <= high and math.isfinite(value):
            return float(value)
        self.fault(at + field, value, f"give a number from {low:g} to {high:g}")
        return 0.0

    def text(self, table: Table, field: str, at: str, default: str | None = None) -> str:
        value = table.get(field, default)
        if isinstance(value, str) and (value or default is not None):
            return value
        self.fault(at + field, value, "give a text")
        return ""

    def word(self, table: Table, field: str, at: str, words: Sequence[str], default: str | None = "") -> str:
        value = table.get(field, default)
        if value in words:
            return str(value)
        told = ", ".join(word for word in words if word)
        self.fault(at + field, value, f"give one of {told}" if told else "leave it out")
        return words[0]

    def flag(self, table: Table, field: str, at: str) -> bool:
        value = table.get(field, False)
        if not isinstance(value, bool):
            self.fault(at + field, value, "give true or false")
        return value is True

    def moment(self, table: Table, field: str, at: str) -> int | None:
        """Seconds since 1970 of a date with a time and its offset; None when it is left out."""
        value = table.get(field)
        if value is None:
            return None
        if isinstance(value, datetime) and value.tzinfo is not None:
            seconds = int(value.timestamp())
            if _YEAR_2000 <= seconds < _YEAR_2100:
                return seconds
        remedy = (
            "give a date with time and offset between the years 2000 and 2100, such as 2027-01-31T00:00:00Z"
        )
        self.fault(at + field, value, remedy)
        return None
