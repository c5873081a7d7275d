"""Whom to contact: by what customers do, or by age and gender, with the same budget.

Protocol, fixed before the learner was tuned (on worlds of seeds 1 to 3): worlds of seeds 11 to 13. In each world half of the customers, drawn
at random, take part in a randomised trial of each action: a coin decides who is contacted, and only the future that then happens is
seen. A rule learns from them whom a contact moves, from the service's own profiles at the end of the world. Then each rule chooses
a fifth of the other half, whom it has never seen. Both futures of a simulated customer are known, so what a choice adds is counted, not
estimated. The interval is a bootstrap over the unseen customers (percentiles, 2,000 draws); both rules are chosen anew in each draw.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, RidgeCV

from benchmarks.profile.folded import CUSTOMERS, end_of, states_at, world_of
from benchmarks.report import Row
from fieldwise_market.population import ACTIONS
from fieldwise_market.trial import respond
from fieldwise_market.world import World
from fieldwise_profile.core.browsing import CLICKS, DWELL, VIEWS
from fieldwise_profile.core.event import DAY
from fieldwise_profile.core.features import features
from fieldwise_profile.core.fold import State
from fieldwise_profile.core.segments.behaviour import MEASURES, NAMES, behaviour
from fieldwise_profile.core.segments.scaling import scale_of
from fieldwise_profile.core.segments.static import static_segment
from fieldwise_profile.core.segments.year import year_of

SEEDS: Final = (11, 12, 13)
QUICK_SEEDS: Final = (11,)
BUDGET: Final = 0.2
DRAWS: Final = 2_000
# The weeks of browsing that a rule sees beside the year.
WINDOWS: Final = (7, 14, 28)

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Town:
    """One world as the service sees it: a row of behaviour and a static segment for each customer, and who is in the trial."""

    world: World
    behaviour: Numbers
    static: NDArray[np.str_]
    in_trial: Flags
    contacted: Flags


def rows(*, quick: bool) -> Iterator[Row]:
    yield from _targeting([_town(seed) for seed in (QUICK_SEEDS if quick else SEEDS)])


def _town(seed: int) -> Town:
    world = world_of(seed)
    (states,) = states_at(world, 0)
    moment = end_of(world)
    chance = np.random.default_rng([seed, 90])
    known = [states.get(name) or State() for name in world.customers]
    return Town(
        world=world,
        behaviour=np.array([_row(state, moment) for state in known]),
        static=np.array([_static(state, world.end.year) for state in known]),
        in_trial=chance.permutation(len(known)) < len(known) // 2,
        contacted=chance.random(len(known)) < 0.5,
    )


def _row(state: State, moment: int) -> list[float]:
    year = behaviour(year_of(state, moment)) if state.count else None
    return [*(year or [np.nan] * len(NAMES)), *features(state, moment), *_lately(state, moment)]


def _lately(state: State, moment: int) -> list[float]:
    """Views, clicks, searches and seconds of the last weeks."""
    last = (moment - 1) // DAY
    days = state.browsing.days() if state.browsing else {}
    return [
        float(
            sum(
                own[place]
                for day, sums in days.items()
                if day > last - window
                for own in sums.categories.values()
            )
        )
        for window in WINDOWS
        for place in (VIEWS, CLICKS, DWELL)
    ]


def _static(state: State, year: int) -> str:
    plain = state.plain
    return static_segment(plain.gender, plain.birth_year_band, year)


def _targeting(towns: list[Town]) -> Iterator[Row]:
    prepared = _prepared(towns)
    pooled: list[tuple[Numbers, Numbers, Numbers]] = []
    for action in ACTIONS:
        pooled.append(_trial(towns, prepared, action))
        by_behaviour, by_static, nobody = (_added(*pooled[-1][:1], rank) for rank in (*pooled[-1][1:], None))
        yield Row(
            f"{action}: purchases added per 100 contacts, chosen by behaviour",
            by_behaviour,
            "per 100",
            peer="age x gender; at random: " + f"{nobody:.2f}",
            peer_value=by_static,
        )
    gain, low, high = _gain(pooled)
    of_static = float(np.mean([_added(added, static) for added, _, static in pooled]))
    yield Row(
        "all actions: behaviour - age x gender, same budget",
        gain,
        "per 100",
        peer="age x gender",
        peer_value=of_static,
    )
    yield Row("... lower end of the 95 % interval (unseen customers)", low, "per 100", "must", "> 0")
    yield Row("... upper end", high, "per 100")


def _prepared(towns: list[Town]) -> Numbers:
    """Behaviour of all towns on one scale that the customers in the trials set."""
    every = np.vstack([town.behaviour for town in towns])
    trial = np.concatenate([town.in_trial for town in towns])
    year = slice(0, len(MEASURES))
    all_found = [measure._replace(weight=1.0) for measure in MEASURES]
    scaled = scale_of(all_found, every[trial][:, year]).scaled_all(every[:, year])
    rest = np.sign(every[:, len(MEASURES) :]) * np.log1p(np.abs(every[:, len(MEASURES) :]))
    rest = rest[:, ~np.isnan(rest[trial]).all(axis=0)]
    rest = (rest - np.nanmean(rest[trial], axis=0)) / (np.nanstd(rest[trial], axis=0) + 1e-9)
    return np.hstack((scaled, np.clip(np.nan_to_num(rest), -5, 5)))


def _trial(towns: list[Town], prepared: Numbers, action: str) -> tuple[Numbers, Numbers, Numbers]:
    """For the unseen customers of all towns: what a contact adds, and how each rule ranks them."""
    futures = [respond(town.world, np.arange(CUSTOMERS), action, seed=int(town.world.seed)) for town in towns]
    contacted = np.concatenate([town.contacted for town in towns])
    trial = np.concatenate([town.in_trial for town in towns])
    without = np.concatenate([future.without for future in futures])
    bought = np.where(contacted, np.concatenate([future.with_contact for future in futures]), without)
    added = np.concatenate([future.with_contact for future in futures]).astype(float) - without
    static = np.concatenate([town.static for town in towns])
    by_behaviour = _moved(prepared, contacted, bought, trial)
    by_static = _moved_cells(static, contacted, bought, trial)
    return added[~trial], by_behaviour[~trial], by_static[~trial]


def _moved(behaviour_rows: Numbers, contacted: Flags, bought: Flags, trial: Flags) -> Numbers:
    """What a contact adds, learned from those in the trial.

    Source: Nie and Wager (2021), Quasi-oracle estimation of heterogeneous treatment effects, with a coin's probability of one half.
    """
    base = LogisticRegression(C=0.02, max_iter=500).fit(behaviour_rows[trial], bought[trial])
    expected = base.predict_proba(behaviour_rows)[:, 1]
    sign = np.where(contacted, 1.0, -1.0)
    learner = RidgeCV(alphas=np.logspace(1, 5, 9)).fit(
        behaviour_rows[trial], (2 * (bought - expected) * sign)[trial]
    )
    return np.asarray(learner.predict(behaviour_rows))


def _moved_cells(static: NDArray[np.str_], contacted: Flags, bought: Flags, trial: Flags) -> Numbers:
    """The same for rules by age and gender: the difference within each cell; within a cell, by lot."""
    found = np.zeros(len(static))
    for cell in np.unique(static):
        own = static == cell
        moved, left = bought[own & trial & contacted], bought[own & trial & ~contacted]
        if len(moved) and len(left):
            found[own] = moved.mean() - left.mean()
    return found + 1e-9 * np.random.default_rng(7).random(len(static))


def _added(added: Numbers, ranking: Numbers | None) -> float:
    """Purchases added per 100 contacts of the customers whom a ranking puts first; of all without one."""
    if ranking is None:
        return 100 * float(added.mean())
    chosen = np.argsort(-ranking, kind="stable")[: int(BUDGET * len(added))]
    return 100 * float(added[chosen].mean())


def _gain(pooled: list[tuple[Numbers, Numbers, Numbers]]) -> tuple[float, float, float]:
    """Mean over the actions of behaviour - static, with a 95 % interval."""
    chance = np.random.default_rng(17)
    size = len(pooled[0][0])

    def gain(some: NDArray[np.int64]) -> float:
        return float(np.mean([_added(a[some], b[some]) - _added(a[some], s[some]) for a, b, s in pooled]))

    drawn = [gain(chance.integers(0, size, size)) for _ in range(DRAWS)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return gain(np.arange(size)), float(low), float(high)
