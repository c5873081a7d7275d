"""The gate and the watch on plain numbers: what is promoted, kept or refused, and what counts as drift."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from fieldwise_forecast.core.drift.cusum import watch
from fieldwise_forecast.core.drift.model_drift import drift_of
from fieldwise_forecast.core.drift.stability import MOVED, stability
from fieldwise_forecast.core.gate.evidence import Evidence
from fieldwise_forecast.core.gate.judging import Action, Check, Verdict, judge
from fieldwise_forecast.core.versions import Realised

SERIES, WEEKS = 100, 20
MONDAY = datetime(2017, 1, 2, tzinfo=UTC)


def evidence(gain: float, seed: int = 1, lift: float = 0.2) -> Evidence:
    """A challenger whose errors are ``gain`` smaller than the champion's, which are ``lift`` smaller than the naive ones."""
    chance = np.random.default_rng(seed)
    size = np.exp(chance.normal(0, 0.8, (SERIES, 1)))
    first, second = (chance.standard_t(5, (SERIES, WEEKS)) for _ in range(2))
    champion = np.abs(size * first)
    challenger = (1 - gain) * np.abs(size * (0.975 * first + np.sqrt(1 - 0.975**2) * second))
    return Evidence(
        champion=champion.ravel(),
        challenger=challenger.ravel(),
        naive=champion.ravel() / (1 - lift),
        block=np.tile(np.arange(WEEKS), SERIES),
        unit=np.repeat(np.arange(SERIES), WEEKS),
    )


def broken(verdict: Verdict) -> set[str]:
    return {check.check for check in verdict.checks if not check.holds}


def test_a_real_gain_is_promoted_and_no_gain_is_kept_waiting() -> None:
    better = [judge(evidence(0.05, seed)).action for seed in range(10)]
    equal = [judge(evidence(0.0, seed)).action for seed in range(10)]
    worse = [judge(evidence(-0.05, seed)).action for seed in range(10)]
    assert better.count(Action.PROMOTE) >= 9
    assert equal.count(Action.PROMOTE) <= 1
    assert worse == [Action.KEEP] * 10


def test_a_first_version_has_to_beat_the_naive_forecast_only() -> None:
    found = evidence(0.0)
    first = replace(found, champion=np.full_like(found.champion, np.nan))
    assert judge(first).promotes
    below = judge(replace(first, naive=first.challenger * 0.9))
    assert (below.action, broken(below)) == (Action.REFUSE, {"baseline"})


def test_how_far_below_the_naive_loss_is_said_as_a_share_of_it() -> None:
    found = evidence(0.0)
    verdict = judge(replace(found, champion=np.full_like(found.champion, np.nan), naive=found.challenger * 2))
    assert "loss 50.0% below that of the naive forecast" in verdict.words
    assert verdict.lift == pytest.approx(0.5)
    assert verdict.lift_low < verdict.lift < verdict.lift_high <= 1


def test_a_champion_that_cannot_be_compared_keeps_its_place() -> None:
    found = evidence(0.0)
    nothing = replace(found, champion=np.full_like(found.champion, np.nan))
    assert judge(nothing, serving=True).action is Action.KEEP
    assert judge(nothing, serving=True, update=True).promotes


def test_a_broken_bound_refuses_however_good_the_loss_is() -> None:
    slow = Check.at_most("latency", "p99 of scoring in ms", 9.0, 2.0)
    verdict = judge(evidence(0.1), [slow])
    assert (verdict.action, broken(verdict)) == (Action.REFUSE, {"latency"})
    assert "p99 of scoring in ms is 9, at most 2 is allowed" in verdict.words


def test_an_update_must_not_be_worse_and_needs_no_gain() -> None:
    assert judge(evidence(0.0), update=True).promotes
    assert judge(evidence(-0.2), update=True).action is Action.KEEP


def test_the_order_of_rows_and_the_size_of_series_change_nothing() -> None:
    found = evidence(0.02)
    order = np.random.default_rng(2).permutation(len(found.block))
    assert found.unit is not None
    shuffled = Evidence(
        found.champion[order],
        found.challenger[order],
        found.naive[order],
        found.block[order],
        found.unit[order],
    )
    scale = np.repeat(np.arange(1.0, SERIES + 1), WEEKS)
    scaled = replace(
        found,
        champion=found.champion * scale,
        challenger=found.challenger * scale,
        naive=found.naive * scale,
    )
    for other in (shuffled, scaled):
        assert judge(other).gain == pytest.approx(judge(found).gain)


def test_a_single_lucky_week_is_no_evidence() -> None:
    found = evidence(0.0)
    lucky = np.where(found.block == 7, 0.5, 1.0) * found.champion
    assert not judge(replace(found, challenger=lucky)).promotes


# ---- drift -------------------------------------------------------------------------------------------------------


def test_a_shifted_level_is_found_and_a_single_holiday_is_not() -> None:
    errors = np.random.default_rng(3).normal(size=(2, 40)) * 0.3
    errors[0, 30:] += 1.5
    errors[1, 30] += 8.0
    found = watch(errors)
    assert found.moved.tolist() == [True, False]
    first = int(np.flatnonzero(found.alarms[0])[0])
    assert 30 <= first <= 34
    assert found.since[0] == 30


def test_a_missing_error_changes_no_sum() -> None:
    errors = np.random.default_rng(4).normal(size=(3, 20))
    padded = np.full((3, 40), np.nan)
    padded[:, ::2] = errors
    assert watch(padded).score == pytest.approx(watch(errors).score)


def periods(errors: dict[str, list[float]], stabilities: float = np.nan) -> list[Realised]:
    count = len(next(iter(errors.values())))
    return [
        Realised(
            begin=MONDAY + timedelta(weeks=week),
            rows=len(errors),
            loss=0.2,
            naive_loss=0.3,
            stability=stabilities,
            errors={name: values[week] for name, values in errors.items()},
        )
        for week in range(count)
    ]


def test_a_model_drifts_when_all_its_series_do_and_names_one_that_drifts_alone() -> None:
    chance = np.random.default_rng(5)
    quiet = {f"s{i}": chance.normal(size=8).tolist() for i in range(30)}
    alone = quiet | {"s3": (chance.normal(size=8) * 0.3 + 2.0).tolist()}
    moved = {name: [value + 1.5 for value in values] for name, values in quiet.items()}
    assert not drift_of(periods(quiet)).alarm
    assert not drift_of(periods(alone)).alarm
    assert drift_of(periods(alone)).series[0] == "s3"
    found = drift_of(periods(moved))
    assert found.alarm
    assert found.since == MONDAY


def test_moved_scores_are_an_alarm_though_errors_are_quiet() -> None:
    assert drift_of(periods({"": [0.0, 0.0]}, stabilities=0.3)).alarm
    assert not drift_of(periods({"": [0.0, 0.0]}, stabilities=0.1)).alarm
    assert not drift_of([]).alarm


def test_stability_is_none_for_the_same_world_and_high_for_a_moved_one() -> None:
    chance = np.random.default_rng(6)
    before, same = chance.normal(size=4000), chance.normal(size=4000)
    assert stability(before, same) < 0.02
    assert stability(before, same + 1.0) > MOVED
    unknown = np.where(chance.random(4000) < 0.5, np.nan, same)
    assert stability(before, unknown) > MOVED
