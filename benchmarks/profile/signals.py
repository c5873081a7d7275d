"""What each signal of interest is worth: browsing, clicks, frequency and dwell time, one by one and each left out.

Each day on which a customer looked at a category is a look. Whether he buys the category in the week after is learned from three numbers of each
signal at the end of that day (and from which category it is), over the last half year of worlds of seeds 11 to 13; half of the customers
teach, the other half judge. Worth is the log-loss that is lost without a signal, with a bootstrap interval over customers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from benchmarks.profile.folded import end_of, states_at, world_of
from benchmarks.report import Row
from fieldwise_market.vocabulary import CATEGORIES
from fieldwise_profile.core.browsing import CLICKS, DWELL, VIEWS
from fieldwise_profile.core.event import DAY
from fieldwise_profile.core.fold import State

SEEDS: Final = (11, 12, 13)
SIGNALS: Final = ("frequency", "browse", "click", "dwell")
AHEAD: Final = 7
LOOK_DAYS: Final = 182
DRAWS: Final = 1_000
_WINDOWS: Final = (1, 7, 28)

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


def rows(*, quick: bool) -> Iterator[Row]:
    tables = [_table(seed, place) for place, seed in enumerate(SEEDS[:1] if quick else SEEDS)]
    columns, bought = np.vstack([each[0] for each in tables]), np.concatenate([each[1] for each in tables])
    owners = np.concatenate([each[2] for each in tables])
    train = np.random.default_rng(5).permutation(owners.max() + 1)[owners] % 2 == 0
    whole = _predicted(columns, bought, train, SIGNALS)
    judged = bought[~train]
    yield Row("looks judged", float(len(judged)), "looks")
    yield Row(
        "does a look end in a purchase within a week: all four signals", roc_auc_score(judged, whole), "AUC"
    )
    for signal in SIGNALS:
        alone = _predicted(columns, bought, train, (signal,))
        rest = _predicted(columns, bought, train, tuple(each for each in SIGNALS if each != signal))
        yield Row(f"{signal} alone", roc_auc_score(judged, alone), "AUC", peer="chance", peer_value=0.5)
        without = roc_auc_score(judged, rest)
        yield Row(
            f"all but {signal}", without, "AUC", peer="all four", peer_value=roc_auc_score(judged, whole)
        )
        yield _worth(
            f"{signal}: log-loss lost without it",
            _losses(judged, rest) - _losses(judged, whole),
            owners[~train],
        )


def _worth(name: str, lost: Numbers, owners: NDArray[np.int64]) -> Row:
    """With a 95 % interval over customers."""
    sums, counts = np.bincount(owners, weights=lost), np.bincount(owners)
    sums, counts = sums[counts > 0], counts[counts > 0]
    chance = np.random.default_rng(23)
    drawn = []
    for _ in range(DRAWS):
        some = chance.integers(0, len(sums), len(sums))
        drawn.append(1000 * sums[some].sum() / counts[some].sum())
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Row(f"{name} (95 % {low:.2f} to {high:.2f})", 1000 * float(lost.mean()), "millinats")


def _losses(bought: Flags, shares: Numbers) -> Numbers:
    return np.asarray(-np.where(bought, np.log(shares), np.log1p(-shares)))


def _table(seed: int, place: int) -> tuple[Numbers, Flags, NDArray[np.int64]]:
    """A row for each look: the category, then three columns for each signal; and whether he bought the category in the week after."""
    world = world_of(seed)
    (states,) = states_at(world, 0)
    end = end_of(world) // DAY
    lines, bought, owners = [], [], []
    for number, name in enumerate(world.customers):
        state = states.get(name) or State()
        for kind, category in enumerate(CATEGORIES):
            own = state.categories.get(category)
            days, looks = sorted(own.days) if own else [], _looks(state, category)
            for day in (day for day, _ in looks if end - LOOK_DAYS <= day < end - AHEAD):
                lines.append([len(CATEGORIES) * place + kind, *_signals(days, looks, day)])
                bought.append(any(day < each <= day + AHEAD for each in days))
                owners.append(100_000 * place + number)
    return np.array(lines), np.array(bought), np.array(owners)


def _looks(state: State, category: str) -> list[tuple[int, list[int]]]:
    """Days on which he looked at the category, with the day's sums."""
    days = state.browsing.days() if state.browsing else {}
    return [(day, sums.categories[category]) for day, sums in days.items() if category in sums.categories]


def _signals(days: list[int], looks: list[tuple[int, list[int]]], today: int) -> list[float]:
    """Three numbers of each signal, at the end of a day on which he looked."""
    before = [day for day in days if day <= today]
    found = [
        float(len(before)),
        float(today - before[-1]) if before else np.nan,
        float(sum(day > today - 28 for day in before)),
    ]
    recent = [(today - day, sums) for day, sums in looks if today - 28 < day <= today]
    for place in (VIEWS, CLICKS, DWELL):
        found += [float(sum(sums[place] for age, sums in recent if age < window)) for window in _WINDOWS]
    return found


def _predicted(columns: Numbers, bought: Flags, train: Flags, signals: tuple[str, ...]) -> Numbers:
    """Probabilities for the customers not trained on."""
    # The category of the world stands first: what a look says differs between categories, whatever signal is left out.
    chosen = [0, *(1 + 3 * SIGNALS.index(signal) + place for signal in signals for place in range(3))]
    learner = HistGradientBoostingClassifier(
        max_iter=120,
        learning_rate=0.06,
        max_leaf_nodes=15,
        min_samples_leaf=80,
        categorical_features=[0],
        random_state=0,
    )
    learner.fit(columns[train][:, chosen], bought[train])
    return np.asarray(learner.predict_proba(columns[~train][:, chosen])[:, 1])
