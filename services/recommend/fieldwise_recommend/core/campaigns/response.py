"""Who buys and who opts out in a week, by what was done, learned from weeks with chance in them; knows no policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats, Ints
from fieldwise_recommend.core.campaigns.standing import NOTHING, Standing

# Opting out is rare: a step comes nearer to its log-odds by about one.
_STEPS: Final = 14
_STEPS_FROM_NEAR: Final = 3
# What an action adds is drawn to its average: an answer that differs by a fact must be seen often to be believed.
_RIDGE, _RIDGE_OF_DIFFERENCES = 2.0, 30.0
_MOST_LOG_ODDS: Final = 12.0


@dataclass(frozen=True, slots=True)
class Weeks:
    """Recorded weeks of customers, one row for each.

    Args:
        before: Where they stood.
        actions: What was done, by chance, shape (n,).
        bought: Whether they bought, shape (n,).
        left: Whether they opted out, shape (n,).
        customers: Whose row it is, shape (n,).
    """

    before: Standing
    actions: Ints
    bought: Bools
    left: Bools
    customers: Ints


@dataclass(frozen=True, slots=True)
class Response:
    """Two logistic models: of buying, and of opting out when contacted."""

    count: int
    buying: Floats
    leaving: Floats

    def bought(self, standing: Standing, actions: Ints) -> Floats:
        """P(buys in the week), shape (n,)."""
        return _chance(_buying_terms(standing, actions, self.count) @ self.buying)

    def left(self, standing: Standing, actions: Ints) -> Floats:
        """P(opts out in the week); 0 where nothing is done, shape (n,)."""
        chance = _chance(_leaving_terms(standing, actions, self.count) @ self.leaving)
        return np.where((actions != NOTHING) & standing.reachable, chance, 0.0)


def learned(
    weeks: Weeks, count: int, row_weights: Floats | None = None, near: Response | None = None
) -> Response:
    """Fits both models.

    Args:
        count: Number of actions.
        row_weights: How often each row counts, such as a bootstrap's draw of customers, shape (n,).
        near: Models of nearly the same rows, to start from.
    """
    each = np.ones(len(weeks.actions)) if row_weights is None else row_weights
    terms = _buying_terms(weeks.before, weeks.actions, count)
    held = np.full(terms.shape[1], _RIDGE)
    of_action = _terms_of_an_action(weeks.before)
    differences = [_RIDGE, *[_RIDGE_OF_DIFFERENCES] * (of_action - 1)]
    held[-of_action * (count - 1) :] = differences * (count - 1)
    buying = _fit(terms, weeks.bought.astype(np.float64), each, held, None if near is None else near.buying)
    reached = (weeks.actions != NOTHING) & weeks.before.reachable
    terms = _leaving_terms(weeks.before.at(reached), weeks.actions[reached], count)
    held = np.full(terms.shape[1], _RIDGE)
    leaving = _fit(
        terms,
        weeks.left[reached].astype(np.float64),
        each[reached],
        held,
        None if near is None else near.leaving,
    )
    return Response(count, buying, leaving)


def _buying_terms(standing: Standing, actions: Ints, count: int) -> Floats:
    """Usual rate, time since the last purchase and weariness; for each action what it adds, and how that tires."""
    loads = standing.loads(count)
    idle = np.log(standing.idle.astype(np.float64))
    gone = (~standing.reachable).astype(np.float64)
    traits = standing.traits
    moods = np.column_stack([standing.log_odds(), traits, traits**2, idle])
    # Weariness takes from buying where there is much of it; a linear part would take from it at the first mail.
    plain = [np.ones(len(idle)), *moods.T, standing.log_odds() ** 2, *np.square(loads).T, gone]
    # Of every kind of contact together, as it fades soon and late.
    weary = np.log1p(np.column_stack([loads[:, ::2].sum(axis=1), loads[:, 1::2].sum(axis=1)]))
    added = []
    for action in range(1, count):
        done = ((actions == action) & standing.reachable).astype(np.float64)
        # How traits and weariness go together: who answers much tires of much.
        differs = np.column_stack([moods, weary, *(each[:, None] * traits for each in weary.T)])
        added += [done, *(done[:, None] * differs).T]
    return np.column_stack([*plain, *added])


def _terms_of_an_action(standing: Standing) -> int:
    """How many terms each action has: its average and what it differs by."""
    traits = int(standing.traits.shape[1])
    return 1 + (2 + 2 * traits) + 2 * (1 + traits)


def _leaving_terms(standing: Standing, actions: Ints, count: int) -> Floats:
    loads = standing.loads(count)
    kinds = [(actions == action).astype(np.float64) for action in range(1, count)]
    return np.column_stack([*kinds, *np.log1p(loads).T])


def _fit(terms: Floats, happened: Floats, each: Floats, held: Floats, near: Floats | None) -> Floats:
    """Logistic coefficients by Newton steps, with a ridge for each of the terms, which are scaled to spread 1."""
    scale = np.sqrt((terms**2).mean(axis=0))
    scale[scale == 0.0] = 1.0
    scaled = terms / scale
    coefficients = np.zeros(terms.shape[1]) if near is None else near * scale
    for _ in range(_STEPS if near is None else _STEPS_FROM_NEAR):
        chance = _chance(scaled @ coefficients)
        slope = scaled.T @ (each * (happened - chance)) - held * coefficients
        weighed = scaled * (each * chance * (1.0 - chance))[:, None]
        bend = scaled.T @ weighed + np.diag(held)
        coefficients = coefficients + np.linalg.solve(bend, slope)
    fitted: Floats = coefficients / scale
    return fitted


def _chance(odds: Floats) -> Floats:
    probability: Floats = 1.0 / (1.0 + np.exp(-odds.clip(-_MOST_LOG_ODDS, _MOST_LOG_ODDS)))
    return probability
