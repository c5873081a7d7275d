"""Naive rivals: features and portraits straight from a list of events, written without a look at the fold."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from fieldwise_profile.core.event import Happening

PURCHASE, MAILING, REDEMPTION = 1, 2, 3


def day_of(micros: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).date()


def naive_features(events: Sequence[Happening], moment: int) -> dict[str, float]:
    seen = [e for e in events if e.event_time < moment and e.known_at <= moment]
    bought = [e for e in seen if e.kind == PURCHASE]
    mailed = [e for e in seen if e.kind == MAILING]
    today = day_of(moment - 1)
    days = sorted({day_of(e.event_time) for e in bought})
    gaps = [(b - a).days for a, b in pairwise(days)]

    def recent(events: Sequence[Happening], window: int, skip: int = 0) -> list[Happening]:
        return [e for e in events if skip <= (today - day_of(e.event_time)).days < window]

    def spend(events: Sequence[Happening]) -> float:
        return sum(e.amount or 0 for e in events) / 1e6

    def since(events: Sequence[Happening], pick: object = max) -> float:
        return (moment - pick(e.event_time for e in events)) / 86_400e6 if events else math.nan  # type: ignore[operator]

    silence = max(14.0, _quantile(gaps, 0.9)) if len(days) >= 3 else math.nan
    newest, before = spend(recent(bought, 28)), spend(recent(bought, 56, 28))
    discount = sum(e.discount or 0 for e in bought) / 1e6
    windows = {(today - day).days // 28 for day in days}
    return {
        "days_since_purchase": since(bought),
        "days_since_first_purchase": since(bought, min),
        "purchase_days": len(days),
        **{
            f"purchase_days_{w}d": len({day_of(e.event_time) for e in recent(bought, w)})
            for w in (7, 14, 28, 56, 84)
        },
        "spend_total": spend(bought),
        "spend_28d": newest,
        "spend_84d": spend(recent(bought, 84)),
        "spend_per_purchase_day": spend(bought) / len(days) if days else math.nan,
        "spend_trend_28d": (newest - before) / (newest + before) if newest + before else math.nan,
        "gap_mean": statistics.fmean(gaps) if gaps else math.nan,
        "gap_median": statistics.median(gaps) if gaps else math.nan,
        "gap_std": statistics.pstdev(gaps) if len(days) >= 3 else math.nan,
        "gap_q90": _quantile(gaps, 0.9) if gaps else math.nan,
        "silence_after_days": silence,
        "silence_ratio": since(bought) / silence,
        "categories": len({e.category for e in bought}),
        "categories_56d": len({e.category for e in recent(bought, 56)}),
        "discount_share": discount / (spend(bought) + discount) if spend(bought) + discount else math.nan,
        "weekend_share": sum(day.weekday() >= 5 for day in days) / len(days) if days else math.nan,
        "spend_28d_when_active": spend(bought) / len(windows) if windows else math.nan,
        "active_28d_windows": len(windows),
        "mailings_84d": len(recent(mailed, 84)),
        "redemptions_84d": len(recent([e for e in seen if e.kind == REDEMPTION], 84)),
        "days_since_mailing": since(mailed),
    }


def _quantile(values: Sequence[int], share: float) -> float:
    return (
        statistics.quantiles(values, n=10, method="inclusive")[round(share * 10) - 1]
        if len(values) > 1
        else values[0]
    )
