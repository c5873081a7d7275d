"""The predictive distribution on panels whose law is known: coverage, sums, targets, and what an actual changes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from fieldwise_forecast.core.features import Floats
from fieldwise_forecast.core.series.coverage import Coverage
from fieldwise_forecast.core.series.dependence import Dependence, conditioned
from fieldwise_forecast.core.series.distribution import Distribution, issue
from fieldwise_forecast.core.series.error_law import ErrorLaw, learn, unlearned
from fieldwise_forecast.core.series.quantiles import LEVELS, pinball, weighted_quantile_loss
from fieldwise_forecast.core.series.reach import reach, total
from fieldwise_forecast.core.series.rolling import Rolling
from fieldwise_forecast.core.series.traits import traits
from tests.forecast.distribution_worlds import HORIZON, Shaken, flat, law_of

LEARNED_UNTIL = 420
WORLD = Shaken()
VALUES = WORLD.values()
LAW = law_of(VALUES, range(60, LEARNED_UNTIL))
# Windows that do not overlap: 29 of them.
ORIGINS = range(LEARNED_UNTIL, WORLD.weeks - HORIZON, HORIZON)


def made_at(origin: int, law: ErrorLaw = LAW, values: Floats = VALUES) -> Distribution:
    return issue(law, values[:, :origin], flat(values, origin))


def actual_at(origin: int, values: Floats = VALUES) -> Floats:
    return values[:, origin : origin + HORIZON]


def test_intervals_cover_what_they_say_on_weeks_not_seen() -> None:
    coverage = Coverage.empty()
    for origin in ORIGINS:
        coverage = coverage.counted(made_at(origin).cdf(actual_at(origin)))
    assert coverage.seen == len(ORIGINS) * WORLD.series * HORIZON
    # 29 windows share their shocks: a standard error of about 2 points.
    assert coverage.share(0.8) == pytest.approx(0.8, abs=0.05)
    assert coverage.share(0.9) == pytest.approx(0.9, abs=0.04)


def test_both_tails_are_right_though_the_right_one_is_longer() -> None:
    ranks = np.concatenate([made_at(origin).cdf(actual_at(origin)).ravel() for origin in ORIGINS])
    assert (ranks < 0.1).mean() == pytest.approx(0.1, abs=0.035)
    assert (ranks > 0.9).mean() == pytest.approx(0.1, abs=0.035)
    low, middle, high = made_at(LEARNED_UNTIL).quantile((0.05, 0.5, 0.95)).transpose(2, 0, 1)
    assert ((high - middle) > (middle - low)).mean() > 0.9


def sum_ranks(law: ErrorLaw) -> Floats:
    """Rank of the real sum over all series and weeks within its distribution, at each origin."""
    draws = [made_at(origin, law).samples(400, origin).sum(axis=(1, 2)) for origin in ORIGINS]
    return np.array([(d < actual_at(origin).sum()).mean() for d, origin in zip(draws, ORIGINS, strict=True)])


def test_sums_are_covered_and_independence_would_be_far_too_sure() -> None:
    ours = np.abs(sum_ranks(LAW) - 0.5)
    alone = replace(LAW, joint=Dependence(0.0, (1.0, 0.0), (1.0, 0.0)))
    theirs = np.abs(sum_ranks(alone) - 0.5)
    # Of 29 windows 23 are expected inside, give or take 2.
    assert 19 <= (ours <= 0.4).sum() <= 27
    assert (theirs <= 0.4).sum() < 0.6 * len(ORIGINS)


def test_sums_over_weeks_of_single_series_are_covered() -> None:
    inside = []
    for origin in ORIGINS:
        sums = made_at(origin).samples(400, 1).sum(axis=2)
        ranks = (sums < actual_at(origin).sum(axis=1)).mean(axis=0)
        inside.append((np.abs(ranks - 0.5) <= 0.4).mean())
    assert np.mean(inside) == pytest.approx(0.8, abs=0.06)


def test_probabilities_of_reaching_a_target_are_as_frequent_as_they_say() -> None:
    told, came = [], []
    for origin in ORIGINS:
        ahead = made_at(origin)
        for series in range(0, WORLD.series, 4):
            one, sold = total(ahead, series=[series]), actual_at(origin)[series].sum()
            for target in np.array([0.9, 1.0, 1.1]) * ahead.forecast[series].sum():
                told.append(one.probability(target))
                came.append(sold >= target)
    probability, reached = np.array(told), np.array(came)
    for quarter in np.array_split(np.argsort(probability), 4):
        assert reached[quarter].mean() == pytest.approx(probability[quarter].mean(), abs=0.1)
    assert np.mean((probability - reached) ** 2) < np.mean((reached.mean() - reached) ** 2)


def test_twenty_origins_of_one_series_do_not_make_it_sure() -> None:
    """Their windows overlap and share one level: taken for independent they would cover half of later sums."""
    inside = []
    for seed in range(8):
        values = Shaken(series=1, weeks=300, seed=seed).values()
        law = law_of(values, range(140, 160))
        for origin in range(160, 290, HORIZON):
            sums = made_at(origin, law, values).samples(200, seed).sum(axis=(1, 2))
            inside.append(abs((sums < actual_at(origin, values).sum()).mean() - 0.5) <= 0.4)
    assert 0.68 < np.mean(inside) < 0.9


def test_a_higher_target_is_never_likelier_and_what_is_there_counts() -> None:
    ahead = made_at(LEARNED_UNTIL)
    middle = ahead.forecast[:3, :4].sum()
    told = [
        reach(ahead, middle * share, series=[0, 1, 2], periods=range(4)) for share in np.linspace(0.3, 2, 40)
    ]
    assert told == sorted(told, reverse=True)
    assert 0 < told[-1] < 0.05 < 0.95 < told[0] < 1
    assert reach(ahead, middle, already=0.1 * middle, series=[0, 1, 2], periods=range(4)) > reach(
        ahead, middle, series=[0, 1, 2], periods=range(4)
    )


def test_quantiles_and_probabilities_are_each_others_inverse() -> None:
    ahead = made_at(LEARNED_UNTIL)
    quantiles = ahead.quantile(LEVELS)
    assert (np.diff(quantiles, axis=2) > 0).all()
    for k, level in enumerate(LEVELS):
        assert ahead.cdf(quantiles[:, :, k]) == pytest.approx(
            np.full((WORLD.series, HORIZON), level), abs=1e-6
        )


def test_samples_have_the_quantiles_and_the_dependence_they_are_drawn_from() -> None:
    ahead = made_at(LEARNED_UNTIL)
    draws = ahead.samples(6000, seed=5, series=[0, 1], periods=[0, 5])
    assert np.quantile(draws, 0.9, axis=0) == pytest.approx(ahead.quantile((0.9,))[:2, [0, 5], 0], rel=0.03)
    scores = LAW.scores((draws - ahead.forecast[:2, [0, 5]]) / ahead.scale[:2, [0, 5]])
    found = np.asarray(np.corrcoef(scores.reshape(len(scores), 4).T))
    common, own = LAW.joint.covariances(HORIZON)
    assert found[0, 1] == pytest.approx(common[0, 5] + own[0, 5], abs=0.05)
    assert found[0, 2] == pytest.approx(common[0, 0], abs=0.05)
    assert found[0, 3] == pytest.approx(common[0, 5], abs=0.05)


def test_what_all_series_share_is_found() -> None:
    # In logarithms .08^2 / (.08^2 + .15^2) of a shock is shared; the forecast's own error, which all learn, adds little.
    assert LAW.joint.shared == pytest.approx(0.22, abs=0.08)
    none = law_of(Shaken(shared=0.0).values(), range(60, LEARNED_UNTIL))
    assert none.joint.shared < 0.03


def test_an_actual_moves_and_narrows_the_weeks_after_it() -> None:
    ahead = made_at(LEARNED_UNTIL)
    low, high = (ahead.observe(ahead.quantile((level,))[:, 0, 0]) for level in (0.1, 0.9))
    assert high.horizon == HORIZON - 1
    middle = [each.quantile((0.5,))[:, 0, 0] for each in (low, high)]
    assert (middle[0] < ahead.quantile((0.5,))[:, 1, 0]).all()
    assert (middle[1] > ahead.quantile((0.5,))[:, 1, 0]).all()
    widths = [np.diff(each.quantile((0.1, 0.9)), axis=2) for each in (replace(low, law=LAW), ahead)]
    assert (widths[0][:, 0] < widths[1][:, 1]).mean() > 0.9


def test_intervals_after_an_actual_cover_what_they_say_and_lose_less() -> None:
    coverage, moved, stayed, actuals = Coverage.empty(), [], [], []
    for origin in ORIGINS:
        ahead, actual = made_at(origin), actual_at(origin)
        left = ahead.after(actual[:, 0]).after(actual[:, 1])
        coverage = coverage.counted(left.cdf(actual[:, 2:]))
        moved.append(left.quantile(LEVELS)[:, :2])
        stayed.append(ahead.quantile(LEVELS)[:, 2:4])
        actuals.append(actual[:, 2:4])
    assert coverage.share(0.8) == pytest.approx(0.8, abs=0.05)
    losses = [weighted_quantile_loss(np.stack(actuals), np.stack(each)) for each in (moved, stayed)]
    assert losses[0] < 0.95 * losses[1]


def test_conditioning_on_many_series_equals_the_whole_gaussian() -> None:
    """Against the plain formula on the covariance of all series and weeks at once."""
    count, horizon = 5, 4
    common, own = Dependence(0.3, (1.0, 0.6, 0.4, 0.2), (1.0, 0.5, 0.2, 0.1)).covariances(horizon)
    whole = np.kron(np.ones((count, count)), common) + np.kron(np.eye(count), own)
    first = np.arange(0, count * horizon, horizon)
    rest = np.setdiff1d(np.arange(count * horizon), first)
    seen = np.random.default_rng(1).standard_normal(count)
    gain = whole[np.ix_(rest, first)] @ np.linalg.inv(whole[np.ix_(first, first)])
    one = np.ones((count, horizon))
    ahead = Distribution(unlearned(), 100 * one, one, 0 * one, common, own)
    values = ahead.value(seen, 100.0 * np.ones(count), np.ones(count))
    left = ahead.after(values)
    assert left.shift.ravel() == pytest.approx(gain @ seen, abs=1e-6)
    covariance = whole[np.ix_(rest, rest)] - gain @ whole[np.ix_(first, rest)]
    ours = np.kron(np.ones((count, count)), left.common) + np.kron(np.eye(count), left.own)
    assert ours == pytest.approx(covariance, abs=1e-9)


def test_nothing_is_learned_from_a_period_that_is_already_certain() -> None:
    means, left = conditioned(np.zeros((3, 3)), np.ones(2))
    assert not means.any()
    assert not left.any()


def test_when_the_world_grows_louder_coverage_comes_back() -> None:
    values = Shaken(weeks=460, louder_from=240).values()
    law = law_of(values, range(60, 240))
    following, frozen = Rolling.begin(law), []
    late = Coverage.empty()
    for origin in range(240, 440):
        following = following.issued(values[:, :origin], flat(values, origin))
        if origin >= 320:
            late = late.counted(following.latest.cdf(actual_at(origin, values)))
            old = Distribution(law, *shape_of(values, origin, law))
            frozen.append(old.cdf(actual_at(origin, values)))
        following = following.observe(values[:, origin])
    left_alone = Coverage.empty().counted(np.stack(frozen)).share(0.8)
    assert left_alone < 0.62
    assert late.share(0.8) == pytest.approx(0.8, abs=0.05)


def shape_of(values: Floats, origin: int, law: ErrorLaw) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Parts of a distribution whose scale stays what it was at week 240."""
    forecast = flat(values, origin)
    common, own = law.joint.covariances(HORIZON)
    return forecast, law.scale(values[:, :240], forecast), np.zeros_like(forecast), common, own


