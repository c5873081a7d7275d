"""measure-results: what customers did in the window after each decision, from profile to recommend. Knows no report.

The money of a window is the difference of a customer's totals at its two ends, each of the events known by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise.profile.v1 import consent_pb2
from fieldwise.profile.v1 import profile_service_pb2 as profile_pb
from fieldwise.recommend.v1 import result_pb2
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_gateway.backends import Backends

_PAGE: Final = 5_000
# Cut-offs that profile takes at once, shared by the moments of a decision: it, 7, 14 days and the window's end.
_MOMENTS: Final = 60 // 4
_READ_SECONDS: Final = 600.0
_MILLION: Final = 1_000_000

# Columns of a customer at a cut-off, by name.
Row = dict[str, float]
_READ: Final = ("spend_total", "spend_84d", "purchase_days", "days_since_purchase", "silence_after_days")


async def measure_results(backends: Backends, now: datetime) -> tuple[str, list[str]]:
    """Measures every decision whose window has closed; says in one sentence how many.

    Raises:
        RpcError: A service did not answer; what was recorded by then stays.
    """
    recorded = unknown = 0
    token = ""
    while True:
        asked = result_pb2.ListDueResultsRequest(page_size=_PAGE, page_token=token)
        asked.decision_time.FromDatetime(now)
        page = await backends.recommend.ListDueResults(asked)
        for part in _by_moment(page.due):
            results = await _measured(backends, part, page.window_days)
            answer = await backends.recommend.RecordResults(result_pb2.RecordResultsRequest(results=results))
            recorded += answer.recorded
            unknown += sum(not each.HasField("measured") for each in results)
        token = page.next_page_token
        if not token:
            return f"measured {recorded - unknown} decisions; of {unknown} nothing can be known", []


def _by_moment(due: Sequence[result_pb2.DueResult]) -> Iterator[list[result_pb2.DueResult]]:
    """Parts with so few moments that profile takes the cut-offs of each in one call."""
    part: list[result_pb2.DueResult] = []
    moments: set[int] = set()
    for each in due:
        moment = each.decision_time.ToMicroseconds()
        if moment not in moments and len(moments) == _MOMENTS:
            yield part
            part, moments = [], set()
        moments.add(moment)
        part.append(each)
    if part:
        yield part


async def _measured(
    backends: Backends, due: Sequence[result_pb2.DueResult], window_days: int
) -> list[result_pb2.DecisionResult]:
    days = sorted({0, 7, 14, window_days})
    cutoffs = {_time(each) + timedelta(days=day) for each in due for day in days}
    seen, currency = await _features(backends, sorted(cutoffs), sorted({each.customer for each in due}))
    return [_result(each, seen, window_days, currency) for each in due]


async def _features(
    backends: Backends, cutoffs: Sequence[datetime], names: Sequence[str]
) -> tuple[dict[tuple[datetime, str], Row], str]:
    """What the columns of `_READ` say of each customer at each cut-off, and the currency of their money."""
    asked = profile_pb.StreamFeaturesRequest(
        cutoffs=[_stamp(cutoff) for cutoff in cutoffs],
        names=names,
        purpose=consent_pb2.PURPOSE_REPORTING,
    )
    found: dict[tuple[datetime, str], Row] = {}
    places: dict[str, int] = {}
    width, currency = 0, ""
    async for part in backends.profile.StreamFeatures(asked, timeout=_READ_SECONDS):
        if part.HasField("feature_set"):
            columns = {
                column.name: (place, column.unit) for place, column in enumerate(part.feature_set.columns)
            }
            places = {name: columns[name][0] for name in _READ}
            width, currency = len(columns), columns["spend_total"][1]
        cutoff = part.cutoff.ToDatetime(tzinfo=UTC)
        for number, name in enumerate(part.names):
            start = number * width
            found[cutoff, name] = {column: part.values[start + place] for column, place in places.items()}
    return found, currency


def _result(
    due: result_pb2.DueResult, seen: dict[tuple[datetime, str], Row], window_days: int, currency: str
) -> result_pb2.DecisionResult:
    time = _time(due)
    result = result_pb2.DecisionResult(decision=due.decision, decision_time=due.decision_time)
    end = seen.get((time + timedelta(days=window_days), due.customer))
    if end is None:
        return result
    # A stranger at the decision, who came later, has no row there.
    start = seen.get((time, due.customer))
    told = result.measured
    told.money.CopyFrom(_money(end["spend_total"] - (start["spend_total"] if start else 0.0), currency))
    told.money_before.CopyFrom(_money(start["spend_84d"] if start else 0.0, currency))
    told.purchase_days = max(0, round(end["purchase_days"] - (start["purchase_days"] if start else 0.0)))
    for name, days in (("bought_in_7_days", 7), ("bought_in_14_days", 14), ("bought", window_days)):
        setattr(told, name, _bought(seen.get((time + timedelta(days=days), due.customer)), days))
    if start is not None:
        told.had_bought = start["purchase_days"] > 0
        told.was_silent = start["days_since_purchase"] > start["silence_after_days"]
        told.silent = end["days_since_purchase"] > start["silence_after_days"]
    return result


def _bought(row: Row | None, days: int) -> bool:
    """Whether the last purchase lies within so many days before the cut-off; who never bought has NaN there."""
    return row is not None and not isnan(row["days_since_purchase"]) and row["days_since_purchase"] <= days


def _money(amount: float, currency: str) -> Money:
    return Money(currency_code=currency, micros=max(0, round(amount * _MILLION)))


def _time(due: result_pb2.DueResult) -> datetime:
    return due.decision_time.ToDatetime(tzinfo=UTC)


def _stamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
