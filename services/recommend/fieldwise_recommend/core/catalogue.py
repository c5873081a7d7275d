"""The catalogue: actions, their stated effects, margins and priors; knows no customer and no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fieldwise_recommend.core.conditions import Condition

LEAVE_ALONE: Final = "actions/leave-alone"
# The channel of what does not reach the customer.
NO_CHANNEL: Final = "none"
CHANNELS: Final = ("call", "email", "mail", NO_CHANNEL)
# Uses by kind; the customer's rep decides whose minutes they are.
REP_MINUTES: Final = "rep-minutes"
COUPON_MONEY: Final = "coupon-money"
EMAIL_SLOTS: Final = "email-slots"
RESOURCE_KINDS: Final = (REP_MINUTES, COUPON_MONEY, EMAIL_SLOTS)
# What an action can be about: a category due to be bought again, one the customer never bought, one that goes with what he bought last, or
# those of his that he is likeliest to buy next.
RESTOCK: Final = "restock"
UNBOUGHT: Final = "unbought"
COMPANION: Final = "companion"
HABIT: Final = "habit"
SUBJECTS: Final = ("", RESTOCK, UNBOUGHT, COMPANION, HABIT)
# Where an action sends him: to the nearest shop that is open when it is carried out.
NEAR_SHOP: Final = "near-shop"
WHERES: Final = ("", NEAR_SHOP)
# When an action is best carried out; empty is the hour of most of his purchases.
WHENS: Final = ("",)
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
        added: Measured money that it adds, in micros, in place of the formula; None where the formula holds.
    """

    lift: float = 0.0
    spend_lift: float = 0.0
    basis: str = ASSUMED
    added: int | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done for a customer: an action, or one treatment of it where it has several.

    Args:
        name: `actions/{id}`, or `actions/{id}.{treatment}` of an action with several treatments.
        cost: Micros, beside the scarce things it uses; the expected redemption of its coupon included.
        uses: (kind of resource, amount in its unit).
        about: Its subject, one of SUBJECTS; it fits only a customer who has such a category.
        conditions: All must hold, in the order eligibility, applicability, suitability.
        reasons: Codes of the facts that speak for it, the strongest first.
        explorable: Chance may choose it.
        family: `actions/{id}` of the action it is a treatment of; its own name when that has only one.
        placement: Where in its channel, such as `inbox` or `letter`.
        owner: Who answers for it.
        valid_from, valid_until: Decisions from the first moment on and before the second, seconds since 1970; None: no end.
        irreversible: It cannot be taken back, so chance never chooses it.
        playbook: What it is part of, such as `win-back`.
        when: When it is best carried out, one of WHENS.
        where: Where it sends him, one of WHERES.
        coupon: Face value of its coupon in micros; 0 without one.
        coupon_cost: What of ``cost`` is the coupon's: ``coupon`` x ``redemption``.
        redemption: Probability that the coupon is redeemed.
        redemption_basis: ``assumed`` for the catalogue's share, else what measured it.
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
    family: str = ""
    placement: str = ""
    owner: str = ""
    valid_from: int | None = None
    valid_until: int | None = None
    irreversible: bool = False
    playbook: str = ""
    when: str = ""
    where: str = ""
    coupon: int = 0
    coupon_cost: int = 0
    redemption: float = 0.0
    redemption_basis: str = ASSUMED
    # Asked several times in each decision.
    is_leave_alone: bool = field(init=False)
    is_bounded: bool = field(init=False)  # in time

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_leave_alone", self.name == LEAVE_ALONE)
        object.__setattr__(self, "is_bounded", (self.valid_from, self.valid_until) != (None, None))
        if not self.family:
            object.__setattr__(self, "family", self.name)

    def valid_at(self, moment: int) -> bool:
        begun = self.valid_from is None or self.valid_from <= moment
        return begun and (self.valid_until is None or moment < self.valid_until)


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
    campaigns: tuple[str, ...] = field(init=False)  # actions that may have control groups of their own
    by_name: Mapping[str, Action] = field(init=False)

    def __post_init__(self) -> None:
        campaigns = tuple(action.name for action in self.actions if not action.is_leave_alone)
        object.__setattr__(self, "campaigns", campaigns)
        object.__setattr__(self, "by_name", {action.name: action for action in self.actions})

    @property
    def steps(self) -> int:
        """Most steps that all rules together take for one customer."""
        return sum(rule.cost for action in self.actions for rule in action.conditions)

    def margin_of(self, category: str) -> float:
        return self.margins.get(category, self.default_margin)
