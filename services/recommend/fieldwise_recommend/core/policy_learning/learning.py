"""From scores of randomised decisions to the way of choosing that is let out; knows no wire, no store and no price."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Floats, Ints
from fieldwise_recommend.core.offpolicy.choices import folds
from fieldwise_recommend.core.policy_learning.gate import (
    NOT_ENOUGH_EVIDENCE,
    PERSONAL,
    SIMPLE_RULE,
    TREAT_NONE,
    Verdict,
    verdict_of,
)
from fieldwise_recommend.core.policy_learning.segments import Segments, segments
from fieldwise_recommend.core.uplift.contrasts import NOTHING, Scores
from fieldwise_recommend.core.uplift.effects import effects
from fieldwise_recommend.core.uplift.learners import straight

# Facts, shape (n, facts), to the column of the action, shape (n,).
Rule = Callable[[Floats], Ints]
# Said after each part: its share of the whole.
Progress = Callable[[float], None]

LIKELIEST: Final = "likeliest half"
_FOLDS: Final = 5


@dataclass(frozen=True, slots=True)
class Trained:
    """What was learned and what of it is let out.

    Args:
        table: Made from all customers; None where no fact tells customers apart.
        rules: The simple rules that it was compared with, made from all customers.
    """

    verdict: Verdict
    table: Segments | None
    rules: Mapping[str, Rule]

    def chosen(self, facts: Floats) -> Ints:
        """Column of the action of each customer, shape (n,)."""
        said = self.verdict
        if said.verdict == PERSONAL and self.table is not None:
            return self.table.chosen(facts)
        if said.verdict == SIMPLE_RULE:
            return self.rules[said.rule](facts)
        nothing = said.verdict in (TREAT_NONE, NOT_ENOUGH_EVIDENCE)
        return np.full(len(facts), NOTHING if nothing else said.action)


def train(
    known: Scores,
    seed: int = 0,
    rules: Mapping[str, Rule] | None = None,
    confidence: float = 0.95,
    progress: Progress | None = None,
) -> Trained:
    """Learns a table of segments, and lets it out only where it surely beats every constant and every simple rule.

    What is compared chooses for customers of one part and is made from those of the others; what is let out is made from all.

    Args:
        rules: Rules by hand that it has to beat, by name; targeting the likeliest half is always among them.
    """
    by_hand = dict(rules or {})
    fold = folds(known.customers, _FOLDS, (53, seed))
    learned = np.full(len(known.values), NOTHING)
    ruled = {name: np.full(len(known.values), NOTHING) for name in (LIKELIEST, *by_hand)}
    for each in range(_FOLDS):
        mine = fold == each
        others, facts = known.at(~mine), known.facts[mine]
        table = _table(others, seed)
        if table is not None:
            learned[mine] = table.chosen(facts)
        for name, rule in {LIKELIEST: _likeliest(others), **by_hand}.items():
            ruled[name][mine] = rule(facts)
        if progress is not None:
            progress((each + 1) / (_FOLDS + 1))
    possible = {name: _open(known, chosen) for name, chosen in ruled.items()}
    said = verdict_of(known, _open(known, learned), possible, confidence)
    return Trained(said, _table(known, seed), {LIKELIEST: _likeliest(known), **by_hand})


def _table(known: Scores, seed: int) -> Segments | None:
    """The table that is best by the learned effects: they are less noisy than the scores themselves."""
    added = effects(known, seed).of(known.facts)
    return segments(known.facts, np.where(known.open, added, 0.0))


def _likeliest(known: Scores) -> Rule:
    """The usual practice: the best constant action for the half of the customers who are likeliest to bring much with it."""
    action = NOTHING + 1 + int(np.nanargmax(np.nanmean(known.contrasts[:, NOTHING + 1 :], axis=0)))
    seen = known.open[:, action]
    scored = straight(known.facts[seen], known.values[seen, action])
    least = float(np.median(scored(known.facts[seen])))

    def rule(facts: Floats) -> Ints:
        return np.where(scored(facts) > least, action, NOTHING)

    return rule


def _open(known: Scores, chosen: Ints) -> Ints:
    rows = np.arange(len(chosen))
    return np.where(known.open[rows, chosen], chosen, NOTHING)
