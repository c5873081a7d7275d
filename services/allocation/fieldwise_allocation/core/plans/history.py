"""Which plans were in force, read from what happened; knows nothing of plans but their names."""

from __future__ import annotations

import enum
from collections.abc import Iterable


class Turn(enum.Enum):
    """What an event does to the plans in force."""

    APPLIED = "put in force"
    ROLLED_BACK = "taken out of force by a roll-back"
    DELETED = "deleted"


def standing(turns: Iterable[tuple[Turn, str]]) -> list[str]:
    """The plans that a roll-back would go through; the last one is in force.

    Args:
        turns: What happened to which plan, oldest first.
    """
    stack: list[str] = []
    for turn, plan in turns:
        if turn is Turn.APPLIED:
            if stack[-1:] != [plan]:
                stack.append(plan)
        elif turn is Turn.DELETED:
            stack = _without_repeats([each for each in stack if each != plan])
        elif stack[-1:] == [plan]:
            stack.pop()
    return stack


def _without_repeats(stack: list[str]) -> list[str]:
    """A plan that a deletion leaves twice in a row stands once: rolling back must change something."""
    return [plan for k, plan in enumerate(stack) if k == 0 or stack[k - 1] != plan]
