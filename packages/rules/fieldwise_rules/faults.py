"""What is wrong with a rule, each fault with its place; knows no grammar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, Violation

TOO_EXPENSIVE: Final = "RULE_TOO_EXPENSIVE"
INVALID: Final = "RULE_INVALID"


class Place(NamedTuple):
    """Where a piece of a rule begins; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: the piece of the rule, what was found and needed, and what to do."""

    place: Place
    found: str
    remedy: str
    reason: str = INVALID

    def violation(self, field: str) -> Violation:
        return Violation(
            field, f"{self.found} at line {self.place.line}, column {self.place.column}", self.remedy
        )


class RuleRefused(InvalidRequest):
    """A rule that cannot be used; every fault is given at once."""

    def __init__(self, faults: Sequence[Fault], field: str = "expression") -> None:
        self.faults = tuple(faults)
        first = faults[0]
        # A rule that is wrong and too expensive is wrong first: its cost is that of something else.
        reason = next((fault.reason for fault in faults if fault.reason == INVALID), TOO_EXPENSIVE)
        super().__init__(
            [fault.violation(field) for fault in faults],
            reason=reason,
            metadata={"line": str(first.place.line), "column": str(first.place.column)},
        )


class RuleStopped(FailedPrecondition):
    """A rule used up its steps on one customer."""

    def __init__(self, most: int) -> None:
        message = f"the rule took more than {most} steps on one customer; use fewer lists within lists"
        super().__init__(TOO_EXPENSIVE, message, metadata={"steps": str(most)})
