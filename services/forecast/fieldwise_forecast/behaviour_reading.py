"""Messages of profile's behaviour and profiles as values of ours; knows no channel."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from fieldwise.profile.v1 import profile_pb2
from fieldwise.profile.v1 import profile_service_pb2 as pb
from fieldwise_runtime.errors import FailedPrecondition

from .core.interest.behaviour import Behaviour
from .core.interest.interest_model import EPOCH
from .core.interest.products import Searched
from .core.interest.standing import Standing, Status, standing

STATUS = {
    profile_pb2.LIFECYCLE_STAGE_ACTIVE: Status.ACTIVE,
    profile_pb2.LIFECYCLE_STAGE_SILENT: Status.WAITING,
}


def behaviour_of(part: pb.StreamBehaviourResponse) -> Behaviour:
    return Behaviour(
        tuple(part.names),
        tuple(part.words),
        _whole(part.customer),
        _whole(part.time_micros),
        _whole(part.kind),
        _whole(part.category),
        _whole(part.product),
        _whole(part.dwell_ms),
        np.array(part.weight, dtype=np.float64),
    )


def standing_of(profile: profile_pb2.Profile) -> Standing:
    """Where he stands.

    Raises:
        FailedPrecondition: Reason CONSENT_WITHHELD.
    """
    if profile.withheld:
        message = f"{profile.name} has not consented to decisions about him; ask him, or leave him alone"
        raise FailedPrecondition("CONSENT_WITHHELD", message)
    numbers = {trait.name: trait.number for trait in profile.traits if trait.HasField("number")}
    status = STATUS.get(profile.stage, Status.NEW)
    return standing(status, numbers.get("waiting_probability"), numbers.get("lost_probability"))


def searched_in(profile: profile_pb2.Profile) -> list[Searched]:
    """Words he searched for; they are read for one answer and kept nowhere."""
    return [Searched(each.word, each.last_time.ToMicroseconds()) for each in profile.searched]


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _whole(values: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)