def test_coverage_counts_every_actual_once_against_every_open_forecast() -> None:
    rolling = Rolling.begin(LAW)
    by_hand = Coverage.empty()
    for origin in range(300, 312):
        rolling = rolling.issued(VALUES[:, :origin], flat(VALUES, origin))
        ranks = [each.cdf(padded(VALUES[:, origin], each.horizon))[:, 0] for each in rolling.open]
        by_hand = by_hand.counted(np.stack(ranks))
        rolling = rolling.observe(VALUES[:, origin])
    assert len(rolling.open) == HORIZON - 1
    assert rolling.coverage == by_hand
    assert by_hand.seen == WORLD.series * (sum(range(1, HORIZON + 1)) + 4 * HORIZON)


def padded(actual: Floats, horizon: int) -> Floats:
    return np.column_stack([actual, np.full((len(actual), horizon - 1), np.nan)])


def test_a_law_survives_its_file() -> None:
    law = LAW.observed(np.array([0.3, np.nan]), np.array([0.6, np.nan]))
    back = ErrorLaw.from_plain(json.loads(json.dumps(law.to_plain())))
    assert np.array_equal(made_at(300, back).quantile(LEVELS), made_at(300, law).quantile(LEVELS))
    assert np.array_equal(made_at(300, back).samples(10, 1), made_at(300, law).samples(10, 1))
    counted = Coverage.empty().counted(np.array([0.5, 0.99]))
    assert Coverage.from_plain(json.loads(json.dumps(counted.to_plain()))) == counted
    assert counted.joined(counted).seen == 4


