"""What each call about effects asks for: the report, baselines to compare with. Knows no channel and no file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fieldwise.recommend.v1 import effect_pb2
from fieldwise.recommend.v1 import effect_service_pb2 as effects
from fieldwise_client.names import new_request_id, resource
from fieldwise_client.recommend_requests import of_recommend
from fieldwise_client.requests import timestamp

_OF = "EffectService"
REPORT = of_recommend(_OF, "ReportEffect", effect_pb2.EffectReport)
IMPORT_BASELINE = of_recommend(_OF, "ImportBaseline", effect_pb2.Baseline)
LIST_BASELINES = of_recommend(_OF, "ListBaselines", effects.ListBaselinesResponse)

# A million decisions are read and compared in a process of their own.
REPORT_SECONDS = 300.0


def report(
    start: datetime | None, end: datetime | None, action: str, rep: str, baseline: str, flagged_from: float
) -> effects.ReportEffectRequest:
    """What decisions of a period caused."""
    request = effects.ReportEffectRequest(
        action=resource("actions", action) if action else "",
        rep=resource("reps", rep) if rep else "",
        baseline=resource("baselines", baseline) if baseline else "",
        flagged_from=flagged_from,
    )
    if start is not None:
        request.start_time.CopyFrom(timestamp("start_time", start))
    if end is not None:
        request.end_time.CopyFrom(timestamp("end_time", end))
    return request


def import_baseline(
    baseline: str, rows: Iterable[effects.BaselineRow], display_name: str, request_id: str | None
) -> effects.ImportBaselineRequest:
    """Keep what an earlier practice achieved."""
    return effects.ImportBaselineRequest(
        request_id=request_id or new_request_id(),
        baseline_id=baseline.removeprefix("baselines/"),
        display_name=display_name,
        rows=rows,
    )
