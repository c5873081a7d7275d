"""How much each part of an answer counts: weights in log-odds, learned on windows that no part had seen; knows no part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .features import Floats
from .measures import log_loss_of_log_odds

BLEND = "blend"
# Weights are drawn towards equal ones as if by so many rows: with few windows the parts say nearly the same.
RIDGE_ROWS = 20.0

# Rows of the rarer answer that each weight takes to be learned; with fewer they follow chance.
# Source: Peduzzi et al. (1996), A simulation study of the number of events per variable in logistic regression analysis.
RARER_PER_WEIGHT = 20


@dataclass(frozen=True)
class Window:
    """Log-odds by part, shape (n, n_parts), of parts fitted before the window, and what came."""

    log_odds: Floats
    labels: Floats


@dataclass(frozen=True)
class Mix:
    """The best by backtest: the name of one part, or ``blend``, and the weight of each part."""

    learner: str
    weights: dict[str, float]


def best_mix(names: Sequence[str], windows: Sequence[Window]) -> Mix:
    """One part alone, or all of them where that saves log loss on windows whose labels the weights had not seen.

    Args:
        names: The parts; the first serves where there is no window.
    """
    if not windows:
        return alone(names[0])
    losses = {
        name: log_loss_of_log_odds(together(windows).labels, together(windows).log_odds[:, i])
        for i, name in enumerate(names)
    }
    single = min(names, key=lambda name: losses[name])
    too_few = rarer(together(windows).labels) < RARER_PER_WEIGHT * len(names)
    if len(windows) < 2 or too_few or not pays(windows, names.index(single)):
        return alone(single)
    weights = fitted_weights(together(windows))
    return Mix(BLEND, dict(zip(names, weights.tolist(), strict=True)))


def rarer(labels: Floats) -> int:
    """Rows of the rarer answer."""
    return int(min(labels.sum(), len(labels) - labels.sum()))


def alone(name: str) -> Mix:
    return Mix(name, {name: 1.0})


def pays(windows: Sequence[Window], single: int) -> bool:
    """Whether the blend, each window with the weights of the others, loses less than one part by more than chance may make of it.

    More than one standard error of the difference: with few rows a blend that wins in the backtest is often the worse one later.
    """
    gains = []
    for i, window in enumerate(windows):
        others = [other for j, other in enumerate(windows) if j != i]
        mixed = window.log_odds @ fitted_weights(together(others))
        gains.append(surprises(window.labels, window.log_odds[:, single]) - surprises(window.labels, mixed))
    gain = np.concatenate(gains)
    return bool(gain.mean() > gain.std() / np.sqrt(len(gain)))


def surprises(labels: Floats, log_odds: Floats) -> Floats:
    """Log loss of each row."""
    return np.asarray(np.logaddexp(0.0, log_odds) - labels * log_odds)


def fitted_weights(rows: Window) -> Floats:
    """Weights of at least 0 with the least log loss, drawn a little towards equal ones."""
    from scipy.optimize import minimize  # needed to train, never to serve

    count = rows.log_odds.shape[1]
    equal = np.full(count, 1 / count)
    pull = RIDGE_ROWS / len(rows.labels)

    def loss(weights: Floats) -> tuple[float, Floats]:
        mixed = rows.log_odds @ weights
        surprise = 1 / (1 + np.exp(-mixed)) - rows.labels
        value = log_loss_of_log_odds(rows.labels, mixed) + pull * float(((weights - equal) ** 2).sum())
        return value, surprise @ rows.log_odds / len(rows.labels) + 2 * pull * (weights - equal)

    found = minimize(loss, equal, jac=True, bounds=[(0.0, None)] * count, method="L-BFGS-B")
    return np.asarray(found.x, dtype=np.float64)


def together(windows: Sequence[Window]) -> Window:
    return Window(
        np.concatenate([window.log_odds for window in windows]),
        np.concatenate([window.labels for window in windows]),
    )
