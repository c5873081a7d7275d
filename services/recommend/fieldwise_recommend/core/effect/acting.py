"""Who acted on what was recommended, and what came of it; knows no control group.

Nobody drew who acts: reps pick the customers they expect something of. The plain difference says so much about them as about the
action, and stands here only beside an effect that was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats
from fieldwise_recommend.core.catalogue import LEAVE_ALONE
from fieldwise_recommend.core.effect.chance import FEWEST, weighted
from fieldwise_recommend.core.effect.comparing import Basis, Comparison, compare
from fieldwise_recommend.core.effect.intervals import Median, Share, median_of
from fieldwise_recommend.core.experience import Experience
from fieldwise_recommend.core.logistic import fitted, probability
from fieldwise_recommend.core.results import BOUGHT

# Weights beyond this come of customers nearly all of whom, or nearly none, were acted on.
_MOST_WEIGHT: Final = 20.0
_RIDGE: Final = 1e-3


@dataclass(frozen=True)
class Adherence:
    """How far one rep follows: of what was recommended to him, what he acted on and what he declined."""

    rep: str
    acted: Share
    declined: Share


@dataclass(frozen=True)
class ActionOutcomes:
    """What outcomes and results say of one action, wherever it was chosen."""

    action: str
    chosen: int
    said: dict[str, Share]
    bought: Share


@dataclass(frozen=True)
class Acting:
    """Recommendations and what became of them.

    Args:
        converted: Of those acted on and measured, after which the customer bought.
        converted_unacted: Of those not acted on and measured, likewise.
        plain: Money after recommendations acted on against others: no effect.
        levelled: The same, with both groups weighted to the same customers in what is known of them: no effect either.
        hours: From a recommendation to the first word that it was acted on.
    """

    recommended: int
    acted: Share
    converted: Share
    converted_unacted: Share
    plain: Comparison
    levelled: Comparison
    hours: Median
    reps: list[Adherence]
    actions: list[ActionOutcomes]


def acting_of(experience: Experience) -> Acting:
    """All recommendations of an experience; leave alone is none."""
    some = experience.at(recommended(experience))
    acted = some.said["acted"]
    measured = some.measured
    bought = some.flag(BOUGHT)
    known = some.at(measured)
    return Acting(
        len(some),
        _share(acted),
        _share(bought[measured & acted]),
        _share(bought[measured & ~acted]),
        compare("money", known.money, known.said["acted"], basis=Basis.OBSERVED),
        levelled(known),
        median_of(some.acted_after),
        [_adherence(some, code) for code in np.unique(some.rep[some.by_rep > 0])],
        [_outcomes(experience, code) for code in np.unique(experience.action)],
    )


def recommended(experience: Experience) -> Bools:
    """Decisions to do something."""
    alone = [code for code, name in enumerate(experience.actions) if name == LEAVE_ALONE]
    return ~np.isin(experience.action, alone)


def levelled(known: Experience) -> Comparison:
    """Acted on against not, each weighted by one over the probability of it, given what was known at the decision."""
    acted = known.said["acted"]
    if min(acted.sum(), (~acted).sum()) < FEWEST:
        return compare("money", known.money, acted, basis=Basis.OBSERVED)
    chance = probability_of(acted, known_columns(known))
    weights = np.minimum(np.where(acted, 1.0 / chance, 1.0 / (1.0 - chance)), _MOST_WEIGHT)
    found = weighted(known.money, known.money, weights, (acted, ~acted), known.customer)
    return replace(found, basis=Basis.OBSERVED)


def known_columns(known: Experience) -> Floats:
    """What was known at the decision: predictions, the account, and money before; scaled, unknown as the mean."""
    columns = [known.p_buy, known.p_silent, known.baseline, known.effect, known.value]
    columns += [known.money_before, np.sqrt(known.money_before)]
    scaled = [np.ones(len(known))]
    for column in columns:
        filled = np.where(np.isnan(column), np.nanmean(column) if not np.isnan(column).all() else 0.0, column)
        spread = float(filled.std())
        if spread > 0:
            scaled.append((filled - filled.mean()) / spread)
    return np.column_stack(scaled)


def probability_of(happened: Bools, columns: Floats) -> Floats:
    """Probability by a logistic regression with a small ridge on all but the level, which comes first."""
    pulls = np.full(columns.shape[1], _RIDGE * len(columns))
    pulls[0] = 0.0
    found = probability(columns @ fitted(columns, happened, pulls))
    return np.asarray(np.clip(found, 1e-3, 1 - 1e-3), dtype=np.float64)


def _adherence(some: Experience, code: int) -> Adherence:
    his = (some.rep == code) & (some.by_rep > 0)
    return Adherence(some.reps[code], _share(some.said["acted"][his]), _share(some.said["declined"][his]))


def _outcomes(experience: Experience, code: int) -> ActionOutcomes:
    chosen = experience.action == code
    said = {kind: _share(column[chosen]) for kind, column in experience.said.items() if column[chosen].any()}
    bought = _share(experience.flag(BOUGHT)[chosen & experience.measured])
    return ActionOutcomes(experience.actions[code], int(chosen.sum()), said, bought)


def _share(happened: Bools) -> Share:
    return Share(int(happened.sum()), len(happened))
