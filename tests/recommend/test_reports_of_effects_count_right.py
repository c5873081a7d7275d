"""What a report of effects counts, customer by customer, equals a plain count over a company's decisions."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from benchmarks.recommend.company_world import MONTHS, REPS, WINDOW, Company, company
from fieldwise_recommend.core.choices import CONTROL
from fieldwise_recommend.core.effect.comparing import compare
from fieldwise_recommend.core.effect.report import Report, report_of
from fieldwise_recommend.core.results import BOUGHT, SILENT

CUSTOMERS = 3_000


@cache
def made() -> tuple[Company, Report]:
    world = company(7, CUSTOMERS)
    return world, report_of(world.experience, WINDOW)


def months(flag: int) -> list[set[int]]:
    """Who has a flag, month by month."""
    experience = made()[0].experience
    found: list[set[int]] = [set() for _ in range(MONTHS)]
    for place, (customer, flags) in enumerate(zip(experience.customer, experience.flags, strict=True)):
        if flags & flag:
            found[place // CUSTOMERS].add(int(customer))
    return found


def first(column: np.ndarray) -> set[int]:
    """Customers for whom it is true at their first decision."""
    return set(np.flatnonzero(column[:CUSTOMERS]).tolist())


def test_who_comes_back_is_counted_by_the_windows_after_his_first_decision() -> None:
    world, report = made()
    (cohort,) = report.cohorts
    assert (cohort.customers, [period.number for period in cohort.periods]) == (CUSTOMERS, [0, 1, 2])
    for month, period in enumerate(cohort.periods):
        twice = world.experience.purchase_days[month * CUSTOMERS : (month + 1) * CUSTOMERS] >= 2
        bought = months(BOUGHT)[month]
        assert (period.retained.count, period.retained.total) == (len(bought), CUSTOMERS)
        assert (period.bought_again.count, period.bought_again.total) == (twice.sum(), len(bought))


def test_a_rep_follows_what_he_acted_on_of_what_was_his_to_do() -> None:
    world, report = made()
    asked, acted = first(world.experience.by_rep > 0), first(world.experience.said["acted"])
    for each in report.acting.reps:
        his = first(world.experience.rep == REPS.index(each.rep))
        assert (each.acted.count, each.acted.total) == (len(acted & his), len(asked & his))
        assert (each.declined.count, each.declined.total) == (0, len(asked & his))
    assert len(report.acting.reps) == len(REPS)


def test_who_fell_silent_is_counted_at_the_end_and_flagged_at_the_beginning() -> None:
    world, report = made()
    fell, flagged = months(SILENT)[-1], first(world.experience.p_silent >= 0.5)
    alone = first(world.experience.arm == CONTROL)
    churn = report.churn
    told = [(each.count, each.total) for each in (churn.flagged_alone, churn.flagged, churn.average)]
    assert told == [
        (len(fell & flagged & alone), len(flagged & alone)),
        (len(fell & flagged - alone), len(flagged - alone)),
        (len(fell), CUSTOMERS),
    ]
    assert 0 < len(flagged) < CUSTOMERS


def test_new_customers_are_strangers_who_bought_and_lost_ones_those_who_fell_silent() -> None:
    world, report = made()
    strangers = first(world.earlier == 0) - first(world.experience.arm == CONTROL)
    bought, fell = set().union(*months(BOUGHT)), months(SILENT)[-1]
    new = report.new_customers
    assert (new.strangers, new.gained) == (len(strangers), len(strangers & bought))
    assert 0 < new.gained < new.strangers
    assert new.lost == len(fell - first(world.experience.arm == CONTROL))


def test_a_small_group_that_happens_to_lack_large_spenders_is_not_taken_at_its_word() -> None:
    rng = np.random.default_rng(3)
    money = np.where(rng.random(10_000) < 0.02, rng.gamma(2.0, 500.0, 10_000), rng.gamma(2.0, 5.0, 10_000))
    treated = np.arange(10_000) >= 150
    money[:150] = np.minimum(money[:150], 40.0)
    own = float(np.sqrt(money[~treated].var(ddof=1) / 150 + money[treated].var(ddof=1) / 9_850))
    assert compare("money", money, treated).error > 2 * own


@pytest.mark.parametrize("window", [WINDOW, 2 * WINDOW])
def test_windows_of_another_length_make_other_periods(window: int) -> None:
    (cohort,) = report_of(made()[0].experience, window).cohorts
    assert [period.number for period in cohort.periods] == sorted(
        {month * WINDOW // window for month in range(MONTHS)}
    )
