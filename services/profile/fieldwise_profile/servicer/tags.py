"""The wire of TagService; no rules of the trade, no SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import consent_pb2, tag_service_pb2
from fieldwise.profile.v1.tag_service_pb2_grpc import TagServiceServicer
from fieldwise_profile.core.features import moment_of
from fieldwise_profile.core.purposes import Purpose
from fieldwise_profile.core.tags.fields import FIELDS
from fieldwise_profile.core.tags.tag import Tag, TagState
from fieldwise_profile.core.tags.worth import Point, TagReport, Target, Worth
from fieldwise_profile.showing import Look
from fieldwise_profile.tag_reading import MOST_LOOKED_AT, Said, TagReading
from fieldwise_profile.tag_reports import TagReports
from fieldwise_profile.tag_worth import CUSTOMERS, CUTOFFS, Question, Step, TagWorth
from fieldwise_profile.tagging import Tags
from fieldwise_profile.times import timestamp
from fieldwise_rules.compiler import Rule, compiled
from fieldwise_rules.faults import RuleRefused
from fieldwise_runtime.errors import InvalidRequest, Violation
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

_Context = grpc.aio.ServicerContext[object, object]

_PAGE: Final = 100
_LARGEST_PAGE: Final = 1_000
_CUSTOMERS_PAGE: Final = 1_000
_REPORTS_PAGE: Final = 20
_MOST_REPORTS: Final = 100
_CHANGEABLE: Final = ("expression", "description", "purposes")
_FEWEST_CUTOFFS: Final = 2


class TagWire(TagServiceServicer):
    """fieldwise.profile.v1.TagService."""

    def __init__(self, tags: Tags, reading: TagReading, worth: TagWorth, reports: TagReports) -> None:
        self._tags = tags
        self._reading = reading
        self._worth = worth
        self._reports = reports

    async def CreateTag(
        self, request: tag_service_pb2.CreateTagRequest, context: _Context
    ) -> tag_service_pb2.Tag:
        now, sent = _moment(request.decision_time), request.tag
        tag = Tag(
            name=f"tags/{request.tag_id}",
            expression=sent.expression,
            description=sent.description,
            purposes=_purposes(sent.purposes),
            state=TagState.ACTIVE,
            version=1,
            created_at=now,
            changed_at=now,
        )
        return _tag(await self._tags.create(tag))

    async def GetTag(self, request: tag_service_pb2.GetTagRequest, context: _Context) -> tag_service_pb2.Tag:
        return _tag(await self._tags.one(request.name))

    async def ListTags(
        self, request: tag_service_pb2.ListTagsRequest, context: _Context
    ) -> tag_service_pb2.ListTagsResponse:
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        scope = f"tags {request.show_retired}"
        after = cursor_of(request.page_token, scope)
        listed = [
            tag for tag in await self._tags.every(with_retired=request.show_retired) if tag.name > after
        ]
        token = page_token(listed[size - 1].name, scope) if len(listed) > size else ""
        return tag_service_pb2.ListTagsResponse(
            tags=[_tag(tag) for tag in listed[:size]], next_page_token=token
        )

    async def ListTagVersions(
        self, request: tag_service_pb2.ListTagVersionsRequest, context: _Context
    ) -> tag_service_pb2.ListTagVersionsResponse:
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        scope = f"versions {request.name}"
        below = int(cursor_of(request.page_token, scope) or 0)
        listed = await self._tags.versions(request.name, below, size + 1)
        token = page_token(str(listed[size - 1].version), scope) if len(listed) > size else ""
        return tag_service_pb2.ListTagVersionsResponse(
            versions=[_tag(tag) for tag in listed[:size]], next_page_token=token
        )

    async def UpdateTag(
        self, request: tag_service_pb2.UpdateTagRequest, context: _Context
    ) -> tag_service_pb2.Tag:
        sent = request.tag
        if not sent.name:
            raise InvalidRequest([Violation("tag.name", "nothing", "give the name, as tags/loyal")])
        wanted = _wanted(request)
        changed = await self._tags.update(
            sent.name,
            sent.version,
            _moment(request.decision_time),
            request.note,
            expression=sent.expression if "expression" in wanted else None,
            description=sent.description if "description" in wanted else None,
            purposes=_purposes(sent.purposes) if "purposes" in wanted else None,
        )
        return _tag(changed)

    async def RetireTag(
        self, request: tag_service_pb2.RetireTagRequest, context: _Context
    ) -> tag_service_pb2.Tag:
        return _tag(await self._tags.retire(request.name, _moment(request.decision_time), request.note))

    async def RestoreTag(
        self, request: tag_service_pb2.RestoreTagRequest, context: _Context
    ) -> tag_service_pb2.Tag:
        now = _moment(request.decision_time)
        return _tag(await self._tags.restore(request.name, request.version, now, request.note))

    async def TestTag(
        self, request: tag_service_pb2.TestTagRequest, context: _Context
    ) -> tag_service_pb2.TestTagResponse:
        look = Look(_moment(request.as_of), request.purpose)
        rule, said = await self._reading.tried(
            request.expression, request.customers, dict(request.scores), look
        )
        return tag_service_pb2.TestTagResponse(
            verdicts=[_verdict(each) for each in said], fields=_fields(rule), steps=rule.cost
        )

    async def ListTaggedCustomers(
        self, request: tag_service_pb2.ListTaggedCustomersRequest, context: _Context
    ) -> tag_service_pb2.ListTaggedCustomersResponse:
        size = clamp_page_size(request.page_size, _CUSTOMERS_PAGE, MOST_LOOKED_AT)
        scope = f"tagged {request.name} {request.purpose}"
        after = cursor_of(request.page_token, scope)
        look = Look(_moment(request.as_of), request.purpose)
        page = await self._reading.holders(request.name, look, after, size)
        return tag_service_pb2.ListTaggedCustomersResponse(
            customers=page.customers,
            next_page_token=page_token(page.last, scope) if page.last else "",
            looked_at=page.looked_at,
        )

    async def TagCustomers(
        self, request: tag_service_pb2.TagCustomersRequest, context: _Context
    ) -> tag_service_pb2.TagCustomersResponse:
        scores = {each.customer: dict(each.scores) for each in request.customers}
        if len(scores) < len(request.customers):
            raise InvalidRequest([Violation("customers", "a customer twice", "give each customer once")])
        found = await self._reading.tagged(scores, Look(_moment(request.as_of), request.purpose))
        return tag_service_pb2.TagCustomersResponse(
            customers=[tag_service_pb2.TaggedCustomer(customer=name, tags=tags) for name, tags in found]
        )

    async def ListTagFields(
        self, request: tag_service_pb2.ListTagFieldsRequest, context: _Context
    ) -> tag_service_pb2.ListTagFieldsResponse:
        size = clamp_page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        start = int(cursor_of(request.page_token, "tag fields") or 0)
        token = page_token(str(start + size), "tag fields") if start + size < len(FIELDS.listed) else ""
        return tag_service_pb2.ListTagFieldsResponse(
            fields=[
                tag_service_pb2.TagField(
                    path=field.path, type=str(field.kind), meaning=field.meaning, optional=field.optional
                )
                for field in FIELDS.listed[start : start + size]
            ],
            next_page_token=token,
        )

    async def EvaluateTags(
        self, request: tag_service_pb2.EvaluateTagsRequest, context: _Context
    ) -> AsyncIterator[tag_service_pb2.EvaluateTagsResponse]:
        cutoffs = request.cutoffs or CUTOFFS
        if cutoffs < _FEWEST_CUTOFFS:
            raise InvalidRequest([Violation.of("cutoffs", cutoffs, "give 2 to 24, or 0 for 8")])
        question = Question(
            Target(request.target),
            _moment(request.as_of),
            cutoffs,
            request.customers or CUSTOMERS,
            request.propose,
            request.seed,
        )
        async for step in self._worth.measure(question):
            if isinstance(step, Step):
                yield tag_service_pb2.EvaluateTagsResponse(step=step.what, done=step.done, total=step.total)
            else:
                yield tag_service_pb2.EvaluateTagsResponse(step="worth", report=_report(*step))

    async def GetTagReport(
        self, request: tag_service_pb2.GetTagReportRequest, context: _Context
    ) -> tag_service_pb2.TagReport:
        number = request.name.removeprefix("tagReports/")
        return _report(*await self._reports.one(0 if number == "latest" else int(number)))

    async def ListTagReports(
        self, request: tag_service_pb2.ListTagReportsRequest, context: _Context
    ) -> tag_service_pb2.ListTagReportsResponse:
        size = clamp_page_size(request.page_size, _REPORTS_PAGE, _MOST_REPORTS)
        below = int(cursor_of(request.page_token, "tag reports") or 0)
        listed = await self._reports.several(below, size + 1)
        token = page_token(str(listed[size - 1][0]), "tag reports") if len(listed) > size else ""
        shown = [_report(*each) for each in listed[:size]]
        for report in shown:
            for field in ("curve", "tags", "overlaps"):
                report.ClearField(field)
        return tag_service_pb2.ListTagReportsResponse(reports=shown, next_page_token=token)


def _moment(time: Timestamp) -> int:
    return moment_of(time.seconds, time.nanos)


def _purposes(sent: Sequence[consent_pb2.Purpose.ValueType]) -> tuple[Purpose, ...]:
    if 0 in sent:
        raise InvalidRequest([Violation("tag.purposes", "PURPOSE_UNSPECIFIED", "name a purpose")])
    return tuple(sorted({Purpose(each) for each in sent}))


def _wanted(request: tag_service_pb2.UpdateTagRequest) -> list[str]:
    paths = list(request.update_mask.paths)
    unknown = [path for path in paths if path not in _CHANGEABLE]
    if unknown:
        remedy = f"give some of {', '.join(_CHANGEABLE)}"
        raise InvalidRequest([Violation.of("update_mask", unknown, remedy)])
    return paths or [name for name in _CHANGEABLE if getattr(request.tag, name)]


def _tag(tag: Tag) -> tag_service_pb2.Tag:
    told = tag_service_pb2.Tag(
        name=tag.name,
        expression=tag.expression,
        description=tag.description,
        purposes=[consent_pb2.Purpose.ValueType(each) for each in tag.purposes],
        state=tag_service_pb2.TagState.ValueType(tag.state),
        version=tag.version,
        create_time=timestamp(tag.created_at),
        update_time=timestamp(tag.changed_at),
        note=tag.note,
    )
    try:
        rule = compiled(tag.expression, FIELDS)
    except RuleRefused:
        # An old version may read a field that has gone: it is still shown.
        return told
    told.fields.extend(_fields(rule))
    told.steps = rule.cost
    return told


def _fields(rule: Rule) -> list[str]:
    return sorted(FIELDS.listed[place].path for place in rule.reads)


def _verdict(said: Said) -> tag_service_pb2.TagVerdict:
    return tag_service_pb2.TagVerdict(
        customer=said.customer,
        holds=said.verdict is True,
        no_value=said.verdict is None,
        missing=said.missing,
        reason=said.reason,
    )


def _report(number: int, report: TagReport) -> tag_service_pb2.TagReport:
    return tag_service_pb2.TagReport(
        name=f"tagReports/{number}",
        target=tag_service_pb2.TagTarget.ValueType(report.target),
        as_of=timestamp(report.as_of),
        training_rows=report.training_rows,
        test_rows=report.test_rows,
        base_rate=report.base_rate,
        all_auc=report.all_auc,
        all_log_loss=report.all_log_loss,
        kept_auc=report.kept_auc,
        kept_log_loss=report.kept_log_loss,
        kept=report.kept,
        knee=report.knee,
        curve=[_point(point) for point in report.curve],
        tags=[_worth(worth) for worth in report.tags],
        overlaps=[tag_service_pb2.TagOverlap(**each._asdict()) for each in report.overlaps],
        proposals=[tag_service_pb2.TagProposal(**each._asdict()) for each in report.proposals],
    )


def _point(point: Point) -> tag_service_pb2.TagCurvePoint:
    return tag_service_pb2.TagCurvePoint(
        count=point.tags, tag=point.tag, auc=point.auc, log_loss=point.log_loss
    )


def _worth(worth: Worth) -> tag_service_pb2.TagWorth:
    return tag_service_pb2.TagWorth(
        tag=worth.tag,
        share=worth.share,
        alone_auc=worth.alone_auc,
        auc_worth=worth.auc.value,
        auc_worth_low=worth.auc.low,
        auc_worth_high=worth.auc.high,
        log_loss_worth=worth.log_loss.value,
        log_loss_worth_low=worth.log_loss.low,
        log_loss_worth_high=worth.log_loss.high,
        kept=worth.kept,
    )
