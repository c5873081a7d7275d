"""Rules "who buys this buys that", and what goes with a basket by them; knows nothing of how they were found, and no wire."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple


class Rule(NamedTuple):
    """Who buys ``given`` also buys ``goes``: in the same basket or window.

    Args:
        support: Share of baskets with both.
        confidence: Share of the baskets with ``given`` that have ``goes`` too.
        lift, lift_low, lift_high: Against independence, with the 95 % interval.
        sized_lift: Against things dealt at random among baskets of the same sizes.
        chance: One-sided p-value.
    """

    given: str
    goes: str
    support: float
    confidence: float
    lift: float
    lift_low: float
    lift_high: float
    sized_lift: float
    chance: float


class RuleBook:
    """Rules by what they are given, to look up what goes with a basket.

    Args:
        rules: Kept in their order.
        window_days: Days of the baskets that they were found in.
        version: What they are known by; empty when nothing was learned.
    """

    def __init__(self, rules: Sequence[Rule] = (), window_days: int = 1, version: str = "") -> None:
        self.window_days = window_days
        self.version = version
        self.rules = tuple(rules)
        self._by_given: dict[str, list[Rule]] = {}
        for rule in rules:
            self._by_given.setdefault(rule.given, []).append(rule)
        for own in self._by_given.values():
            own.sort(key=lambda rule: (-rule.confidence, rule.goes))

    def companion(self, basket: Collection[str], had: Collection[str]) -> Rule | None:
        """The surest rule from the basket to what the customer did not buy lately; None when there is none.

        Args:
            basket: What he bought last.
            had: What not to name: the basket itself, and what he has enough of.
        """
        best: Rule | None = None
        for given in basket:
            for rule in self._by_given.get(given, ()):
                if best is not None and rule.confidence <= best.confidence:
                    break
                if rule.goes not in had:
                    best = rule
                    break
        return best
