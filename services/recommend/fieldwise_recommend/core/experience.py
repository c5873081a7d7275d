"""What was decided and what came of it, one place in every array for each decision; knows no SQL and no estimate."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats, Ints
from fieldwise_recommend.core.choices import CONTROL

DAY: Final = 86_400_000_000
# Kinds of outcome that reports ask for, as in fieldwise.profile.v1.OutcomeKind.
KINDS: Final = (
    "acted",
    "declined",
    "responded",
    "purchased",
    "opted_out",
    "opened",
    "clicked",
    "complained",
    "rated",
)


@dataclass(frozen=True)
class Experience:
    """Decisions and their results, by time. Codes are places in the lists of names.

    Args:
        time: Microseconds since 1970.
        customer: Codes, one for each customer (also for those who were erased).
        customers: Their names; ``erased/...`` leads to nobody.
        action: Codes in ``actions``.
        arm: ``core.choices`` CONTROL, BEST or CHANCE.
        probability: Of the choice, given that the customer is not in the control group.
        rep: Codes in ``reps``, of who serves the customer; the name of none is empty.
        by_rep: 1 where he should carry the action out, else 0.
        p_buy, p_silent: Predicted for the 28 days after, if left alone; NaN where unknown.
        baseline, effect, value: Of the chosen action, in currency units.
        open: Codes in ``open_sets``: the actions that could have been chosen, the best one first.
        campaigns: Codes in ``campaign_sets``: actions with control groups of their own that fitted, and whether he is in them.
        facts: Numbers of the situation by name; NaN where unknown.
        money: Spent in the window after the decision, in currency units; NaN while it is open, or nothing can be known.
        money_before: Spent in the 84 days before it; NaN likewise.
        purchase_days: In the window; NaN likewise.
        flags: Bits of the result (core.results); 0 without one.
        said: By kind (KINDS): such an outcome came of it.
        score: How satisfied he said he is, 1 to 5; NaN when he did not.
        acted_after: Hours from the decision to the first word that it was acted on; NaN without one.
    """

    time: Ints
    customer: Ints
    customers: Sequence[str]
    action: Ints
    actions: Sequence[str]
    arm: Ints
    probability: Floats
    rep: Ints
    reps: Sequence[str]
    by_rep: Ints
    p_buy: Floats
    p_silent: Floats
    baseline: Floats
    effect: Floats
    value: Floats
    open: Ints
    open_sets: Sequence[Collection[str]]
    campaigns: Ints
    campaign_sets: Sequence[Mapping[str, bool]]
    money: Floats
    money_before: Floats
    purchase_days: Floats
    flags: Ints
    score: Floats
    acted_after: Floats
    facts: Mapping[str, Floats] = field(default_factory=dict)
    said: Mapping[str, Bools] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.time)

    @property
    def measured(self) -> Bools:
        """Decisions whose results are known."""
        return ~np.isnan(self.money)

    @property
    def controlled(self) -> Bools:
        """Decisions about customers of the control group."""
        return np.asarray(self.arm == CONTROL)

    @property
    def deterministic(self) -> Bools:
        """Decisions without chance; they do not enter off-policy evaluation."""
        return np.asarray(self.probability == 1.0)

    def flag(self, bit: int) -> Bools:
        """Where a bit of the result is set."""
        return np.asarray(self.flags & bit > 0)

    def could(self, action: str) -> Bools:
        """Where an action could have been chosen."""
        holds = np.array([action in each for each in self.open_sets], dtype=np.bool_)
        return holds[self.open]

    def in_campaign(self, action: str) -> tuple[Bools, Bools]:
        """Where an action fitted and had a control group of its own, and where the customer is in that."""
        fitted = np.array([action in each for each in self.campaign_sets], dtype=np.bool_)
        held = np.array([each.get(action) is False for each in self.campaign_sets], dtype=np.bool_)
        return fitted[self.campaigns], held[self.campaigns]

    def at(self, chosen: Bools) -> Experience:
        """Only some decisions; codes and names stay as they are."""
        found: dict[str, object] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, np.ndarray):
                found[each.name] = value[chosen]
        found["facts"] = {name: column[chosen] for name, column in self.facts.items()}
        found["said"] = {name: column[chosen] for name, column in self.said.items()}
        return replace(self, **found)  # type: ignore[arg-type]  # every field by its own name


def campaigns_of(text: str) -> dict[str, bool]:
    """``+actions/a -actions/b`` as whether each may be given."""
    return {each[1:]: each[0] == "+" for each in text.split()}
