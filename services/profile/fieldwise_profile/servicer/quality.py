"""The wire of QualityService; no rules of the trade, no SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc

from fieldwise.profile.v1 import profile_pb2, quality_service_pb2
from fieldwise.profile.v1.quality_service_pb2_grpc import QualityServiceServicer
from fieldwise_profile.core.accuracy.scoring import ALL, AttributeAccuracy, Score
from fieldwise_profile.core.features import moment_of
from fieldwise_profile.picturing import timestamp
from fieldwise_profile.replaying import CUSTOMERS, DAYS, Accuracy, Replaying
from fieldwise_profile.reviewing import Advice, Review, Reviewing
from fieldwise_profile.standings import CUSTOMERS as LEARNING_CUSTOMERS
from fieldwise_profile.standings import Standings

_Context = grpc.aio.ServicerContext[object, object]


class QualityWire(QualityServiceServicer):
    """fieldwise.profile.v1.QualityService."""

    def __init__(self, replaying: Replaying, reviewing: Reviewing, standings: Standings) -> None:
        self._replaying = replaying
        self._reviewing = reviewing
        self._standings = standings

    async def MeasureAccuracy(
        self, request: quality_service_pb2.MeasureAccuracyRequest, context: _Context
    ) -> AsyncIterator[quality_service_pb2.MeasureAccuracyResponse]:
        as_of = moment_of(request.as_of.seconds, request.as_of.nanos)
        days, customers = request.days or DAYS, request.customers or CUSTOMERS
        done = total = 0
        async with aclosing(self._replaying.measure(as_of, days, customers)) as measuring:
            async for step in measuring:
                if isinstance(step, Accuracy):
                    report = _report(step)
                    yield quality_service_pb2.MeasureAccuracyResponse(done=done, total=total, report=report)
                else:
                    done, total = step
                    yield quality_service_pb2.MeasureAccuracyResponse(done=done, total=total)

    async def ReviewRecords(
        self, request: quality_service_pb2.ReviewRecordsRequest, context: _Context
    ) -> quality_service_pb2.ReviewRecordsResponse:
        at = moment_of(request.decision_time.seconds, request.decision_time.nanos)
        reviews, not_found = await self._reviewing.review(list(request.names), request.purpose, at)
        return quality_service_pb2.ReviewRecordsResponse(
            reviews=[_review(each) for each in reviews], not_found=not_found
        )

    async def LearnRhythms(
        self, request: quality_service_pb2.LearnRhythmsRequest, context: _Context
    ) -> quality_service_pb2.LearnRhythmsResponse:
        as_of = moment_of(request.as_of.seconds, request.as_of.nanos)
        found = await self._standings.learn(as_of, request.customers or LEARNING_CUSTOMERS)
        return quality_service_pb2.LearnRhythmsResponse(
            version=found.version,
            customers=found.customers,
            lost_share=found.params.lost_share,
            pause_share=found.params.pause_share,
            pause_gaps=found.params.pause_gaps,
            lost_signs=found.params.lost_signs,
        )


def _review(found: Review) -> quality_service_pb2.RecordReview:
    return quality_service_pb2.RecordReview(
        name=found.name,
        records=found.records,
        suggestions=[_suggestion(each) for each in found.advice],
        fields=[profile_pb2.FieldQuality(**each._asdict()) for each in found.fields],
        completeness=found.completeness,
    )


def _suggestion(advice: Advice) -> quality_service_pb2.FieldSuggestion:
    record, suggestion = advice.record, advice.suggestion
    return quality_service_pb2.FieldSuggestion(
        customer=record.customer,
        source=record.source,
        event_id=record.event_id,
        field=suggestion.field,
        reason=suggestion.reason,
        confidence=suggestion.confidence,
        stated=suggestion.stated,
        suggested=suggestion.suggested,
    )


def _report(found: Accuracy) -> quality_service_pb2.AccuracyReport:
    each = {attribute.name: _attribute(attribute) for attribute in found.attributes}
    return quality_service_pb2.AccuracyReport(
        as_of=timestamp(found.as_of),
        days=found.days,
        customers=found.customers,
        all=each.pop(ALL),
        attributes=each.values(),
    )


def _attribute(found: AttributeAccuracy) -> quality_service_pb2.AttributeAccuracy:
    return quality_service_pb2.AttributeAccuracy(
        name=found.name,
        overall=_score(found.overall),
        changed=_score(found.changed),
        alarm=found.is_alarm,
    )


def _score(score: Score) -> quality_service_pb2.AccuracyScore:
    return quality_service_pb2.AccuracyScore(
        count=score.count, share=score.share, low=score.low, high=score.high, last_value_stays=score.stays
    )