def test_the_unit_of_the_values_does_not_matter() -> None:
    values = VALUES[:, :LEARNED_UNTIL]
    law = law_of(values * 7, range(60, LEARNED_UNTIL))
    ours = issue(law, values * 7, 7 * flat(values, LEARNED_UNTIL)).quantile(LEVELS)
    assert ours == pytest.approx(7 * made_at(LEARNED_UNTIL, LAW).quantile(LEVELS), rel=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((4, 60)),
        np.full((1, 60), 12.0),
        np.where(np.random.default_rng(0).random((6, 60)) < 0.7, 0.0, 5.0),
        np.where(np.random.default_rng(1).random((6, 60)) < 0.3, np.nan, 40.0 + np.arange(60.0)),
        np.vstack([np.full((1, 60), np.nan), np.random.default_rng(2).gamma(5.0, 20.0, (2, 60))]),
    ],
    ids=["all zero", "one constant", "mostly zero", "holes", "one never seen"],
)
def test_odd_panels_get_finite_intervals(values: Floats) -> None:
    forecast = np.nan_to_num(np.nanmean(np.nan_to_num(values), axis=1, keepdims=True)) * np.ones(HORIZON)
    law = learn(values, list(range(20, 60)), np.repeat(forecast[None], 40, axis=0))
    ahead = issue(law, values, forecast)
    quantiles = ahead.quantile(LEVELS)
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=2) >= 0).all()
    assert (quantiles >= 0).all()
    left = ahead.observe(np.where(np.arange(len(values)) == 0, np.nan, 3.0))
    assert np.isfinite(left.quantile(LEVELS)).all()
    assert np.isfinite(total(left).mean)


