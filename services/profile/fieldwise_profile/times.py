"""Moments of the core on the wire; knows no clock."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise_profile.core.event import SECOND


def timestamp(moment: int) -> Timestamp:
    """Microseconds since 1970 as a Timestamp."""
    return Timestamp(seconds=moment // SECOND, nanos=moment % SECOND * 1000)
