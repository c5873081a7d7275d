"""How far the gate and the watch can be trusted: simulated promotions and shifts with known truth.

Thresholds were chosen on seeds 1-3; what is reported are seeds 11-13.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.forecast.promotions import NEXT, SEEN, SERIES, Contest, Floats, contest
from benchmarks.report import Row
from fieldwise_forecast.core.drift.cusum import watch
from fieldwise_forecast.core.drift.model_drift import pooled
from fieldwise_forecast.core.gate.evidence import Evidence
from fieldwise_forecast.core.gate.judging import judge

SEEDS = (11, 12, 13)
# Advantages of candidates: mean and spread as measured on Complete Journey, where a model refitted each week was better
# than the frozen one by .8 % on average; the harsher mix has no advantage at all on average.
USUAL, HARSH = (0.008, 0.016), (0.0, 0.02)
PLANTED = 0.03
WORSE = -0.01
SHIFT, WITHIN, YEAR, BEFORE = 1.5, 4, 52, 26
# Three standard deviations: the rule of a plain control chart.
PLAIN_LIMIT = 3.0


@dataclass(frozen=True)
class Judged:
    """Contests with the gate's word on each."""

    promoted: Floats
    next_gain: Floats
    seen_gain: Floats

    def worse(self, chosen: Floats) -> float:
        """Share of the chosen that were over 1 % worse in the next four weeks."""
        return float((self.next_gain[chosen.astype(bool)] < WORSE).mean())


def rows(*, quick: bool) -> Iterator[Row]:
    count = 200 if quick else 1000
    yield from promotion_rows(count)
    yield from shift_rows(4000 if quick else 20000)


def promotion_rows(count: int) -> Iterator[Row]:
    usual, harsh = judged(count, *USUAL), judged(count, *HARSH)
    everything, better = np.ones_like(usual.promoted), (usual.seen_gain > 0).astype(np.float64)
    planted, harmful = judged(count // 2, PLANTED, 0.0), judged(count // 2, -PLANTED, 0.0)
    yield Row(
        f"promoted and over 1 % worse in the next {NEXT} weeks, share of promotions",
        usual.worse(usual.promoted),
        "share",
        "must",
        "<= 0.05",
        "ungated retraining",
        usual.worse(everything),
    )
    yield Row(
        "the same, of candidates without any advantage on average",
        harsh.worse(harsh.promoted),
        "share",
        peer="ungated retraining",
        peer_value=harsh.worse(np.ones_like(harsh.promoted)),
    )
    yield Row(
        "a gate that only asks who was better: promoted and over 1 % worse", usual.worse(better), "share"
    )
    yield Row(
        "planted 3 % improvement promoted",
        float(planted.promoted.mean()),
        "share",
        "must",
        ">= 0.8",
    )
    yield Row("planted 3 % harm promoted", float(harmful.promoted.mean()), "share", "must", "<= 0.01")


def judged(count: int, mean: float, spread: float) -> Judged:
    """The gate on ``count`` contests of each seed."""
    found = []
    for seed in SEEDS:
        chance = np.random.default_rng(seed)
        found += [outcome(contest(chance.normal(mean, spread), chance)) for _ in range(count)]
    promoted, next_gain, seen_gain = np.array(found).T
    return Judged(promoted, next_gain, seen_gain)


def outcome(one: Contest) -> tuple[float, float, float]:
    """Whether it was promoted, its gain in the weeks after, its gain in the weeks seen."""
    block, unit = np.tile(np.arange(SEEN), SERIES), np.repeat(np.arange(SERIES), SEEN)
    champion, challenger, naive = (
        losses[:, :SEEN].ravel() for losses in (one.champion, one.challenger, one.naive)
    )
    verdict = judge(Evidence(champion, challenger, naive, block, unit))
    return float(verdict.promotes), one.next_gain, float(1 - challenger.sum() / champion.sum())


def shift_rows(count: int) -> Iterator[Row]:
    """Shifts of 1.5 standard deviations in streams whose deviation is known from 26 weeks only."""
    quiet, shifted = streams(count, 0.0), streams(count, SHIFT)
    alarms = watch(quiet, restart=True).alarms
    plain = np.abs(quiet) >= PLAIN_LIMIT
    weeks = weeks_to_alarm(watch(shifted, restart=True).alarms)
    plain_weeks = weeks_to_alarm(np.abs(shifted) >= PLAIN_LIMIT)
    yield Row(
        "false alarms a series-year",
        float(alarms.sum(axis=1).mean()),
        "alarms",
        "must",
        "<= 1",
        "3-sigma rule",
        float(plain.sum(axis=1).mean()),
    )
    yield Row(
        "shift of 1.5 sd in one series: median weeks until found",
        float(np.median(weeks)),
        "weeks",
        "must",
        "<= 4",
        "3-sigma rule",
        float(np.median(plain_weeks)),
    )
    yield Row(
        "shift of 1.5 sd in one series: found within 4 weeks",
        float((weeks <= WITHIN).mean()),
        "share",
        "stretch",
        ">= 0.9",
        "3-sigma rule",
        float((plain_weeks <= WITHIN).mean()),
    )
    yield Row("shift of 1.5 sd in one series: found within 6 weeks", float((weeks <= 6).mean()), "share")
    yield from panel_rows(count // 20)


def panel_rows(count: int) -> Iterator[Row]:
    """The same shift in every series of a model of 50, a tenth of whose variance is common to all."""
    quiet, shifted = panels(count, 0.0), panels(count, SHIFT)
    weeks = weeks_to_alarm(watch(shifted, restart=True).alarms)
    yield Row(
        "shift of 1.5 sd in all series of a model: found within 4 weeks",
        float((weeks <= WITHIN).mean()),
        "share",
        "must",
        ">= 0.9",
    )
    alarms = watch(quiet, restart=True).alarms.sum(axis=1).mean()
    yield Row("false alarms a model-year", float(alarms), "alarms", "must", "<= 1")


def streams(count: int, shift: float) -> Floats:
    """Standardised errors, heavy-tailed, of one year; a shift begins in the middle."""
    chance = np.random.default_rng(SEEDS[0])
    seen, errors = (heavy(chance, (count, weeks)) for weeks in (BEFORE, YEAR))
    errors[:, BEFORE:] += shift
    return np.asarray(errors / seen.std(axis=1, ddof=1, keepdims=True))


def panels(count: int, shift: float, series: int = 50, common: float = 0.1) -> Floats:
    """Pooled errors of models of many series, shape (count, weeks)."""
    chance = np.random.default_rng(SEEDS[1])
    found = []
    for _ in range(count):
        errors = np.sqrt(common) * heavy(chance, (1, YEAR)) + np.sqrt(1 - common) * heavy(
            chance, (series, YEAR)
        )
        errors[:, BEFORE:] += shift
        found.append(pooled(errors)[0])
    return np.array(found)


def heavy(chance: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return np.asarray(chance.standard_t(5, shape) / np.sqrt(5 / 3))


def weeks_to_alarm(alarms: np.ndarray) -> Floats:
    """Weeks from the shift to the first alarm, the week of the shift counted as 1; infinite without one."""
    after = alarms[:, BEFORE:]
    return np.asarray(np.where(after.any(axis=1), after.argmax(axis=1) + 1.0, np.inf))
