"""Ways to choose actions, written as rules over the numbers that decisions record; knows no decision and no array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fieldwise_recommend.core.situation import FACTS
from fieldwise_rules.compiler import Rule, compiled
from fieldwise_rules.fields import Field, Fields
from fieldwise_rules.kinds import DOUBLE

NAMES: Final = tuple(FACTS)
_FIELDS: Final = Fields(
    [Field(name, DOUBLE, unit, optional=True) for name, unit in FACTS.items()],
    {},
    f"numbers that decisions record are {', '.join(NAMES)}",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One rule of a policy: the action where the condition holds; None holds always."""

    action: str
    condition: Rule | None = None


def condition(text: str) -> Rule:
    """A condition; its values are numbers in the order of NAMES, None where one is not known.

    Raises:
        RuleRefused: With every fault of the text.
    """
    return compiled(text, _FIELDS)
