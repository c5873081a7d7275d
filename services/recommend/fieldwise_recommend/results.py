"""Results of decisions: which can be measured by now, and what was measured; knows no statistics and no server."""

from __future__ import annotations

from typing import Final

from fieldwise.recommend.v1.result_pb2 import (
    DecisionResult,
    ListDueResultsRequest,
    ListDueResultsResponse,
    Measured,
    RecordResultsRequest,
    RecordResultsResponse,
)
from fieldwise_recommend.amounts import unusable
from fieldwise_recommend.core.choices import FACT_NAMES, FACT_SET
from fieldwise_recommend.core.results import bits_of
from fieldwise_recommend.store.experience import ExperienceStore, ResultRow
from fieldwise_runtime.errors import InvalidRequest
from fieldwise_runtime.paging import clamp_page_size, cursor_of, page_token

_DAY: Final = 86_400_000_000
_SCOPE: Final = "due results"
_DEFAULT, _MOST = 1_000, 10_000


class Results:
    """What customers did after decisions.

    Args:
        window_days: Days after a decision in which what he does counts.
    """

    def __init__(self, store: ExperienceStore, currency: str, window_days: int) -> None:
        self._store = store
        self._currency = currency
        self._window_days = window_days

    async def open(self) -> None:
        """Keeps the names of the facts that rows of this program have."""
        await self._store.keep_fact_set(FACT_SET, FACT_NAMES)

    async def due(self, request: ListDueResultsRequest) -> ListDueResultsResponse:
        """Decisions whose window has closed and whose results are not known, by time.

        Raises:
            InvalidRequest: A page token or size that cannot be.
        """
        size = clamp_page_size(request.page_size, _DEFAULT, _MOST)
        time, _, name = cursor_of(request.page_token, _SCOPE).partition(" ")
        until = request.decision_time.ToMicroseconds() - self._window_days * _DAY
        found = await self._store.due(until, (int(time or 0), name), size + 1)
        answer = ListDueResultsResponse(window_days=self._window_days)
        for row in found[:size]:
            due = answer.due.add(decision=row.decision, customer=row.customer)
            due.decision_time.FromMicroseconds(row.decision_time)
        if len(found) > size:
            last = found[size - 1]
            answer.next_page_token = page_token(f"{last.decision_time} {last.decision}", _SCOPE)
        return answer

    async def record(self, request: RecordResultsRequest) -> RecordResultsResponse:
        """Keeps results; the first word about a decision stands.

        Raises:
            InvalidRequest: Amounts in another currency, or negative ones.
        """
        faults = [
            fault
            for place, each in enumerate(request.results)
            for name in ("money", "money_before")
            for fault in unusable(
                getattr(each.measured, name), self._currency, f"results[{place}].measured.{name}"
            )
        ]
        if faults:
            raise InvalidRequest(faults)
        new = await self._store.add_results([_row(each) for each in request.results])
        return RecordResultsResponse(recorded=new, duplicates=len(request.results) - new)


def _row(result: DecisionResult) -> ResultRow:
    time = result.decision_time.ToMicroseconds()
    if not result.HasField("measured"):
        return ResultRow(time, result.decision, None, None, None, 0)
    told = result.measured
    return ResultRow(
        time, result.decision, told.money.micros, told.money_before.micros, told.purchase_days, _bits(told)
    )


def _bits(told: Measured) -> int:
    return bits_of(
        bought=told.bought,
        bought_7=told.bought_in_7_days,
        bought_14=told.bought_in_14_days,
        had_bought=told.had_bought,
        silent=told.silent,
        was_silent=told.was_silent,
    )
