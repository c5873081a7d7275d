"""A report of effects inside a worker process: reads the database, computes, and gives the message; knows no server."""

from __future__ import annotations

import time
from typing import Final

import numpy as np
import sqlalchemy as sa

from fieldwise.recommend.v1 import effect_service_pb2 as wire
from fieldwise_recommend.core.effect.practice import Practice
from fieldwise_recommend.core.effect.report import FLAGGED_FROM, report_of
from fieldwise_recommend.core.experience import Experience
from fieldwise_recommend.effect_message import message_of
from fieldwise_recommend.experience_reading import connected, read_experience, through
from fieldwise_recommend.store import baselines as store_baselines
from fieldwise_runtime.errors import NotFound

_MILLION: Final = 1_000_000.0


def report(url: str, body: bytes, window_days: int) -> bytes:
    """EffectReport of a ReportEffectRequest.

    Raises:
        NotFound: Reason BASELINE_NOT_FOUND.
    """
    begun = time.process_time()
    request = wire.ReportEffectRequest.FromString(body)
    with connected(url) as connection:
        start = request.start_time.ToMicroseconds()
        is_ended = request.HasField("end_time")
        end = request.end_time.ToMicroseconds() if is_ended else through(request.decision_time)
        experience = read_experience(connection, start, end, facts=False)
        practice = _practice(connection, request.baseline) if request.baseline else None
    found = report_of(
        _of_rep(experience, request.rep),
        window_days,
        campaign=request.action,
        practice=practice,
        flagged_from=request.flagged_from or FLAGGED_FROM,
    )
    message = message_of(found, window_days)
    message.cpu_seconds = time.process_time() - begun
    return message.SerializeToString()


def _of_rep(experience: Experience, rep: str) -> Experience:
    if not rep:
        return experience
    codes = [code for code, name in enumerate(experience.reps) if name == rep]
    return experience.at(np.isin(experience.rep, codes))


def _practice(connection: sa.Connection, name: str) -> Practice:
    lines = store_baselines.lines_of(connection, name)
    if not lines:
        raise NotFound(name, "take a name from ListBaselines", reason="BASELINE_NOT_FOUND")
    return Practice(
        name,
        [line.customer for line in lines],
        np.array([line.after for line in lines], dtype=np.bool_),
        np.array([line.comparison for line in lines], dtype=np.bool_),
        np.array([line.money / _MILLION for line in lines]),
        np.array([line.hours_to_decision for line in lines], dtype=np.float64),
        np.array([line.score for line in lines], dtype=np.float64),
    )
