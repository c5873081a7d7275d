"""Naive rivals: what a profile says, straight from a list of events.

Features were written without a look at the fold. The rest shares no code with it but follows its stated rules, also for ties.
"""

from __future__ import annotations

import json
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
    running = (today - days[-1]).days + 1 if days else 0
    as_long = [gap for gap in gaps if gap >= running]
    browsed = naive_reasons(seen)

    def weighed(kind: int, window: int) -> float:
        near = [(e, reason) for e, reason in browsed if e.kind == kind and recent([e], window)]
        return sum(WEIGHT_OF[reason] for _, reason in near)

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
        "purchase_days_faded_30d": sum(
            0.5 ** (age / 30) for age in ((today - d).days for d in days) if age < 360
        ),
        "purchase_weeks_12w": len({(today - day).days // 7 for day in days if (today - day).days < 84}),
        "active_28d_share": len(windows) / ((today - days[0]).days // 28 + 1) if days else math.nan,
        "gap_recent_mean": statistics.fmean(gaps[-3:]) if gaps else math.nan,
        "gap_longest": max(gaps) if gaps else math.nan,
        "gaps_as_long_share": (len(as_long) + 1) / (len(gaps) + 2) if gaps else math.nan,
        "gaps_ending_28d_share": (
            (sum(gap < running + 28 for gap in as_long) + 1) / (len(as_long) + 2) if gaps else math.nan
        ),
        "spend_14d": spend(recent(bought, 14)),
        "spend_last_day": spend([e for e in bought if day_of(e.event_time) == days[-1]])
        if days
        else math.nan,
        "mailings_28d": len(recent(mailed, 28)),
        "redemptions_28d": len(recent([e for e in seen if e.kind == REDEMPTION], 28)),
        "views_7d": weighed(VIEW, 7),
        "views_28d": weighed(VIEW, 28),
        "clicks_28d": weighed(CLICK, 28),
        "searches_28d": weighed(SEARCH, 28),
        "dwell_28d": sum(
            WEIGHT_OF[reason] * min(e.measure or 0, 1_800_000) / 1000
            for e, reason in browsed
            if e.kind == VIEW and e.category and recent([e], 28)
        ),
        "days_since_view": since([e for e in seen if e.kind == VIEW]),
    }


def _quantile(values: Sequence[int], share: float) -> float:
    return (
        statistics.quantiles(values, n=10, method="inclusive")[round(share * 10) - 1]
        if len(values) > 1
        else values[0]
    )


# ---- everything beside buying: straight from the list of events, a loop at a time ---------------------------------------

VIEW, CLICK, SEARCH, MESSAGE, VISIT, CALL, COUPON, REVIEW, CASE, SATISFACTION = range(6, 16)
CUSTOM, IDENTIFICATION, CONSENT = 16, 17, 18
NAMES = {
    PURCHASE: "purchase", MAILING: "mailing", REDEMPTION: "redemption", 4: "contact", 5: "outcome", VIEW: "view",
    CLICK: "click", SEARCH: "search", VISIT: "visit", CALL: "call", COUPON: "coupon_received", REVIEW: "review",
    CASE: "service_case", SATISFACTION: "satisfaction", IDENTIFICATION: "identification", CONSENT: "consent",
}  # fmt: skip
STAGES = {1: "message_sent", 2: "message_opened", 3: "message_answered"}
WEIGHT_OF = {"": 1.0, "ROBOT": 0.0, "RATE": 0.0, "METRONOME": 0.05, "DOUBLE": 0.0, "MISCLICK": 0.1}


def is_browsing(e: Happening) -> bool:
    return e.kind in (VIEW, CLICK, SEARCH) or (e.kind == MESSAGE and e.stage == 2)


def words_of(e: Happening) -> list[str]:
    """Only of searches in plain words without marks, which is what the tests send."""
    if e.kind != SEARCH or e.personal is None:
        return []
    return sorted(set(json.loads(e.personal)["query"].lower().split()))


def target_of(e: Happening) -> tuple[object, ...]:
    return e.kind, e.target or "", e.product or "", e.category or ""


def place_of(e: Happening) -> tuple[object, ...]:
    """The order in which browsing events of one moment are looked at."""
    key = "|".join(part for part in (e.target, e.product) if part)
    dwell = -1 if e.measure is None else e.measure
    query = "" if e.personal is None else json.loads(e.personal)["query"].lower()
    return e.event_time, e.kind, key, e.category or "", e.channel or "", dwell, (e.flags or 0) & 1, query


def naive_reasons(events: Sequence[Happening]) -> list[tuple[Happening, str]]:
    """Browsing events with the reason why each counts less."""
    hours: dict[int, list[Happening]] = {}
    for e in events:
        if is_browsing(e):
            hours.setdefault(e.event_time // 3_600_000_000, []).append(e)
    found: list[tuple[Happening, str]] = []
    for own in hours.values():
        found += _reasons_of_hour(sorted(own, key=place_of))
    return found


def _reasons_of_hour(own: list[Happening]) -> list[tuple[Happening, str]]:
    if len(own) > 3600:
        return [(e, "RATE") for e in own]
    reasons = [_reason_alone(e, own[:n]) for n, e in enumerate(own)]
    counted = [n for n, reason in enumerate(reasons) if reason != "DOUBLE"]
    for window in (counted[n : n + 8] for n in range(len(counted) - 7)):
        if own[window[-1]].event_time - own[window[0]].event_time <= 8_000_000:
            for n in range(window[0], window[-1] + 1):
                reasons[n] = "ROBOT" if reasons[n] == "ROBOT" else "RATE"
    steady = [n for n, reason in enumerate(reasons) if reason in ("", "MISCLICK")]
    for window in (steady[n : n + 6] for n in range(len(steady) - 5)):
        apart = [own[b].event_time - own[a].event_time for a, b in pairwise(window)]
        if max(apart) - min(apart) <= max(50_000, 0.05 * min(apart)):
            for n in window:
                reasons[n] = "METRONOME"
    return list(zip(own, reasons, strict=True))


def _reason_alone(e: Happening, before: Sequence[Happening]) -> str:
    if (e.flags or 0) & 1:
        return "ROBOT"
    if e.kind == VIEW and e.measure is not None and e.measure < 300:
        return "MISCLICK"
    again = any(target_of(e) == target_of(f) and e.event_time - f.event_time < 1_000_000 for f in before)
    return "DOUBLE" if again else ""


def weighed(events: Sequence[Happening]) -> list[tuple[Happening, float]]:
    """Every event with what it counts."""
    plain = [(e, 1.0) for e in events if not is_browsing(e)]
    return plain + [(e, WEIGHT_OF[reason]) for e, reason in naive_reasons(events)]


def name_of(e: Happening) -> str:
    if e.kind == MESSAGE:
        return STAGES[e.stage or 0]
    return e.target or "custom" if e.kind == CUSTOM else NAMES[e.kind]


def age_days(e: Happening, moment: int) -> int:
    return (day_of(moment - 1) - day_of(e.event_time)).days


def naive_decayed(events: Sequence[Happening], moment: int) -> dict[tuple[str, int], tuple[float, float]]:
    """Decayed count and money by kind and half-life."""
    found: dict[tuple[str, int], tuple[float, float]] = {}
    for e, weight in weighed(events):
        for half_life in (7, 30, 180):
            part = weight * 2 ** (-age_days(e, moment) / half_life)
            count, money = found.get((name_of(e), half_life), (0.0, 0.0))
            spent = (e.amount or 0) if e.kind == PURCHASE else 0
            found[name_of(e), half_life] = (count + part, money + part * spent)
    return {key: value for key, value in found.items() if value[0]}


def channel_of(e: Happening) -> str | None:
    return {VISIT: "visit", CALL: "call"}.get(
        e.kind, e.channel if e.kind not in (CONSENT, PURCHASE) else None
    )


def naive_channels(events: Sequence[Happening], moment: int) -> dict[str, float]:
    used: dict[str, float] = {}
    for e, weight in weighed(events):
        channel = channel_of(e)
        if channel and weight and age_days(e, moment) < 180:
            used[channel] = used.get(channel, 0.0) + weight
    return {channel: weight / sum(used.values()) for channel, weight in used.items()}


def naive_looks(
    events: Sequence[Happening], moment: int
) -> dict[str, tuple[float, float, float, float, float]]:
    """Views, clicks, searches, dwell in seconds and intent, by category looked at."""
    found: dict[str, list[float]] = {}
    for e, weight in weighed(events):
        if e.kind not in (VIEW, CLICK, SEARCH) or not e.category or e.category == "unknown" or not weight:
            continue
        own = found.setdefault(e.category, [0.0] * 5)
        own[e.kind - VIEW] += weight
        if e.kind == VIEW:
            own[3] += weight * min(max(e.measure or 0, 0), 1_800_000) / 1000
        own[4] += weight * (e.kind - VIEW + 1) * 2 ** (-age_days(e, moment) / 7)
    return {category: (own[0], own[1], own[2], own[3], own[4]) for category, own in found.items()}


def naive_words(events: Sequence[Happening]) -> dict[str, int]:
    found: dict[str, int] = {}
    for e, weight in weighed(events):
        for word in words_of(e) if weight else ():
            found[word] = found.get(word, 0) + 1
    return found


def naive_noise(events: Sequence[Happening]) -> dict[str, tuple[int, float]]:
    found: dict[str, tuple[int, float]] = {}
    for _, reason in naive_reasons(events):
        if reason:
            count, weight = found.get(reason, (0, 0.0))
            found[reason] = (count + 1, weight + WEIGHT_OF[reason])
    return found


def naive_consents(events: Sequence[Happening]) -> dict[str, bool]:
    """Whether he last consented, by purpose or channel."""
    said: dict[str, list[tuple[int, bool]]] = {}
    for e in events:
        if e.kind == CONSENT:
            for subject in (e.target, e.channel):
                if subject:
                    said.setdefault(subject, []).append((e.event_time, not (e.flags or 0) & 8))
        if e.outcome == 5:
            said.setdefault("all", []).append((e.event_time, True))
    return {subject: not max(words)[1] for subject, words in said.items()}


def naive_facts(events: Sequence[Happening]) -> dict[str, object]:
    """The fact of the latest record that states it; of two at one moment the one whose JSON sorts later."""
    found: dict[str, object] = {}
    told = [(e.event_time, e.details) for e in events if e.kind == IDENTIFICATION and e.details]
    for name in {name for _, details in told for name in json.loads(details)}:
        _, text = max(
            (time, json.dumps(json.loads(details)[name], ensure_ascii=False))
            for time, details in told
            if name in json.loads(details)
        )
        found[name] = json.loads(text)
    return found


def naive_scores(events: Sequence[Happening]) -> dict[str, tuple[int, int, int]]:
    """How many answers, their sum, and the latest, by question."""
    asked: dict[str, list[tuple[int, int]]] = {}
    for e in events:
        if e.kind == SATISFACTION:
            asked.setdefault("csat" if e.stage == 1 else "nps", []).append((e.event_time, e.measure or 0))
        if e.kind == REVIEW:
            asked.setdefault("review", []).append((e.event_time, e.measure or 0))
    return {name: (len(own), sum(value for _, value in own), max(own)[1]) for name, own in asked.items()}


def naive_open_cases(events: Sequence[Happening]) -> set[str]:
    latest: dict[str, tuple[int, bool]] = {}
    for e in events:
        if e.kind == CASE and e.target:
            said = (e.event_time, bool((e.flags or 0) & 4))
            latest[e.target] = max(latest.get(e.target, said), said)
    return {case for case, (_, closed) in latest.items() if not closed}
