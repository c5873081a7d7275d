"""What an operator sets about decisions; knows no environment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fieldwise_recommend.core.choice import draw_of, held_out, in_control_group
from fieldwise_recommend.core.situation import Chance

MOST_PACING: Final = 1000
MOST_FLOOR: Final = 0.01


@dataclass(frozen=True, slots=True)
class Policy:
    """How decisions are made for everybody.

    Args:
        currency: The installation's currency code.
        control_share: Share of customers who are always left alone, in [0, 1).
        control_salt: Draws the control group; another salt draws another group.
        exploration: Share of decisions that chance makes among explorable actions, in [0, 1).
        pacing: Factor on all prices, beside the one that keeps spending in time; 1 leaves them as they are.
        campaign_control_share: Share of customers who never get an action, for each action apart, in [0, 1).
        floor: Least probability of each action that chance may choose, in [0, 0.01).
        dearest: Micros by which what chance chooses may be worth less than the best; None: any.
        pacing_gain: How strongly prices answer spending that is ahead of time or behind it; 0: not at all.
    """

    currency: str = "USD"
    control_share: float = 0.05
    control_salt: str = "fieldwise"
    exploration: float = 0.02
    pacing: float = 1.0
    campaign_control_share: float = 0.0
    floor: float = 0.0
    dearest: int | None = None
    pacing_gain: float = 0.0

    def controls(self, customer: str) -> bool:
        return in_control_group(customer, self.control_salt, self.control_share)

    def held_out(self, customer: str, campaigns: Iterable[str]) -> list[str]:
        """The campaigns whose own control group the customer is in."""
        return held_out(customer, self.control_salt, self.campaign_control_share, campaigns)

    def chance(self, customer: str, decision: str) -> Chance:
        group = self.controls(customer)
        return Chance(group, self.exploration, draw_of(decision), floor=self.floor, dearest=self.dearest)
