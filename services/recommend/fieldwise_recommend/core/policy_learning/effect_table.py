"""Measured effects by segment, as a decision reads them: plain numbers, a few comparisons; knows no array and no store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """Is the fact known and at most ``limit``?"""

    fact: str
    limit: float

    def holds(self, facts: Mapping[str, float]) -> bool:
        value = facts.get(self.fact)
        return value is not None and value <= self.limit


@dataclass(frozen=True, slots=True)
class Measured:
    """Money an action adds in 28 days on average, before margin, in micros, and the standard error of that."""

    action: str
    added: int
    error: int


@dataclass(frozen=True, slots=True)
class EffectTable:
    """Effects of a policy version.

    Args:
        questions: None for one segment; else the first, and the next after its yes and its no.
        segments: The effects of each: one, or four in the order yes-yes, yes-no, no-yes, no-no. An action that is not in
            them keeps its stated effect.
    """

    questions: tuple[Question, ...]
    segments: tuple[tuple[Measured, ...], ...]

    def of(self, facts: Mapping[str, float]) -> tuple[Measured, ...]:
        """The effects for a customer."""
        if not self.questions:
            return self.segments[0]
        first, if_yes, if_no = self.questions
        if first.holds(facts):
            return self.segments[0 if if_yes.holds(facts) else 1]
        return self.segments[2 if if_no.holds(facts) else 3]

    def text(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self))


def read(text: str) -> EffectTable:
    """The inverse of `EffectTable.text`."""
    found = json.loads(text)
    questions = tuple(Question(**each) for each in found["questions"])
    return EffectTable(questions, tuple(tuple(Measured(**each) for each in row) for row in found["segments"]))
