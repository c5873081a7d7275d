"""From recorded experience to choices that policies can be valued with; knows no estimator and no SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Floats
from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.experience import Experience
from fieldwise_recommend.core.offpolicy.choices import Choices
from fieldwise_recommend.core.offpolicy.policies import Menu
from fieldwise_recommend.core.results import BOUGHT

MONEY: Final = "money"
PURCHASE: Final = "purchase"


@dataclass(frozen=True, slots=True)
class Logged:
    """What of a period can be learned from (None where nothing can), and how many decisions were left out."""

    learnable: tuple[Choices, Menu] | None
    controlled: int
    deterministic: int
    unmeasured: int


def logged(experience: Experience, reward: str) -> Logged:
    """Decisions with chance in them, outside the control group, whose results are known.

    The control group is an arm of its own: its choices have no chance, and its customers no policy.
    """
    controlled, deterministic = experience.controlled, experience.deterministic
    counts = (
        int(controlled.sum()),
        int((deterministic & ~controlled).sum()),
        int((~experience.measured & ~controlled & ~deterministic).sum()),
    )
    kept = experience.at(~controlled & ~deterministic & experience.measured)
    if not len(kept):
        return Logged(None, *counts)
    names = _names(kept)
    facts = {name: column for name, column in kept.facts.items() if np.isfinite(column).any()}
    rewards = kept.money if reward == MONEY else kept.flag(BOUGHT).astype(np.float64)
    choices = Choices(
        rewards,
        kept.action,
        probabilities(names, kept),
        np.column_stack([*facts.values()]) if facts else np.zeros((len(kept), 0)),
        kept.customer,
    )
    return Logged((choices, Menu(names, kept.open, kept.open_sets, facts)), *counts)


def _names(experience: Experience) -> list[str]:
    """The actions of all columns: those that were chosen, in the order of their codes, and those that only could have been."""
    open_ = sorted({name for each in experience.open_sets for name in each} | {LEAVE_ALONE})
    return list(dict.fromkeys([*experience.actions, *open_]))


def probabilities(names: Sequence[str], experience: Experience) -> Floats:
    """Probability of each action in ``names`` in each decision, shape (n, names), from that of the chosen one.

    Chance is even among those it may choose, and what it leaves is the best one's (`core.choice.probabilities`): so one number
    and the list of what was open give all. Where the best was chosen, the others share the rest; where another was, all but
    the best have its probability.
    """
    open_sets = experience.open_sets
    places = {name: place for place, name in enumerate(names)}
    best = np.array([places[next(iter(each), LEAVE_ALONE)] for each in open_sets])[experience.open]
    count = np.array([len(each) for each in open_sets])[experience.open]
    is_open = np.zeros((len(open_sets), len(places)), dtype=np.bool_)
    for code, each in enumerate(open_sets):
        is_open[code, [places[name] for name in each]] = True
    chosen = experience.probability
    is_best = experience.action == best
    others = np.where(is_best, (1.0 - chosen) / np.maximum(count - 1, 1), chosen)
    found = np.where(is_open[experience.open], others[:, None], 0.0)
    found[np.arange(len(best)), best] = np.where(is_best, chosen, 1.0 - (count - 1) * chosen)
    return found
