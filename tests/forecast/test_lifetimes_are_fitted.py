"""Models of lifetimes against published figures, brute-force integrals and simulated customers; forecasts that add up."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import approx_fprime

from fieldwise_forecast.core.lifetimes import bg_nbd, gamma_gamma, pareto_nbd
from fieldwise_forecast.core.lifetimes.apportioning import apportioned
from fieldwise_forecast.core.lifetimes.bg_nbd import BgNbd
from fieldwise_forecast.core.lifetimes.gamma_gamma import GammaGamma
from fieldwise_forecast.core.lifetimes.histories import Histories, histories_of
from fieldwise_forecast.core.lifetimes.pareto_nbd import ParetoNbd
from fieldwise_forecast.core.lifetimes.segments import all_stretches, last_stretch
from fieldwise_forecast.core.lifetimes.trend import Trending
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest

Floats = NDArray[np.float64]
WEEKS = 40.0


def cdnow_summary() -> Histories:
    """2,357 customers of CDNOW after 39 weeks, as Fader and Hardie publish them."""
    package = find_spec("lifetimes")
    if package is None or package.origin is None:
        pytest.skip("the package lifetimes, which ships the data, is not installed")
    path = Path(package.origin).parent / "datasets" / "cdnow_customers_summary.csv"
    _, repeats, recency, age = np.loadtxt(path, delimiter=",", skiprows=1).T
    return Histories(repeats, recency, age)


def simulated(
    seed: int, customers: int, returning: float = 0.0, weeks: float = WEEKS
) -> tuple[Histories, Floats]:
    """Customers of a Pareto/NBD with returns, all first seen within eight weeks, and what they buy in the 20 weeks after."""
    rng = np.random.default_rng(seed)
    rate, leaves = rng.gamma(0.8, 1 / 6, customers), rng.exponential(1 / rng.gamma(1.5, 1 / 20, customers))
    begun = rng.uniform(0, 8, customers)
    who, when = [np.arange(customers)], [begun]
    for i in range(customers):
        before = rng.poisson(rate[i] * min(leaves[i], weeks + 20))
        after = rng.poisson(rate[i] * returning * max(weeks + 20 - leaves[i], 0))
        own = np.append(
            rng.uniform(0, min(leaves[i], weeks + 20), before),
            rng.uniform(leaves[i], max(weeks + 20, leaves[i]), after),
        )
        who.append(np.full(len(own), i))
        when.append(begun[i] + own)
    customer, time = np.concatenate(who), np.concatenate(when)
    later = (time > weeks) & (time <= weeks + 20)
    return histories_of(customer, time, weeks), np.bincount(customer[later], minlength=customers).astype(
        float
    )


def test_published_parameters_of_cdnow_are_found() -> None:
    histories = cdnow_summary()
    simple, pareto = BgNbd.fitted(histories), ParetoNbd.fitted(histories)
    assert [simple.r, simple.alpha, simple.a, simple.b] == pytest.approx(
        [0.243, 4.414, 0.793, 2.426], rel=2e-3
    )
    assert [pareto.r, pareto.alpha, pareto.s, pareto.beta] == pytest.approx(
        [0.553, 10.578, 0.606, 11.669], rel=2e-3
    )


def test_a_customer_published_with_his_forecast_gets_it() -> None:
    # Fader, Hardie & Lee (2005), section 3: x = 2, t_x = 30.43, T = 38.86 is expected to buy 1.23 times in 39 weeks.
    one = Histories(np.array([2.0]), np.array([30.43]), np.array([38.86]))
    assert BgNbd(0.243, 4.414, 0.793, 2.426).expected(one, 39.0)[0] == pytest.approx(1.226, abs=2e-3)


def test_the_unit_of_time_changes_nothing() -> None:
    unit = 7 * 86_400.0
    histories, _ = simulated(1, 400)
    scaled = histories.scaled(unit)
    for fit in (BgNbd.fitted, ParetoNbd.fitted, ParetoNbd.with_returns):
        expected = fit(histories).expected(histories, 20.0)
        assert fit(scaled).expected(scaled, 20.0 * unit) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("returning", [0.0, 0.2])
def test_gradients_are_those_of_the_likelihood(returning: float) -> None:
    histories = simulated(2, 60, 0.2)[0].scaled(1 / 30)
    stretches = all_stretches(histories) if returning else last_stretch(histories)
    at = np.array([0.7, 0.4, 0.8, 0.5, returning])
    _, slope = pareto_nbd.likelihood(at, histories, stretches)
    few = 5 if returning else 4
    numeric = approx_fprime(
        at[:few], lambda p: pareto_nbd.likelihood(np.append(p, at[few:]), histories, stretches)[0], 1e-7
    )
    assert slope[:few] == pytest.approx(numeric, rel=1e-3, abs=1e-2)
    simple = np.array([0.7, 0.4, 0.8, 2.5])
    numeric = approx_fprime(simple, lambda p: bg_nbd.log_likelihood(p, histories)[0], 1e-7)
    assert bg_nbd.log_likelihood(simple, histories)[1] == pytest.approx(numeric, rel=1e-3, abs=1e-2)


def test_the_posterior_is_the_integral_over_all_rates_and_moments_of_leaving() -> None:
    """Of one customer, by brute force: rates of purchase and of leaving on a grid, the moment of leaving by quadrature."""
    model = ParetoNbd(0.8, 6.0, 1.5, 20.0, returning=0.2)
    one = Histories(np.array([2.0]), np.array([9.0]), np.array([30.0]), np.array([4.0, 9.0]))
    rates = np.linspace(1e-4, 3, 4000)
    prior = rates ** (model.r - 1) * np.exp(-model.alpha * rates)

    def bought(leaves: float) -> float:
        """Likelihood of both purchases and nothing else when he leaves then."""
        after = float((np.array([4.0, 9.0]) > leaves).sum())
        exposure = min(leaves, 30) + model.returning * max(30 - leaves, 0)
        return float((prior * rates**2 * model.returning**after * np.exp(-rates * exposure)).sum())

    def density(leaves: float) -> float:
        return float(model.s * model.beta**model.s / (model.beta + leaves) ** (model.s + 1))

    pieces = [quad(lambda u: bought(u) * density(u), low, high)[0] for low, high in ((0, 4), (4, 9), (9, 30))]
    stays = bought(30.0) * (model.beta / (model.beta + 30)) ** model.s
    assert model.alive(one)[0] == pytest.approx(stays / (stays + sum(pieces)), rel=1e-4)


def test_counts_have_the_expected_mean_and_a_purchase_the_same_chance() -> None:
    histories, _ = simulated(3, 150, 0.2)
    model = ParetoNbd(0.8, 6.0, 1.5, 20.0, returning=0.2)
    exceeding = model.more_than(histories, 20.0, 200)
    assert exceeding.sum(axis=1) == pytest.approx(model.expected(histories, 20.0), rel=1e-3)
    assert exceeding[:, 0] == pytest.approx(model.buys_within(histories, 20.0))
    assert (np.diff(exceeding, axis=1) <= 1e-12).all()


def test_returns_that_are_there_are_found_and_none_are_invented() -> None:
    none, some = (ParetoNbd.with_returns(simulated(4, 1500, share)[0]).returning for share in (0.0, 0.25))
    assert none < 0.06
    assert some == pytest.approx(0.25, abs=0.1)


def test_forecasts_of_simulated_customers_hold() -> None:
    histories, came = simulated(8, 2000, 0.25)
    model = ParetoNbd.with_returns(histories)
    # Totals of such samples stray by 3 %.
    assert model.expected(histories, 20.0).sum() == pytest.approx(came.sum(), rel=0.08)
    # Who came back after leaving looks faithful to the Pareto/NBD, and it expects too much.
    plain = ParetoNbd.fitted(histories).expected(histories, 20.0).sum()
    assert abs(plain - came.sum()) > abs(model.expected(histories, 20.0).sum() - came.sum())


def test_a_trend_is_learned_from_the_past_alone() -> None:
    histories, came = simulated(6, 300, 0.25)
    model = Trending.fitted(histories)
    counts = model.counts(histories, 20.0)
    assert counts.sum() == pytest.approx(model.expected(histories, 20.0).sum(), rel=1e-6)
    means = model.expected(histories, 20.0)
    assert np.abs(counts - came).mean() < np.abs(means - came).mean()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(0.01, 0.99), min_size=3, max_size=3), min_size=1, max_size=4), st.floats(0, 1)
)
def test_no_forecast_with_the_same_total_errs_less(chances: list[list[float]], share: float) -> None:
    more_than = np.sort(np.array(chances), axis=1)[:, ::-1]
    total = share * float(more_than.sum())
    given_out = apportioned(more_than, total)
    assert given_out.sum() == pytest.approx(total)

    def error(forecast: Floats) -> float:
        """Expected absolute error, linear between whole counts."""
        whole = np.clip(forecast[:, None] - np.arange(3), 0, 1)
        return float((more_than.sum(axis=1) + (whole * (1 - 2 * more_than)).sum(axis=1)).sum())

    rng = np.random.default_rng(0)
    for _ in range(30):
        other = rng.dirichlet(np.ones(len(more_than))) * total
        if other.max() <= 3:
            assert error(given_out) <= error(other) + 1e-9


def test_histories_before_a_moment_are_those_of_the_purchases_before_it() -> None:
    rng = np.random.default_rng(7)
    customer, time = rng.integers(0, 30, 200), np.round(rng.uniform(0, 50, 200), 1)
    then, begun = histories_of(customer, time, 50.0).before(20.0)
    direct = histories_of(customer, time, 30.0)
    assert begun.sum() == len(direct)
    for name in ("repeats", "recency", "age", "times"):
        assert getattr(then, name) == pytest.approx(getattr(direct, name))


def test_equal_customers_in_one_row_are_fitted_like_single_ones() -> None:
    histories, _ = simulated(8, 300)
    at = np.array([0.7, 5.0, 0.8, 2.5])
    value, slope = bg_nbd.log_likelihood(at, histories)
    together = bg_nbd.log_likelihood(at, histories.summary())
    assert together[0] == pytest.approx(value)
    assert together[1] == pytest.approx(slope)


@pytest.mark.parametrize(
    ("repeats", "recency", "age", "field"),
    [
        (1.5, 3.0, 9.0, "repeats[0]"),
        (0, 3.0, 9.0, "recency[0]"),
        (1, 9.5, 9.0, "age[0]"),
        (1, 3.0, np.inf, "age[0]"),
    ],
)
def test_a_history_that_cannot_be_is_named(repeats: float, recency: float, age: float, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Histories(np.array([repeats]), np.array([recency]), np.array([age]))
    assert field in [violation.field for violation in refused.value.violations]


def test_too_few_customers_are_refused() -> None:
    with pytest.raises(FailedPrecondition, match="at least 50"):
        BgNbd.fitted(simulated(9, 20)[0])


def test_spend_is_drawn_to_everybodys_the_more_the_less_is_known() -> None:
    rng = np.random.default_rng(11)
    purchases = rng.integers(1, 12, 20_000).astype(float)
    nu = rng.gamma(4.0, 1 / 15.0, 20_000)
    mean = rng.gamma(6.0 * purchases) / (nu * purchases)
    model = GammaGamma.fitted(purchases, mean)
    truth = GammaGamma(6.0, 4.0, 15.0)
    # Means alone tell p and v apart badly, and what follows from both well.
    off = model.expected(purchases, mean) / truth.expected(purchases, mean) - 1
    assert np.abs(off).mean() < 0.02
    likelihoods = [
        gamma_gamma.log_likelihood(np.array([each.p, each.q, each.v]), purchases, mean)[0]
        for each in (model, truth)
    ]
    assert likelihoods[0] >= likelihoods[1]
    usual = model.expected(np.zeros(1), np.zeros(1))[0]
    once, often = model.expected(np.array([1.0, 50.0]), np.array([4 * usual, 4 * usual]))
    assert usual < once < often < 4 * usual
    at = np.array([5.0, 3.0, 12.0])
    numeric = approx_fprime(at, lambda p: gamma_gamma.log_likelihood(p, purchases, mean)[0], 1e-6)
    assert gamma_gamma.log_likelihood(at, purchases, mean)[1] == pytest.approx(numeric, rel=1e-3, abs=0.1)
