"""From scores in money to a table of measured effects; knows no gate and no store."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy import stats

from fieldwise_recommend.core.arrays import Floats, Ints
from fieldwise_recommend.core.offpolicy.intervals import standard_error
from fieldwise_recommend.core.policy_learning.effect_table import EffectTable, Measured, Question
from fieldwise_recommend.core.policy_learning.segments import Segments
from fieldwise_recommend.core.uplift.contrasts import NOTHING, Scores

_MILLION: Final = 1_000_000
# With fewer decisions of a segment in which an action was open nothing is said of it there.
_FEWEST: Final = 200


def measured(
    known: Scores,
    names: Sequence[str],
    facts: Sequence[str],
    split: Segments | None,
    stated: Sequence[float],
    confidence: float = 0.95,
) -> EffectTable:
    """What each action adds, by segment, for the actions of which enough is known.

    Enough: the interval of its average leaves out 0, or lies below what the catalogue states. Averages of segments are drawn to the
    average of all, the more the less they differ for their errors (empirical Bayes).

    Args:
        known: In money, costs not taken off.
        names: Of the columns.
        facts: Names of the facts.
        split: None for one segment.
        stated: Mean effect by the catalogue, in money, one for each column.
    """
    rows = np.zeros(len(known.values), dtype=np.int64) if split is None else split.of(known.facts)
    count = 1 if split is None else 4
    contrasts = known.contrasts
    found: list[list[Measured]] = [[] for _ in range(count)]
    far = float(stats.norm.ppf(0.5 + confidence / 2.0))
    for action in range(NOTHING + 1, len(names)):
        seen = np.isfinite(contrasts[:, action])
        if seen.sum() < _FEWEST:
            continue
        added, customers, segment = contrasts[seen, action], known.customers[seen], rows[seen]
        average, error = float(added.mean()), standard_error(added - added.mean(), customers)
        tells = abs(average) > far * error or average + far * error < stated[action]
        if not (tells and math.isfinite(error)):
            continue
        for place, (value, own) in enumerate(_by_segment(added, customers, segment, count, average, error)):
            found[place].append(Measured(names[action], round(value * _MILLION), round(own * _MILLION)))
    return EffectTable(_questions(split, facts), tuple(map(tuple, found)))


def _by_segment(
    added: Floats, customers: Ints, segment: Ints, count: int, average: float, error: float
) -> list[tuple[float, float]]:
    """Mean and error of each segment, drawn to the average."""
    own = [(average, error)] * count
    large = [place for place in range(count) if (segment == place).sum() >= _FEWEST]
    for place in large:
        mine = segment == place
        mean = float(added[mine].mean())
        own[place] = (mean, standard_error(added[mine] - mean, customers[mine]))
    spread = (
        np.mean([(own[place][0] - average) ** 2 - own[place][1] ** 2 for place in large]) if large else 0.0
    )
    between = max(float(spread), 0.0)
    drawn = []
    for mean, deviation in own:
        share = between / (between + deviation**2) if between else 0.0
        drawn.append((average + share * (mean - average), math.sqrt(share) * deviation if share else error))
    return drawn


def _questions(split: Segments | None, facts: Sequence[str]) -> tuple[Question, ...]:
    if split is None:
        return ()
    return tuple(Question(facts[each.fact], each.limit) for each in (split.first, split.if_yes, split.if_no))
