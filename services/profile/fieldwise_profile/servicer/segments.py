"""The wire of SegmentService: segments and lifecycle; no rules of the trade, no SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from typing import Final

import grpc

from fieldwise.profile.v1 import profile_pb2, segment_service_pb2
from fieldwise.profile.v1.segment_service_pb2_grpc import SegmentServiceServicer
from fieldwise_profile.core.features import moment_of
from fieldwise_profile.core.lifecycle import STAGES, Cell, Matrix, Place
from fieldwise_profile.core.segments.behaviour import BEHAVIOUR
from fieldwise_profile.core.segments.fitting import COUNTS
from fieldwise_profile.core.segments.model import Segment, SegmentModel, Trial
from fieldwise_profile.core.segments.wording import words
from fieldwise_profile.lifecycles import PERIODS, Lifecycles
from fieldwise_profile.picturing import timestamp
from fieldwise_profile.segmenting import Segments, segment_name
from fieldwise_profile.store.fits import SegmentFit
from fieldwise_runtime.errors import InvalidRequest, NotFound, Violation
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

_PAGE: Final = 100

_Context = grpc.aio.ServicerContext[object, object]


class SegmentWire(SegmentServiceServicer):
    """fieldwise.profile.v1.SegmentService."""

    def __init__(self, segments: Segments, lifecycles: Lifecycles, currency: str) -> None:
        self._segments = segments
        self._lifecycles = lifecycles
        self._currency = currency

    async def FitSegments(
        self, request: segment_service_pb2.FitSegmentsRequest, context: _Context
    ) -> AsyncIterator[segment_service_pb2.FitSegmentsResponse]:
        _check_counts(request.counts)
        as_of = moment_of(request.as_of.seconds, request.as_of.nanos)
        customers = 0
        counts = tuple(sorted(request.counts)) or COUNTS
        # Closed when the caller goes away: what it holds must be let go at once.
        async with aclosing(self._segments.fit(as_of, counts, request.seed)) as fitting:
            async for step in fitting:
                answer = segment_service_pb2.FitSegmentsResponse(customers=customers)
                if isinstance(step, SegmentFit):
                    answer.fitted.CopyFrom(self._listed(step))
                elif isinstance(step, Trial):
                    answer.trial.CopyFrom(_trial(step, False))
                else:
                    answer.customers = customers = step
                yield answer

    async def ListSegments(
        self, request: segment_service_pb2.ListSegmentsRequest, context: _Context
    ) -> segment_service_pb2.ListSegmentsResponse:
        size = clamp_page_size(request.page_size, _PAGE, _PAGE)
        found = self._segments.latest
        scope = f"segments of fit {self._segments.version}"
        after = int(cursor_of(request.page_token, scope) or 0)
        if found is None:
            return segment_service_pb2.ListSegmentsResponse()
        listed = self._listed(found)
        rest = listed.segments[after:]
        del listed.segments[:]
        listed.segments.extend(rest[:size])
        if len(rest) > size:
            listed.next_page_token = page_token(str(after + size), scope)
        return listed

    async def FitLifecycle(
        self, request: segment_service_pb2.FitLifecycleRequest, context: _Context
    ) -> AsyncIterator[segment_service_pb2.FitLifecycleResponse]:
        as_of = moment_of(request.as_of.seconds, request.as_of.nanos)
        async with aclosing(self._lifecycles.fit(as_of, request.periods or PERIODS)) as counting:
            async for step in counting:
                if isinstance(step, Matrix):
                    report = _report(step)
                    yield segment_service_pb2.FitLifecycleResponse(customers=step.customers, report=report)
                else:
                    yield segment_service_pb2.FitLifecycleResponse(customers=step)

    async def GetLifecycle(
        self, request: segment_service_pb2.GetLifecycleRequest, context: _Context
    ) -> segment_service_pb2.LifecycleReport:
        if self._lifecycles.latest is None:
            raise NotFound("the lifecycle report", "call FitLifecycle first", reason="NO_LIFECYCLE_REPORT")
        return _report(self._lifecycles.latest)

    def _listed(self, fit: SegmentFit) -> segment_service_pb2.ListSegmentsResponse:
        model = fit.model
        return segment_service_pb2.ListSegmentsResponse(
            segments=[self._segment(model, each) for each in model.segments],
            static_segments=[
                segment_service_pb2.StaticSegment(name=name, size=size)
                for name, size in sorted(fit.statics.items())
            ],
            as_of=timestamp(model.as_of),
            version=model.version,
            trials=[_trial(each, each.count == len(model.segments)) for each in model.trials],
            customers=model.customers,
        )

    def _segment(self, model: SegmentModel, segment: Segment) -> segment_service_pb2.Segment:
        units = {each.measure.name: each.unit for each in BEHAVIOUR}
        return segment_service_pb2.Segment(
            name=segment_name(segment.id),
            label=words(segment.deviations, "en"),
            label_zh=words(segment.deviations, "zh"),
            size=segment.size,
            share=segment.size / model.customers,
            traits=[
                segment_service_pb2.SegmentTrait(measure=each.measure, deviations=each.deviations)
                for each in segment.deviations
            ],
            means=[
                segment_service_pb2.SegmentMean(measure=name, unit=self._unit(units.get(name, "")), mean=mean)
                for name, mean in zip(model.measures, segment.means, strict=True)
            ],
        )

    def _unit(self, unit: str) -> str:
        return self._currency if unit == "{currency}" else unit


def _check_counts(counts: Iterable[int]) -> None:
    given = list(counts)
    faults = [
        Violation.of(f"counts[{index}]", str(count), "give each number once")
        for index, count in enumerate(given)
        if count in given[:index]
    ]
    if faults:
        raise InvalidRequest(faults)


def _trial(trial: Trial, is_chosen: bool) -> segment_service_pb2.SegmentTrial:
    return segment_service_pb2.SegmentTrial(
        count=trial.count,
        silhouette=trial.silhouette,
        stability=trial.stability,
        smallest_share=trial.smallest_share,
        chosen=is_chosen,
    )


def _report(found: Matrix) -> segment_service_pb2.LifecycleReport:
    return segment_service_pb2.LifecycleReport(
        as_of=timestamp(found.as_of),
        periods=found.periods,
        customers=found.customers,
        transitions=[_transition(cell) for cell in found.cells],
        places=[_place(place, after) for place, after in found.places.items()],
    )


def _transition(cell: Cell) -> segment_service_pb2.StageTransition:
    return segment_service_pb2.StageTransition(
        before=profile_pb2.LifecycleStage.ValueType(cell.before),
        after=profile_pb2.LifecycleStage.ValueType(cell.after),
        count=cell.count,
        probability=cell.probability,
        low=cell.low,
        high=cell.high,
    )


def _place(place: Place, after: tuple[int, ...]) -> segment_service_pb2.PlaceTransitions:
    return segment_service_pb2.PlaceTransitions(
        stage=profile_pb2.LifecycleStage.ValueType(place.stage),
        part=place.part,
        after=[
            segment_service_pb2.StageCount(stage=profile_pb2.LifecycleStage.ValueType(stage), count=count)
            for stage, count in zip(STAGES, after, strict=True)
            if count
        ],
    )
