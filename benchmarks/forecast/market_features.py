"""Features of a simulated market's customers at weekly cut-offs, by profile's own reading and fold; knows no service and no learner."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from benchmarks.forecast.journey_features import JOURNEY_COLUMNS
from benchmarks.profile.folded import events_of
from fieldwise_forecast.core.features import FeatureSet, Snapshot
from fieldwise_forecast.core.questions import cutoffs
from fieldwise_market.world import World
from fieldwise_profile.core.event import SECOND, happening
from fieldwise_profile.core.features import features
from fieldwise_profile.core.fold import State

# Profile has one feature set, whatever the data.
COLUMNS: FeatureSet = JOURNEY_COLUMNS


def market_snapshots(world: World) -> list[Snapshot]:
    """Snapshots a week apart from the world's first week to its end, each of the customers known by then."""
    states: dict[str, State] = {}
    found = []
    events = events_of(world)
    event = next(events, None)
    for cutoff in cutoffs(world.end):
        until = round(cutoff.timestamp()) * SECOND
        while event is not None and event.event_time < until:
            states.setdefault(event.customer, State()).add(*happening(event))
            event = next(events, None)
        if states:
            found.append(_snapshot(cutoff, until, states))
    return found


def _snapshot(cutoff: datetime, until: int, states: dict[str, State]) -> Snapshot:
    return Snapshot(cutoff, tuple(states), np.array([features(state, until) for state in states.values()]))
