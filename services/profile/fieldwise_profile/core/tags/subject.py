"""A customer at one moment as the rules of tags see him; knows no rule.

Each part is worked out when a rule first asks for it: most tags read a handful of features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import isnan
from typing import Final

from fieldwise_profile.core.change import Change, judge
from fieldwise_profile.core.doings import category_looks, channel_uses
from fieldwise_profile.core.features import COLUMNS, Purchases, features_of
from fieldwise_profile.core.fold import State
from fieldwise_profile.core.portrait import Portrait, portrait

_PLACE_OF_COLUMN: Final = {column.name: place for place, column in enumerate(COLUMNS)}


def _no_segments() -> tuple[str, str]:
    return "", ""


@dataclass
class Subject:
    """A customer at the moment of his purchases.

    Args:
        state: Only events before the moment that were known by then.
        segments: Gives `segments/{id}` by behaviour, and the segment by age and gender; empty for none.
        scores: Of models, by their name; what the caller passed.
    """

    state: State
    bought: Purchases
    segments: Callable[[], tuple[str, str]] = _no_segments
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def moment(self) -> int:
        return self.bought.moment

    @cached_property
    def features(self) -> list[float]:
        return features_of(self.state, self.bought)

    @cached_property
    def portrait(self) -> Portrait:
        return portrait(self.state, self.bought)

    @cached_property
    def change(self) -> Change | None:
        return judge(self.bought.days, self.moment)

    @cached_property
    def channels(self) -> dict[str, float]:
        """Share of each channel."""
        return {use.channel: use.share for use in channel_uses(self.state, self.bought.last_day)}

    @cached_property
    def browsing(self) -> dict[str, float]:
        """Intent by category looked at."""
        return {look.category: look.intent for look in category_looks(self.state, self.bought.last_day)}

    @cached_property
    def segment_names(self) -> tuple[str, str]:
        return self.segments()

    @property
    def noise_share(self) -> float:
        return self.state.browsing.noise_share() if self.state.browsing is not None else 0.0

    def feature(self, name: str) -> float | None:
        """The number of a column; None where it is NaN."""
        value = self.features[_PLACE_OF_COLUMN[name]]
        return None if isnan(value) else value