def test_a_zero_inside_an_interval_that_ends_at_zero_is_inside() -> None:
    ahead = issue(unlearned(), np.full((1, 30), 0.1), np.full((1, 2), 0.001))
    _, ranks = ahead.standing(np.array([0.0]))
    assert ranks[0] <= 0.5
    assert ahead.quantile((0.1,))[0, 0, 0] == 0.0
    assert Coverage.empty().counted(ranks).share(0.8) == 1.0
    negative = issue(unlearned(never_negative=False), np.full((1, 30), 0.1), np.full((1, 2), 0.001))
    assert negative.quantile((0.1,))[0, 0, 0] < 0


def test_the_weighted_quantile_loss_of_the_median_is_the_wape() -> None:
    rng = np.random.default_rng(0)
    actual, forecast = rng.gamma(5, 10, (3, 4)), rng.gamma(5, 10, (3, 4))
    wape = np.abs(actual - forecast).sum() / actual.sum()
    assert weighted_quantile_loss(actual, forecast[..., None], (0.5,)) == pytest.approx(wape)
    draws = rng.gamma(5, 10, 4000)
    losses = [pinball(draws, np.full((4000, 1), guess), (0.9,)).mean() for guess in (60.0, 80.0, 110.0)]
    assert losses.index(min(losses)) == 1


def test_restlessness_is_what_plain_loops_find() -> None:
    row = VALUES[0, :40].copy()
    row[[3, 17]] = np.nan
    distances = []
    for week in range(1, 40):
        before = row[max(0, week - 8) : week]
        known = before[~np.isnan(before)]
        if len(known) >= 2 and not np.isnan(row[week]):
            distances.append(abs(row[week] - known.mean()))
    assert traits(row[None]).restlessness[0] == pytest.approx(np.mean(distances))
