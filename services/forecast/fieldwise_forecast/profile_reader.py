"""What forecast reads from profile: feature snapshots and weekly sales; the only caller of another service here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import grpc
import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import consent_pb2, profile_pb2, profile_service_pb2_grpc
from fieldwise.profile.v1 import profile_service_pb2 as pb
from fieldwise.type.v1 import features_pb2
from fieldwise_runtime.errors import FailedPrecondition, Unavailable, from_rpc_error

from .behaviour_reading import behaviour_of
from .core.features import FeatureSet, Floats, Snapshot
from .core.interest.behaviour import Behaviour, joined
from .core.series.weekly import WeeklySeries, series_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# Reading a year of a large company's events takes minutes; a peer that hangs must still be given up.
STREAM_SECONDS = 1800.0
# One customer takes milliseconds.
READ_SECONDS = 10.0


class ProfileReader:
    """Reads from a profile service through one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: profile_service_pb2_grpc.ProfileServiceAsyncStub = (
            profile_service_pb2_grpc.ProfileServiceStub(channel)
        )

    async def snapshots(self, cutoffs: Sequence[datetime]) -> tuple[FeatureSet, list[Snapshot]]:
        """Features of all customers at each cut-off, ascending.

        Raises:
            Unavailable: Reason PROFILE_UNAVAILABLE.
            FailedPrecondition: Reason NOT_ENOUGH_HISTORY, profile knows no customer at any cut-off.
        """
        request = pb.StreamFeaturesRequest(
            cutoffs=[timestamp(cutoff) for cutoff in cutoffs], purpose=consent_pb2.PURPOSE_TRAINING
        )
        columns: FeatureSet | None = None
        names: dict[datetime, list[str]] = {cutoff: [] for cutoff in cutoffs}
        values: dict[datetime, list[Floats]] = {cutoff: [] for cutoff in cutoffs}
        with profile_faults():
            async for part in self._stub.StreamFeatures(request, timeout=STREAM_SECONDS):
                if part.HasField("feature_set"):
                    columns = feature_set(part.feature_set)
                cutoff = part.cutoff.ToDatetime(UTC)
                names[cutoff].extend(part.names)
                values[cutoff].append(np.array(part.values, dtype=np.float64))
        if columns is None or not any(names.values()):
            message = "profile knows no customer before decision_time; ingest events first"
            raise FailedPrecondition("NOT_ENOUGH_HISTORY", message)
        width = len(columns.names)
        return columns, [snapshot(cutoff, names[cutoff], values[cutoff], width) for cutoff in cutoffs]

    async def weekly_sales(self, as_of: datetime) -> WeeklySeries:
        """Sales of every category in all whole weeks before ``as_of``.

        Raises:
            Unavailable: Reason PROFILE_UNAVAILABLE.
        """
        request = pb.StreamWeeklySalesRequest(as_of=timestamp(as_of), purpose=consent_pb2.PURPOSE_TRAINING)
        found: dict[str, tuple[datetime, Sequence[int]]] = {}
        with profile_faults():
            async for part in self._stub.StreamWeeklySales(request, timeout=STREAM_SECONDS):
                for series in part.series:
                    found[series.category] = (series.first_week.ToDatetime(UTC), series.amount_micros)
        return series_of(found)

    async def behaviour(
        self, as_of: datetime, start: datetime | None = None, names: Sequence[str] = (), most: int = 0
    ) -> Behaviour:
        """What customers did before ``as_of``, from ``start`` on when it is given: of all for training, of some for a decision.

        Args:
            most: Stop after this many rows, so that memory is bounded: the customers first by name are read whole. 0: all.

        Raises:
            Unavailable: Reason PROFILE_UNAVAILABLE.
        """
        request = pb.StreamBehaviourRequest(
            as_of=timestamp(as_of),
            start=None if start is None else timestamp(start),
            names=names,
            purpose=consent_pb2.PURPOSE_DECISION if names else consent_pb2.PURPOSE_TRAINING,
        )
        parts, rows = [], 0
        with profile_faults():
            stream = self._stub.StreamBehaviour(request, timeout=STREAM_SECONDS)
            async for part in stream:
                # A year of a company is millions of rows: other calls must not wait for them.
                parts.append(await asyncio.to_thread(behaviour_of, part))
                rows += len(parts[-1])
                if most and rows >= most:
                    stream.cancel()
                    break
        return await asyncio.to_thread(joined, parts)

    async def customer(self, name: str, as_of: datetime) -> profile_pb2.Profile:
        """All that is known of one customer, for a decision.

        Raises:
            NotFound: Reason CUSTOMER_NOT_FOUND.
            Unavailable: Reason PROFILE_UNAVAILABLE.
        """
        request = pb.GetProfileRequest(
            name=name,
            as_of=timestamp(as_of),
            purpose=consent_pb2.PURPOSE_DECISION,
            view=profile_pb2.PROFILE_VIEW_FULL,
        )
        with profile_faults():
            return await self._stub.GetProfile(request, timeout=READ_SECONDS)


def snapshot(cutoff: datetime, names: Sequence[str], parts: Sequence[Floats], width: int) -> Snapshot:
    values = np.concatenate(parts) if parts else np.empty(0)
    return Snapshot(cutoff, tuple(names), values.reshape(len(names), width))


def feature_set(message: features_pb2.FeatureSet) -> FeatureSet:
    return FeatureSet(
        id=message.id,
        version=message.version,
        names=tuple(column.name for column in message.columns),
        units=tuple(column.unit for column in message.columns),
        null_rules=tuple(column.null_rule for column in message.columns),
    )


def timestamp(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message


@contextmanager
def profile_faults() -> Iterator[None]:
    """Turn a failed call to profile into an error of ours."""
    try:
        yield
    except grpc.RpcError as error:
        fault = from_rpc_error(error)
        if fault.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            message = f"profile does not answer ({fault.message}); start it and send the request again"
            raise Unavailable("PROFILE_UNAVAILABLE", message) from error
        raise fault.as_error() from error
