"""Usual learners of uplift with XGBoost, each taken at its word; knows no gate and no data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import xgboost

from fieldwise_recommend.core.arrays import Floats, Ints

# Facts, arms and rewards of randomised customers, and the number of arms, to what each arm adds for the facts of others.
Peer = Callable[[Floats, Ints, Floats, int], Callable[[Floats], Floats]]
Model = Callable[[Floats], Floats]

# As in the reference figures of the notes.
_ROUNDS: Final = 40
_TREES: Final = {"max_depth": 3, "eta": 0.1, "nthread": 1, "tree_method": "hist", "max_bin": 64}


def t_learner(facts: Floats, arms: Ints, rewards: Floats, count: int) -> Model:
    """A model for each arm; the difference of their answers."""
    models = [_model(facts[arms == arm], rewards[arms == arm]) for arm in range(count)]
    return lambda asked: _beside_nothing([model(asked) for model in models])


def s_learner(facts: Floats, arms: Ints, rewards: Floats, count: int) -> Model:
    """One model with the arm as a fact."""
    model = _model(np.column_stack([facts, np.eye(count)[arms]]), rewards)

    def added(asked: Floats) -> Floats:
        each = [np.column_stack([asked, np.tile(row, (len(asked), 1))]) for row in np.eye(count)]
        return _beside_nothing([model(given) for given in each])

    return added


def x_learner(facts: Floats, arms: Ints, rewards: Floats, count: int) -> Model:
    """Kuenzel et al. (2019): differences from the other arm's model, learned in both arms and averaged."""
    models = [_model(facts[arms == arm], rewards[arms == arm]) for arm in range(count)]
    pairs = []
    for arm in range(1, count):
        treated, left = arms == arm, arms == 0
        gained = _model(facts[treated], rewards[treated] - models[0](facts[treated]))
        missed = _model(facts[left], models[arm](facts[left]) - rewards[left])
        pairs.append((gained, missed))

    def added(asked: Floats) -> Floats:
        each = [0.5 * (gained(asked) + missed(asked)) for gained, missed in pairs]
        return np.column_stack([np.zeros(len(asked)), *each])

    return added


def dr_learner(facts: Floats, arms: Ints, rewards: Floats, count: int) -> Model:
    """Kennedy (2023), with halves for the two stages, both ways."""
    half = np.random.default_rng(0).random(len(arms)) < 0.5
    sums: list[list[Model]] = [[] for _ in range(count)]
    for first in (half, ~half):
        models = [
            _model(facts[first & (arms == arm)], rewards[first & (arms == arm)]) for arm in range(count)
        ]
        second = ~first
        given, arm_of, reward = facts[second], arms[second], rewards[second]
        said = np.column_stack([model(given) for model in models])
        rows = np.arange(len(given))
        said[rows, arm_of] += (reward - said[rows, arm_of]) * count
        for arm in range(1, count):
            sums[arm].append(_model(given, said[:, arm] - said[:, 0]))

    def added(asked: Floats) -> Floats:
        each = [np.mean([model(asked) for model in models], axis=0) for models in sums[1:]]
        return np.column_stack([np.zeros(len(asked)), *each])

    return added


def propensity(facts: Floats, arms: Ints, rewards: Floats, count: int) -> Model:
    """No uplift at all: who is likeliest to bring much with the arm that did best, as campaigns are usually aimed."""
    best = 1 + int(np.argmax([rewards[arms == arm].mean() for arm in range(1, count)]))
    model = _model(facts[arms == best], rewards[arms == best])
    least = float(np.median(model(facts)))

    def added(asked: Floats) -> Floats:
        found = np.zeros((len(asked), count))
        found[:, best] = model(asked) - least
        return found

    return added


PEERS: Final[dict[str, Peer]] = {
    "T-learner": t_learner,
    "S-learner": s_learner,
    "X-learner": x_learner,
    "DR-learner": dr_learner,
}


def _model(facts: Floats, rewards: Floats) -> Model:
    trained = xgboost.train(
        dict(_TREES, base_score=float(rewards.mean())),
        xgboost.DMatrix(facts, label=rewards, nthread=1),
        _ROUNDS,
    )
    return lambda asked: np.asarray(trained.predict(xgboost.DMatrix(asked, nthread=1)), dtype=np.float64)


def _beside_nothing(answers: list[Floats]) -> Floats:
    together = np.column_stack(answers)
    beside: Floats = together - together[:, [0]]
    return beside
