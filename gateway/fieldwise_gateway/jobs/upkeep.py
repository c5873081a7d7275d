"""Jobs that profile does over all customers: segments, lifecycle, accuracy, identities, tags, retention. Knows no schedule.

Each asks profile and tells in one sentence what came of it. Profile streams its progress and ends when this side does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import identity_service_pb2 as identity_pb
from fieldwise.profile.v1 import identity_service_pb2_grpc as identity_grpc
from fieldwise.profile.v1 import privacy_service_pb2 as privacy_pb
from fieldwise.profile.v1 import quality_service_pb2 as quality_pb
from fieldwise.profile.v1 import quality_service_pb2_grpc as quality_grpc
from fieldwise.profile.v1 import segment_service_pb2 as segment_pb
from fieldwise.profile.v1 import segment_service_pb2_grpc as segment_grpc
from fieldwise.profile.v1 import tag_service_pb2 as tag_pb
from fieldwise.profile.v1 import tag_service_pb2_grpc as tag_grpc
from fieldwise_gateway.backends import Backends
from fieldwise_gateway.erasing import Erasing
from fieldwise_gateway.pseudonyms import Pseudonyms

# Retention goes over all events of a kind.
_RETENTION_SECONDS: Final = 600.0

Told = tuple[str, list[str]]


async def fit_segments(backends: Backends, now: datetime) -> Told:
    """Segments fitted anew."""
    stub = segment_grpc.SegmentServiceStub(backends.profile_channel)
    last = await _last(stub.FitSegments(segment_pb.FitSegmentsRequest(as_of=_stamp(now))))
    fitted = last.fitted
    names = [segment.name for segment in fitted.segments]
    return f"fitted {len(names)} segments to {fitted.customers} customers", names


async def fit_lifecycle(backends: Backends, now: datetime) -> Told:
    """Moves between lifecycle stages counted anew."""
    stub = segment_grpc.SegmentServiceStub(backends.profile_channel)
    last = await _last(stub.FitLifecycle(segment_pb.FitLifecycleRequest(as_of=_stamp(now))))
    return f"counted {last.report.periods} periods of {last.report.customers} customers", []


async def measure_accuracy(backends: Backends, now: datetime) -> Told:
    """How right profiles are, and which attributes are too often wrong."""
    stub = quality_grpc.QualityServiceStub(backends.profile_channel)
    last = await _last(stub.MeasureAccuracy(quality_pb.MeasureAccuracyRequest(as_of=_stamp(now))))
    report = last.report
    alarms = [each.name for each in report.attributes if each.alarm]
    told = f"{report.all.overall.share:.1%} of the attributes of {report.customers} customers are right"
    return f"{told}; under 85 %: {', '.join(alarms)}" if alarms else told, []


async def resolve_identities(backends: Backends, now: datetime) -> Told:
    """All records compared with each other."""
    stub = identity_grpc.IdentityServiceStub(backends.profile_channel)
    last = await _last(
        stub.ResolveIdentities(identity_pb.ResolveIdentitiesRequest(decision_time=_stamp(now)))
    )
    return f"compared {last.records} records: linked {last.linked} pairs, queued {last.queued}", []


async def report_tags(backends: Backends, now: datetime) -> Told:
    """What each tag is worth for foreseeing who falls silent; a tag that adds nothing is proposed to be retired, by a person."""
    stub = tag_grpc.TagServiceStub(backends.profile_channel)
    asked = tag_pb.EvaluateTagsRequest(target=tag_pb.TAG_TARGET_SILENT_28D, as_of=_stamp(now), propose=True)
    report = (await _last(stub.EvaluateTags(asked))).report
    told = (
        f"weighed {len(report.tags)} tags: {report.knee} kept, {len(report.proposals)} proposed to be retired"
    )
    return told, [report.name]


async def apply_retention(backends: Backends, now: datetime) -> Told:
    """What was kept long enough is deleted."""
    answer = await backends.privacy.ApplyRetention(
        privacy_pb.ApplyRetentionRequest(decision_time=_stamp(now)), timeout=_RETENTION_SECONDS
    )
    removed = ", ".join(f"{kind} {count}" for kind, count in sorted(answer.removed.items()) if count)
    return f"removed what was kept long enough: {removed or 'nothing'}", []


async def finish_erasures(backends: Backends, now: datetime, pseudonyms: Pseudonyms | None = None) -> Told:
    """Erasures that lack a place are finished there."""
    erasing = Erasing(backends, lambda: now, pseudonyms=pseudonyms)
    return f"finished {await erasing.finish_all()} erasures", []


async def _last(stream: Any) -> Any:
    """The last message of a stream, which holds the result."""
    last: Any = None
    async for message in stream:
        last = message
    return last


def _stamp(now: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(now)
    return stamp
