"""Features of Complete Journey's households at weekly cut-offs, by profile's own fold; knows no service and no learner."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from benchmarks.profile.journey_rows import households
from fieldwise_client.demo import complete_journey
from fieldwise_forecast.core.features import FeatureSet, Snapshot
from fieldwise_profile.core.event import SECOND
from fieldwise_profile.core.features import COLUMNS, FEATURE_SET_ID, FEATURE_SET_VERSION, features
from fieldwise_profile.core.fold import State

STEP: Final = timedelta(days=7)
# The first whole week of the data.
FIRST: Final = datetime(2017, 1, 9, tzinfo=UTC)
JOURNEY_COLUMNS: Final = FeatureSet(FEATURE_SET_ID, FEATURE_SET_VERSION, *zip(*COLUMNS, strict=True))


def journey_snapshots(every: int = 1) -> list[Snapshot]:
    """Snapshots a week apart up to the demo's clock, of every so-manieth household."""
    moments = []
    moment = complete_journey.CLOCK
    while moment >= FIRST:
        moments.append(moment)
        moment -= STEP
    moments.reverse()
    micros = [round(moment.timestamp()) * SECOND for moment in moments]
    names: list[list[str]] = [[] for _ in moments]
    values: list[list[list[float]]] = [[] for _ in moments]
    for number, (household, happenings) in enumerate(households(complete_journey.read(full=True))):
        if number % every:
            continue
        happenings.sort(key=lambda happening: happening.event_time)
        times = [happening.event_time for happening in happenings]
        state, done = State(), 0
        for place, until in enumerate(micros):
            visible = bisect_left(times, until)
            for happening in happenings[done:visible]:
                state.add(*happening)
            done = visible
            if done:
                names[place].append(f"customers/{household}")
                values[place].append(features(state, until))
    return [
        Snapshot(moment, tuple(own), np.array(rows))
        for moment, own, rows in zip(moments, names, values, strict=True)
    ]
