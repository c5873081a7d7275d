"""Whom actions would reach, counted on a sample of situations; knows no publisher."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fieldwise_recommend.core.catalogue import Action, Catalogue
from fieldwise_recommend.core.eligibility import Rejection, misfit
from fieldwise_recommend.core.facts import values_of
from fieldwise_recommend.core.ranking import NO_SHOP_OPEN
from fieldwise_recommend.core.situation import Situation

# Below so many situations nobody and everybody are too easily met by chance to ask about.
FEWEST: Final = 20


@dataclass(frozen=True, slots=True)
class Reach:
    """Share of a sample that an action fits before prices, and the share that each code keeps away.

    Args:
        action: `actions/{id}`; of several treatments one must fit.
        share: 0 for an empty sample.
        kept_away: By code, of conditions with the rule: ``CONDITION/eligibility``.
        sampled: Size of the sample.
    """

    action: str
    share: float
    kept_away: Mapping[str, float]
    sampled: int

    @property
    def questioned(self) -> bool:
        """It reaches nobody or everybody."""
        return self.sampled >= FEWEST and self.share in (0.0, 1.0)


def reach(catalogue: Catalogue, families: Sequence[str], situations: Sequence[Situation]) -> list[Reach]:
    """Whom actions reach, in the order in which they are named; leave alone always reaches everybody and is left out."""
    seen = [(situation, values_of(situation)) for situation in situations]
    found: list[Reach] = []
    for family in families:
        treatments = [each for each in catalogue.actions if each.family == family]
        if any(not each.is_leave_alone for each in treatments):
            found.append(_reach_of(family, treatments, seen))
    return found


def _reach_of(
    family: str, treatments: Sequence[Action], seen: Sequence[tuple[Situation, list[Any]]]
) -> Reach:
    fits, kept = 0, Counter[str]()
    for situation, values in seen:
        refused = [_kept_away(each, situation, values) for each in treatments]
        if None in refused:
            fits += 1
        else:
            kept[_code(refused[0])] += 1
    count = max(1, len(seen))
    return Reach(family, fits / count, {code: times / count for code, times in kept.items()}, len(seen))


def _kept_away(action: Action, situation: Situation, values: list[Any]) -> Rejection | None:
    refused = misfit(action, situation, values)
    if refused is None and action.where and not situation.shops:
        return Rejection(action.name, NO_SHOP_OPEN)
    return refused


def _code(refused: Rejection | None) -> str:
    if refused is None:
        return ""
    return f"{refused.code}/{refused.rule}" if refused.rule else refused.code
