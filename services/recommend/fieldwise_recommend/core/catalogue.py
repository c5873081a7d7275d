"""The catalogue: actions, their stated effects, margins and priors; knows no customer and no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

LEAVE_ALONE: Final = "actions/leave-alone"
# The channel of what does not reach the customer.
NO_CHANNEL: Final = "none"
CHANNELS: Final = ("call", "email", "mail", NO_CHANNEL)
# Uses by kind; the customer's rep decides whose minutes they are.
REP_MINUTES: Final = "rep-minutes"
COUPON_MONEY: Final = "coupon-money"
EMAIL_SLOTS: Final = "email-slots"
RESOURCE_KINDS: Final = (REP_MINUTES, COUPON_MONEY, EMAIL_SLOTS)
# What an action can be about: a category due to be bought again, or a popular one the customer never bought.
RESTOCK: Final = "restock"
UNBOUGHT: Final = "unbought"
SUBJECTS: Final = ("", RESTOCK, UNBOUGHT)
ASSUMED: Final = "assumed"

# What an action takes: (kind of resource, or the resource itself once the rep is known; amount in its unit).
Uses = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """E[y | action] = (p + lift x (1 - p)) x (1 + spend_lift) x spend if he buys, within 28 days.

    Args:
        lift: Share of those who would not buy that the action brings to buy, in [0, 1].
        spend_lift: Relative change of the money spent by those who buy, above -1.
        basis: ``assumed`` for a stated prior, else the experiment that measured it.
    """

    lift: float = 0.0
    spend_lift: float = 0.0
    basis: str = ASSUMED


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of a known fact with a limit; a fact that is not known fulfils none."""

    fact: str
    comparison: str
    limit: float

    def holds(self, value: float) -> bool:
        if self.comparison == ">=":
            return value >= self.limit
        if self.comparison == "<=":
            return value <= self.limit
        return value == self.limit


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done for a customer.

    Args:
        cost: Micros, beside the scarce things it uses; the expected redemption of its coupon included.
        uses: (kind of resource, amount in its unit).
        about: Its subject, one of SUBJECTS; it fits only a customer who has such a category.
        reasons: Codes of the facts that speak for it, the strongest first.
        explorable: Chance may choose it.
    """

    name: str
    title: str
    channel: str
    needs_rep: bool = False
    cost: int = 0
    uses: Uses = ()
    effect: Effect = Effect()
    about: str = ""
    conditions: tuple[Condition, ...] = ()
    reasons: tuple[str, ...] = ()
    explorable: bool = False
    is_leave_alone: bool = field(init=False)  # asked several times in each decision

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_leave_alone", self.name == LEAVE_ALONE)


@dataclass(frozen=True, slots=True)
class Priors:
    """What stands in where no model and no score is at hand; ``spend_if_buys`` in micros."""

    p_buy: float
    p_silent: float
    spend_if_buys: int


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All actions in their order (ties go to the earlier one), and the stated numbers around them."""

    version: str
    actions: tuple[Action, ...]
    margins: Mapping[str, float]
    default_margin: float
    priors: Priors

    def margin_of(self, category: str) -> float:
        return self.margins.get(category, self.default_margin)
