"""What is known when one customer is decided for, as plain values; knows no wire, no rule and no price solver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

# Names of facts and their units. A fact that is not known is absent from Situation.facts.
FACTS: Final[Mapping[str, str]] = {
    "days_since_purchase": "d",
    "usual_gap_days": "d",
    "silence_after_days": "d",
    "silence_ratio": "days since purchase / silence_after_days",
    "purchase_days": "distinct days",
    "total_spend": "currency",
    "stage": "number of the LifecycleStage",
    "days_since_contact": "d",
    "p_buy": "probability",
    "p_silent": "probability",
    "spend_if_buys": "currency",
    "has_rep": "0 or 1",
    "has_interest": "0 or 1",
    "has_unbought": "0 or 1",
    "has_companion": "0 or 1",
    "birth_month": "1 to 12",
    "birth_day": "1 to 31",
    "days_to_birthday": "d",
}


@dataclass(frozen=True, slots=True)
class Restock:
    """A category the customer is due to buy again: ``days`` since he last did, ``gap`` between purchases on average."""

    category: str
    days: float
    gap: float


@dataclass(frozen=True, slots=True)
class Popular:
    """A category that ``share`` of all active customers bought lately and this one never did."""

    category: str
    share: float


@dataclass(frozen=True, slots=True)
class Companion:
    """A category that is bought together with ``given``, which he bought last, by ``confidence`` of those who buy that.

    ``lift`` is against independence, ``window`` the days within which both are bought.
    """

    category: str
    given: str
    confidence: float
    lift: float
    window: int


class NextUp(NamedTuple):
    """A category that he buys within ``window`` days with a probability.

    Args:
        days: Days on which he bought it, the last ``since`` days ago; 0 of one that he never bought.
        share: Share of active customers who bought it lately; of one that he never bought.
        given: What he buys that speaks most for one that he never bought; empty when nothing does.
    """

    category: str
    probability: float
    window: int
    days: int = 0
    since: float = 0.0
    share: float = 0.0
    given: str = ""


class ShopNear(NamedTuple):
    """A shop, how far it is, and when it is open: (start, end) in seconds since 1970, by start."""

    name: str
    title: str
    km: float
    open: tuple[tuple[int, int], ...]

    def open_at(self, moment: int) -> tuple[int, int] | None:
        """The span that holds the moment; None when it is closed then."""
        return next((span for span in self.open if span[0] <= moment < span[1]), None)


@dataclass(frozen=True, slots=True)
class Situation:
    """One customer at the moment of the decision.

    Args:
        facts: Known numbers by name (FACTS).
        cold: Nothing is known of the customer: only actions without conditions fit.
        priors_stood_in: Some of the scores are base rates, of forecast or of the catalogue, and not a model's answer.
        p_buy: Probability that he buys within 28 days if left alone.
        spend: Micros he is expected to spend in 28 days if he buys.
        margin: Share of his money that is margin, from the mix he buys.
        rep: ``reps/{id}`` who serves him; empty when nobody does.
        channels: Channels the app can offer; None means all.
        opted_out: He asked not to be contacted.
        withheld: He has not consented to being decided about.
        refused_channels: Channels through which he may not be reached.
        traits: What is known of him beside numbers, by the names of `facts.TRAITS`; None where it is not known.
        moment: The decision's time, seconds since 1970.
        general_channels: Channels through which he may get what is the same for everybody though his consent is withheld.
        repeats: What he may buy next of what he bought before, likeliest first; ``discoveries`` of what he never bought.
        times: When to reach him, by channel, seconds since 1970; the empty one is for all others.
        shops: Near him, nearest first.
    """

    facts: Mapping[str, float]
    p_buy: float
    spend: int
    margin: float
    cold: bool = False
    priors_stood_in: bool = False
    restock: Restock | None = None
    popular: Popular | None = None
    rep: str = ""
    channels: frozenset[str] | None = None
    opted_out: bool = False
    withheld: bool = False
    refused_channels: frozenset[str] = frozenset()
    traits: Mapping[str, Any] = field(default_factory=dict)
    moment: int = 0
    general_channels: frozenset[str] = frozenset()
    companion: Companion | None = None
    repeats: tuple[NextUp, ...] = ()
    discoveries: tuple[NextUp, ...] = ()
    times: Mapping[str, int] = field(default_factory=dict)
    shops: tuple[ShopNear, ...] = ()
    # Asked once for each action.
    is_restricted: bool = field(init=False)  # something of what he refuses may keep an action from him

    def __post_init__(self) -> None:
        restricted = self.opted_out or self.withheld or bool(self.refused_channels)
        object.__setattr__(self, "is_restricted", restricted)

    def time_of(self, channel: str) -> int:
        """When to reach him through a channel."""
        return self.times.get(channel) or self.times[""]


@dataclass(frozen=True, slots=True)
class Price:
    """Price of a scarce thing: micros per unit before pacing, and how much of it there is in the period."""

    unit: str
    micros_per_unit: float
    capacity: float


@dataclass(frozen=True, slots=True)
class Supply:
    """The scarce things as a decision finds them.

    Args:
        prices: By resource; None when there are no prices at all.
        pacing: Factor on all prices.
        scarce: What is left of resources that have too little left for some action.
        reserved: Actions whose scarce things were set aside for this customer before.
    """

    prices: Mapping[str, Price] | None = None
    pacing: float = 1.0
    scarce: Mapping[str, float] = field(default_factory=dict)
    reserved: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Chance:
    """What chance may do: nothing in the control group; else ``draw`` in [0, 1) explores below ``exploration``.

    ``held_out`` are the actions whose own control group the customer is in. Each action that chance may choose has at least the
    probability ``floor``, None in decisions of releases that had none. ``dearest`` are the micros by which what chance chooses may be worth
    less than the best; None: any.
    """

    control_group: bool
    exploration: float
    draw: float
    held_out: frozenset[str] = frozenset()
    floor: float | None = None
    dearest: int | None = None
