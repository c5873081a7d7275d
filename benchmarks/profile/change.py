"""A planted change of behaviour: how soon it is flagged, how often nothing is; and waiting told from lost.

Worlds of packages/market, test seeds 11 to 13; nothing was tuned on them. Somebody looks at each customer every midnight. A change
is found in time when a flag of the right direction is raised between the planted moment and the midnight after the third whole gap in the
new rhythm (or three mean new gaps, if that is later). Left out: fewer than six purchase days before,
less than that time before the end, a planted pause or loss meanwhile. False alarms are counted in the time of customers before
anything planted happens to them: effects of contacts, birthdays and searches are there, as in life.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, log
from statistics import median
from time import process_time
from typing import Any, Final

import numpy as np
from scipy.special import gammaincc
from sklearn.metrics import roc_auc_score

from benchmarks.report import Row
from fieldwise.profile.v1 import event_pb2
from fieldwise_market.world import World, make_world
from fieldwise_profile.core import change, waiting
from fieldwise_profile.core.change import ChangeParams
from fieldwise_profile.core.event import DAY
from fieldwise_profile.core.rhythm import gaps, silence_after_days
from fieldwise_profile.core.waiting import History

SEEDS: Final = (11, 12, 13)
CUSTOMERS: Final = 1_500
QUICK_CUSTOMERS: Final = 400
# Every so manieth customer is watched for false alarms: watching takes most of the time.
WATCHED: Final = 4
EARLY_DAYS: Final = 120
CHANCE_CUSTOMERS: Final = 60
# A pause or a loss so shortly before a change hides it.
NEAR_DAYS: Final = 60
SIGNS: Final = frozenset({"view", "click", "search", "review", "service_case", "satisfaction"})

# What somebody sees of purchase days at a midnight: `slower`, `faster` or nothing.
Judge = Callable[[Sequence[int], int], str]


def rows(*, quick: bool) -> Iterator[Row]:
    worlds = [_Observed(make_world(seed, QUICK_CUSTOMERS if quick else CUSTOMERS)) for seed in SEEDS]
    yield from _changes(worlds)
    yield from _standings(worlds)


class _Observed:
    """What a service sees of a world, beside the truth that only the score reads."""

    def __init__(self, world: World) -> None:
        self.truth: Any = world.truth
        self.start = int(world.start.timestamp()) // 86_400
        self.end = int(world.end.timestamp()) // 86_400
        number = {name: index for index, name in enumerate(world.customers)}
        purchases: dict[int, set[int]] = defaultdict(set)
        signs: dict[int, set[int]] = defaultdict(set)
        for event in world.events():
            day = event.event_time.seconds // 86_400
            if event.WhichOneof("what") == "purchase":
                purchases[number[event.customer]].add(day)
            elif _is_sign(event):
                signs[number[event.customer]].add(day)
        self.histories = [
            History(tuple(sorted(purchases[index])), tuple(sorted(signs[index])))
            for index in range(len(world.customers))
        ]

    def day(self, name: str, customer: int) -> int | None:
        """The day of a planted moment; None when there is none."""
        moment = getattr(self.truth, name)[customer]
        return None if np.isnat(moment) else int(moment.astype("datetime64[D]").astype(int))

    def silences(self, customer: int) -> list[int]:
        """Days on which a planted pause or loss began."""
        found = (self.day(name, customer) for name in ("lost_at", "pauses_from"))
        return [day for day in found if day is not None]


def _is_sign(event: event_pb2.Event) -> bool:
    """Something that the customer did himself."""
    kind = event.WhichOneof("what")
    return kind in SIGNS or (kind == "message" and event.message.stage > event_pb2.MESSAGE_STAGE_SENT)


def ours(params: ChangeParams) -> Judge:
    def judge(days: Sequence[int], midnight: int) -> str:
        found = change.judge(days, midnight * DAY, params)
        return "" if found is None else found.direction

    return judge


def rule_of_thumb(days: Sequence[int], midnight: int) -> str:
    """More than twice his median gap without a purchase: slower; the last two gaps below half of it: faster."""
    if len(days) < change.LEAST_PURCHASE_DAYS:
        return ""
    own = gaps(days)
    usual = median(own)
    if midnight - days[-1] > 2 * usual:
        return "slower"
    return "faster" if max(own[-2:]) < usual / 2 else ""


@dataclass
class _Score:
    in_time: list[bool] = field(default_factory=list)
    in_new_time: list[bool] = field(default_factory=list)
    in_usual_time: list[bool] = field(default_factory=list)
    slower: list[bool] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    told: list[bool] = field(default_factory=list)
    alarms: int = 0
    flagged_days: int = 0
    years: float = 0.0


def _changes(worlds: Sequence[_Observed]) -> Iterator[Row]:
    default = ChangeParams()
    started = process_time()
    scores = {"default": _score(worlds, ours(default)), "rule": _score(worlds, rule_of_thumb)}
    print(f"# looked for {process_time() - started:.0f} CPU seconds", flush=True)
    found, rule = scores["default"], scores["rule"]
    peer = "gap over 2 medians, or 2 gaps below half of it"
    cases = len(found.in_time)
    yield Row(
        f"changes flagged within 3 own gaps in the new rhythm, of {cases}",
        _share(found.in_time), "share", "must", ">= 0.95", peer, _share(rule.in_time),
    )  # fmt: skip
    faster = [not slower for slower in found.slower]
    for name, which in (("slower", found.slower), ("faster", faster)):
        yield Row(
            f"... {name}", _share(_where(found.in_time, which)), "share",
            peer=peer, peer_value=_share(_where(rule.in_time, which)),
        )  # fmt: skip
    yield Row("... in the time of 3 mean new gaps", _share(found.in_new_time), "share", peer=peer, peer_value=_share(rule.in_new_time))  # fmt: skip
    yield Row("    one who is told day, paces and shape, in that time", _share(found.told), "share")
    yield Row("... in the time of 3 mean gaps, new or old, the longer", _share(found.in_usual_time), "share", peer=peer, peer_value=_share(rule.in_usual_time))  # fmt: skip
    yield Row("mean new gaps until flagged, median", median(found.delays), "gaps", peer=peer, peer_value=median(rule.delays))  # fmt: skip
    yield Row(
        f"false alarms per customer-year, stated {default.false_alarms_per_year:g}, in {found.years:.0f} years",
        found.alarms / found.years, "per year", "must", f"<= {default.false_alarms_per_year:g}",
        peer, rule.alarms / rule.years,
    )  # fmt: skip
    yield Row("share of days with a false flag", found.flagged_days / found.years / change.YEAR_DAYS, "share", peer=peer, peer_value=rule.flagged_days / rule.years / change.YEAR_DAYS)  # fmt: skip
    for stated in (0.5, 1.0):
        other = _score(worlds, ours(ChangeParams(stated)))
        yield Row(f"... flagged within 3 own gaps, {stated:g} false alarms a year stated", _share(other.in_time), "share")  # fmt: skip
        yield Row("    false alarms per customer-year then", other.alarms / other.years, "per year")
    early = [_early(history, world) for world in worlds for history in world.histories]
    other = _score(worlds, ours(change.learned(early)))
    yield Row("... flagged within 3 own gaps, shares of shapes learned from the first 120 days", _share(other.in_time), "share")  # fmt: skip
    yield Row("    false alarms per customer-year then", other.alarms / other.years, "per year")
    chance, rule_chance = (_alarms_by_chance(judge) for judge in (ours(default), rule_of_thumb))
    yield Row(
        "false alarms per year of customers who come by chance alone (drawn here)", chance, "per year",
        peer=peer, peer_value=rule_chance,
    )  # fmt: skip
    yield Row("one judgement that is not remembered", _judging_seconds(worlds[0]) * 1e6, "us CPU")


def _early(history: History, world: _Observed) -> Sequence[int]:
    return history.purchases[: bisect_left(history.purchases, world.start + EARLY_DAYS)]


def _score(worlds: Sequence[_Observed], judge: Judge) -> _Score:
    score = _Score()
    for world in worlds:
        for customer, history in enumerate(world.histories):
            days = history.purchases
            if len(days) < change.LEAST_PURCHASE_DAYS:
                continue
            if customer % WATCHED == 0:
                _watch(world, customer, days, judge, score)
            if world.truth.change_factor[customer] != 1:
                _try_change(world, customer, days, judge, score)
    return score


def _watch(world: _Observed, customer: int, days: Sequence[int], judge: Judge, score: _Score) -> None:
    """Counts false alarms until something planted happens."""
    changed = world.day("changed_at", customer)
    quiet = min([world.end, *world.silences(customer), *([] if changed is None else [changed])])
    first = days[change.LEAST_PURCHASE_DAYS - 1] + 1
    if quiet <= first:
        return
    flags = [bool(seen) for _, seen in _looks(days, first, quiet, judge)]
    score.alarms += sum(now and not before for before, now in zip([False, *flags], flags, strict=False))
    score.flagged_days += sum(flags)
    score.years += len(flags) / change.YEAR_DAYS


def _try_change(world: _Observed, customer: int, days: Sequence[int], judge: Judge, score: _Score) -> None:
    """Scores a planted change, if there was time to find it."""
    changed = world.day("changed_at", customer)
    assert changed is not None
    old = float(world.truth.mean_gap_days[customer])
    new = old * float(world.truth.change_factor[customer])
    after = [day for day in days if day >= changed]
    new_time = changed + ceil(3 * new)
    usual_time = changed + ceil(3 * max(old, new))
    in_time = max(new_time, after[3] + 1) if len(after) > 3 else new_time
    hidden = any(changed - NEAR_DAYS < day <= in_time for day in world.silences(customer))
    if bisect_left(days, changed) < change.LEAST_PURCHASE_DAYS or in_time >= world.end or hidden:
        return
    wanted = "slower" if new > old else "faster"
    last = min(world.end, max(usual_time, in_time) + 1)
    found = _raised(_looks(days, changed, last, judge), wanted, default=world.end + 1)
    score.in_time.append(found <= in_time)
    score.in_new_time.append(found <= new_time)
    score.in_usual_time.append(found <= usual_time)
    score.slower.append(new > old)
    score.delays.append((found - changed) / new)
    shape = float(world.truth.gap_shape[customer])
    score.told.append(_told(days, changed, new_time, (old, new, shape)))


def _told(days: Sequence[int], changed: int, until: int, truth: tuple[float, float, float]) -> bool:
    """Whether somebody who is told day, both paces and the shape could tell the change from none by ``until``.

    He needs the odds that ours needs, and may leave out the gap in which it changed.
    """
    old, new, shape = truth
    needed = log(change.alarm_odds(old, ChangeParams()))
    first = bisect_left(days, changed) - 1
    for midnight in range(changed + 1, until + 1):
        seen = days[first : bisect_left(days, midnight)]
        running = max(midnight - 1.5 - seen[-1], 0.0)
        odds = [shape * (log(old / new) + gap / old - gap / new) for gap in gaps(seen)]
        last = log(gammaincc(shape, shape * running / new) + 1e-300) - log(
            gammaincc(shape, shape * running / old) + 1e-300
        )
        if max(sum(odds), sum(odds[1:])) + last >= needed:
            return True
    return False


def _raised(looks: Iterator[tuple[int, str]], wanted: str, default: int) -> int:
    """When the flag was raised. One that was up before anything could be seen was false, and does not count."""
    _, before = next(looks)
    for day, said in looks:
        if said == wanted != before:
            return day
        before = said
    return default


def _looks(days: Sequence[int], first: int, last: int, judge: Judge) -> Iterator[tuple[int, str]]:
    for midnight in range(first, last):
        yield midnight, judge(days[: bisect_left(days, midnight)], midnight)


def _alarms_by_chance(judge: Judge) -> float:
    """False alarms a year of customers whose gaps are exponential, 4 to 12 days in the mean, in their second year."""
    rng = np.random.default_rng(SEEDS[0])
    score = _Score()
    for _ in range(CHANCE_CUSTOMERS):
        times = np.cumsum(rng.exponential(rng.uniform(4, 12), size=400))
        days = sorted({int(time) for time in times if time < 2 * 365})
        flags = [bool(said) for _, said in _looks(days, 365, 2 * 365, judge)]
        score.alarms += sum(now and not before for before, now in zip([False, *flags], flags, strict=False))
        score.years += len(flags) / change.YEAR_DAYS
    return score.alarms / score.years


def _share(found: Sequence[bool]) -> float:
    return sum(found) / len(found)


def _where(found: Sequence[bool], which: Sequence[bool]) -> list[bool]:
    return [each for each, wanted in zip(found, which, strict=True) if wanted]


def _judging_seconds(world: _Observed) -> float:
    """CPU seconds of a judgement whose day was not asked for before."""
    some = [each.purchases for each in world.histories if len(each.purchases) > change.LEAST_PURCHASE_DAYS]
    times = []
    for days in some[:400]:
        started = process_time()
        change.judge(days, (days[-1] + 1_000) * DAY + 1)
        times.append(process_time() - started)
    return median(times)


def _standings(worlds: Sequence[_Observed]) -> Iterator[Row]:
    """At the end of each world: who past his own rhythm is lost, and who waits."""
    lost, waits, probability, share, elapsed, past = (np.concatenate(part) for part in zip(*map(_judged, worlds), strict=True))  # fmt: skip
    either = (lost | waits) & past
    rule = "time since the last purchase, in median gaps"
    yield Row(
        f"lost or not, {past.sum():,} past their own rhythm: AUC", roc_auc_score(lost[past], probability[past]),
        "AUC", peer=rule, peer_value=roc_auc_score(lost[past], elapsed[past]),
    )  # fmt: skip
    yield Row(
        f"lost or waiting, {either.sum():,} past their own rhythm: AUC", roc_auc_score(lost[either], share[either]),
        "AUC", peer=rule, peer_value=roc_auc_score(lost[either], elapsed[either]),
    )  # fmt: skip
    yield Row("lost, everybody: calibration error, 10 bins", _calibration_error(probability, lost), "share")
    yield Row("lost, past their own rhythm: calibration error, 10 bins", _calibration_error(probability[past], lost[past]), "share")  # fmt: skip


def _judged(world: _Observed) -> tuple[Any, ...]:
    moment = world.end * DAY
    params = waiting.learned(world.histories, moment)
    found = []
    for customer, history in enumerate(world.histories):
        seen = waiting.standing(history, moment, params)
        if seen is None:
            continue
        own = sorted(gaps(history.purchases))
        away = world.end - history.purchases[-1]
        silence = silence_after_days(own)
        status = str(world.truth.status[customer])
        found.append(
            (
                status == "lost",
                status == "waiting",
                seen.lost,
                seen.lost / (seen.lost + seen.waiting),
                away / max(1.0, median(own)),
                silence is not None and away > silence,
            )
        )
    return tuple(np.array(column) for column in zip(*found, strict=True))


def _calibration_error(probability: Any, happened: Any) -> float:
    bins = np.minimum((probability * 10).astype(int), 9)
    parts = [bins == each for each in range(10)]
    return float(
        sum(
            abs(probability[part].mean() - happened[part].mean()) * part.mean()
            for part in parts
            if part.any()
        )
    )
