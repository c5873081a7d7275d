"""Reports of effects, made in worker processes, and baselines to compare with; knows no statistics and no server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from opentelemetry import trace

from fieldwise.recommend.v1 import effect_pb2
from fieldwise.recommend.v1 import effect_service_pb2 as wire
from fieldwise_executor.executor import Executor
from fieldwise_recommend.amounts import unusable
from fieldwise_recommend.store.baselines import BaselineStore, Kept
from fieldwise_runtime.errors import AlreadyExists, InvalidRequest, Violation
from fieldwise_runtime.fingerprints import fingerprint
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

log = get_logger(__name__)

# A million decisions take well under a minute of processor time.
_REPORT_SECONDS: Final = 300.0
_SCOPE: Final = "baselines"
_DEFAULT, _MOST = 50, 1000


class Effects:
    """Reports and baselines.

    Args:
        url: Where a worker process finds the database.
        window_days: Days after a decision in which what he does counts.
    """

    def __init__(
        self, store: BaselineStore, executor: Executor, url: str, currency: str, window_days: int
    ) -> None:
        self._store = store
        self._executor = executor
        self._url = url
        self._currency = currency
        self._window_days = window_days

    async def report(self, request: wire.ReportEffectRequest) -> effect_pb2.EffectReport:
        """What the decisions of a period caused.

        Raises:
            NotFound: Reason BASELINE_NOT_FOUND.
            InvalidRequest: The period ends before it starts.
        """
        start, end = request.start_time, request.end_time
        if request.HasField("end_time") and start.ToMicroseconds() >= end.ToMicroseconds():
            shown = end.ToJsonString()
            raise InvalidRequest([Violation.of("end_time", shown, "give a time after start_time")])
        body = await self._executor.run(
            report_in_worker,
            self._url,
            request.SerializeToString(),
            self._window_days,
            timeout=_REPORT_SECONDS,
        )
        report = effect_pb2.EffectReport.FromString(body)
        trace.get_current_span().set_attribute("fieldwise.effect.decisions", report.decisions)
        log.info("effect reported", decisions=report.decisions, cpu_seconds=report.cpu_seconds)
        return report

    async def import_baseline(self, request: wire.ImportBaselineRequest) -> effect_pb2.Baseline:
        """Keeps a baseline, once.

        Raises:
            AlreadyExists: Reason BASELINE_EXISTS or REQUEST_ID_REUSED.
            InvalidRequest: Money in another currency, or negative; a customer of both groups.
        """
        faults = [
            fault
            for place, row in enumerate(request.rows)
            for fault in unusable(row.money, self._currency, f"rows[{place}].money")
        ]
        faults += _of_both_groups(request.rows)
        if faults:
            raise InvalidRequest(faults)
        made = effect_pb2.Baseline(
            name=f"baselines/{request.baseline_id}",
            display_name=request.display_name or request.baseline_id,
            customers=len({row.customer for row in request.rows}),
            rows=len(request.rows),
            import_time=request.decision_time,
        )
        kept = Kept(made.name, request.request_id, fingerprint(request), made.SerializeToString())
        found = await self._store.add(
            kept, [_line(made.name, place, row) for place, row in enumerate(request.rows)]
        )
        if found is None:
            log.info("baseline imported", baseline=made.name, rows=made.rows)
            return made
        if found.request_id != kept.request_id:
            raise AlreadyExists(made.name, "give another baseline_id", reason="BASELINE_EXISTS")
        if found.fingerprint != kept.fingerprint:
            remedy = "it was used with another body; give a new one"
            raise AlreadyExists(f"request_id {kept.request_id!r}", remedy, reason="REQUEST_ID_REUSED")
        return effect_pb2.Baseline.FromString(found.body)

    async def baselines(self, request: wire.ListBaselinesRequest) -> wire.ListBaselinesResponse:
        """Baselines by name."""
        size = clamp_page_size(request.page_size, _DEFAULT, _MOST)
        found = await self._store.after(cursor_of(request.page_token, _SCOPE), size + 1)
        token = page_token(found[size - 1].name, _SCOPE) if len(found) > size else ""
        listed = [effect_pb2.Baseline.FromString(each.body) for each in found[:size]]
        return wire.ListBaselinesResponse(baselines=listed, next_page_token=token)


def report_in_worker(url: str, body: bytes, window_days: int) -> bytes:
    """`effect_worker.report`; numpy is imported there and never by the process that decides."""
    from fieldwise_recommend.effect_worker import report

    return report(url, body, window_days)


def _of_both_groups(rows: Iterable[wire.BaselineRow]) -> list[Violation]:
    first: dict[str, bool] = {}
    remedy = "a customer belongs to one group in both periods: give all his rows the same, or leave him out"
    return [
        Violation.of(f"rows[{place}].comparison", row.comparison, remedy)
        for place, row in enumerate(rows)
        if first.setdefault(row.customer, row.comparison) != row.comparison
    ]


def _line(baseline: str, number: int, row: wire.BaselineRow) -> dict[str, object]:
    return {
        "baseline": baseline,
        "number": number,
        "customer": row.customer,
        "after": row.after,
        "comparison": row.comparison,
        "money": row.money.micros,
        "hours_to_decision": row.hours_to_decision if row.HasField("hours_to_decision") else None,
        "score": row.satisfaction if row.HasField("satisfaction") else None,
    }
