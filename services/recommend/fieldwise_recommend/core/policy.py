"""What an operator sets about decisions; knows no environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fieldwise_recommend.core.choice import draw_of, in_control_group
from fieldwise_recommend.core.situation import Chance

MOST_PACING: Final = 1000


@dataclass(frozen=True, slots=True)
class Policy:
    """How decisions are made for everybody.

    Args:
        currency: The installation's currency code.
        control_share: Share of customers who are always left alone, in [0, 1).
        control_salt: Draws the control group; another salt draws another group.
        exploration: Share of decisions that chance makes among explorable actions, in [0, 1).
        pacing: Factor on all prices; 1 leaves them as they are.
    """

    currency: str = "USD"
    control_share: float = 0.05
    control_salt: str = "fieldwise"
    exploration: float = 0.02
    pacing: float = 1.0

    def controls(self, customer: str) -> bool:
        return in_control_group(customer, self.control_salt, self.control_share)

    def chance(self, customer: str, decision: str) -> Chance:
        return Chance(self.controls(customer), self.exploration, draw_of(decision))
