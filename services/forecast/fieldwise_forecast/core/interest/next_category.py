"""Which categories a customer's next purchase will be of: his habits, everybody's, and what he looked at; knows no store.

A choice among all categories: each gets a score, a weighted sum of what is known of him and it, and the scores' softmax is the
probability. The weights are learned from later purchases, on cut-offs before them; the same function makes the inputs for training and
for serving.

Source: the conditional logit of McFadden (1974), Conditional logit analysis of qualitative choice behavior, equation 12.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, softmax

from fieldwise_runtime.errors import FailedPrecondition

from ..features import Floats
from .behaviour import DAY, Behaviour, Deed, Ints, Mask

# A purchase later than this is not what a customer had in mind.
WITHIN = 28 * DAY
STEP = 14 * DAY
TRAINING_CUTOFFS = 6
FEWEST_CHOICES = 100
# Numbers of the inputs, customers x categories, that are fitted on at once: some 30 MB with all inputs.
MOST_CELLS = 400_000
# Keeps a weight finite where a kind of deed never happens.
RIDGE = 1e-3
TINY = 1e-12
SEED = 20170101

# Own shares: half-life in days, and how many purchases of everybody's they are drawn to everybody's by. Few purchases among few
# categories say much, many among hundreds still little; the training weighs the two.
HABITS = ((28, 1.0), (180, 1.0), (180, 20.0))

INPUTS = (
    "popular",
    "bought_28d",
    "bought_180d",
    "bought_180d_drawn",
    "bought_last",
    "views_7d",
    "clicks_7d",
    "searches_7d",
    "dwell_7d",
    "due",
)


@dataclass(frozen=True)
class Choices:
    """Customers before a purchase.

    Attributes:
        inputs: Shape (n, n_categories, n_inputs).
        chosen: Share of each category among those of the next purchase day, shape (n, n_categories).
        day: That day since 1970, shape (n,).
    """

    inputs: Floats
    chosen: Floats
    day: Ints

    def __len__(self) -> int:
        return len(self.chosen)


@dataclass(frozen=True)
class NextCategory:
    """The learned weights. ``popularity`` is each category's share of everybody's purchases at training."""

    categories: tuple[str, ...]
    popularity: Floats
    weights: Floats

    def probabilities(self, behaviour: Behaviour, moment: int) -> Floats:
        """Of each customer and category, shape (n_customers, n_categories); rows add up to 1."""
        return self.chances(inputs_at(behaviour, self.categories, self.popularity, moment))

    def chances(self, inputs: Floats) -> Floats:
        """Of inputs, shape (n, n_categories, n_inputs)."""
        return np.asarray(softmax(inputs @ self.weights, axis=1))


def fit(behaviour: Behaviour, until: int) -> tuple[NextCategory, Choices, Choices]:
    """The model, and the choices it was trained on and is to be tested on: those after the last cut-off.

    Args:
        until: The moment up to which everything is known, microseconds.

    Raises:
        FailedPrecondition: Reason NOT_ENOUGH_HISTORY.
    """
    categories = behaviour.bought_categories
    if not categories:
        raise too_little("no purchase with a category")
    cutoffs = [until - WITHIN - k * STEP for k in range(TRAINING_CUTOFFS + 2)]
    # The window of the last cut-off tests. Those of the training end before it begins.
    test = choices_at(behaviour, categories, cutoffs[0])
    trained = [choices_at(behaviour, categories, cutoff) for cutoff in cutoffs[2:]]
    train = some_of([each for each in trained if len(each)], len(categories))
    for words, choices in (("training", train), ("test", test)):
        if len(choices) < FEWEST_CHOICES:
            raise too_little(f"{len(choices)} {words} purchases; at least {FEWEST_CHOICES} are needed")
    weights = learned(train)
    return NextCategory(categories, popularity_at(behaviour, categories, until), weights), train, test


def too_little(fact: str) -> FailedPrecondition:
    message = f"models/interests cannot be trained: {fact}. Ingest more history or train at a later time."
    return FailedPrecondition("NOT_ENOUGH_HISTORY", message)


def learned(choices: Choices) -> Floats:
    """Weights of the highest likelihood, drawn slightly to zero."""
    from scipy.optimize import minimize  # needed to train, never to serve

    def loss(weights: Floats) -> tuple[float, Floats]:
        logs = log_softmax(choices.inputs @ weights, axis=1)
        surplus = np.exp(logs) - choices.chosen
        slope = np.einsum("nc,ncf->f", surplus, choices.inputs) / len(choices)
        value = -float((choices.chosen * logs).sum()) / len(choices)
        return value + RIDGE * float(weights @ weights) / 2, slope + RIDGE * weights

    start = np.zeros(choices.inputs.shape[2])
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 100}).x)


def some_of(parts: Sequence[Choices], categories: int) -> Choices:
    """All choices, or as many as fit into memory, drawn at random."""
    if not parts:
        nobody = np.empty(0, dtype=np.int64)
        return Choices(np.empty((0, categories, len(INPUTS))), np.empty((0, categories)), nobody)
    most = max(FEWEST_CHOICES, MOST_CELLS // max(categories, 1) // len(parts))
    rng = np.random.default_rng(SEED)
    drawn = [rng.permutation(len(each))[:most] for each in parts]
    pairs = list(zip(parts, drawn, strict=True))
    return Choices(
        np.concatenate([each.inputs[rows] for each, rows in pairs]),
        np.concatenate([each.chosen[rows] for each, rows in pairs]),
        np.concatenate([each.day[rows] for each, rows in pairs]),
    )


def choices_at(behaviour: Behaviour, categories: Sequence[str], cutoff: int) -> Choices:
    """Everybody who had bought before the cut-off and bought again within 28 days of it."""
    chosen, day = chosen_after(behaviour, categories, cutoff)
    known = behaviour.before(cutoff)
    had_bought = np.bincount(
        known.customer[known.is_kind(Deed.PURCHASE)], minlength=len(behaviour.customers)
    ).astype(bool)
    rows = had_bought & (chosen.sum(axis=1) > 0)
    popularity = popularity_at(behaviour, categories, cutoff)
    inputs = inputs_at(only_of(known, rows), categories, popularity, cutoff)
    return Choices(inputs, chosen[rows], day[rows])


def only_of(behaviour: Behaviour, rows: Mask) -> Behaviour:
    """Some customers, numbered anew."""
    kept = behaviour.where(rows[behaviour.customer])
    number = np.cumsum(rows) - 1
    names = tuple(name for name, is_kept in zip(behaviour.customers, rows.tolist(), strict=True) if is_kept)
    return Behaviour(
        names,
        kept.words,
        number[kept.customer],
        kept.time,
        kept.kind,
        kept.category,
        kept.product,
        kept.dwell,
        kept.weight,
    )


def chosen_after(behaviour: Behaviour, categories: Sequence[str], cutoff: int) -> tuple[Floats, Ints]:
    """Each customer's first day with a purchase within 28 days, and the shares of the categories on it.

    Returns:
        Shares, shape (n_customers, n_categories), 0 where there is no purchase; days since 1970, shape (n_customers,).
    """
    later = behaviour.where(
        behaviour.is_kind(Deed.PURCHASE) & (behaviour.time >= cutoff) & (behaviour.time < cutoff + WITHIN)
    )
    place = places(later, categories)
    day = later.time // DAY
    first = np.full(len(behaviour.customers), np.iinfo(np.int64).max)
    np.minimum.at(first, later.customer, day)
    rows = (place >= 0) & (day == first[later.customer])
    chosen = np.zeros((len(behaviour.customers), len(categories)))
    chosen[later.customer[rows], place[rows]] = 1.0
    total = chosen.sum(axis=1, keepdims=True)
    return chosen / np.maximum(total, 1.0), first


def popularity_at(behaviour: Behaviour, categories: Sequence[str], moment: int) -> Floats:
    """Each category's share of everybody's purchase days, fading with a half-life of 28 days, shape (n_categories,)."""
    bought = purchase_days(
        behaviour.where(behaviour.is_kind(Deed.PURCHASE) & (behaviour.time < moment)), categories
    )
    counts = (
        np.bincount(bought.place, weights=fading(bought.day, moment, 28), minlength=len(categories)) + 1e-3
    )
    return np.asarray(counts / counts.sum())


def inputs_at(behaviour: Behaviour, categories: Sequence[str], popularity: Floats, moment: int) -> Floats:
    """What is known of each customer and category before a moment, shape (n_customers, n_categories, n_inputs)."""
    known = behaviour.before(moment)
    shape = (len(behaviour.customers), len(categories))

    def summed(customer: Ints, place: Ints, weights: Floats) -> Floats:
        cells = customer * shape[1] + place
        sums = np.bincount(cells, weights=weights, minlength=shape[0] * shape[1])
        return sums.astype(np.float64).reshape(shape)

    bought = purchase_days(known.where(known.is_kind(Deed.PURCHASE)), categories)
    habits = [
        habit(summed(bought.customer, bought.place, fading(bought.day, moment, days)), popularity, drawn)
        for days, drawn in HABITS
    ]
    last = np.full(shape, -np.inf)
    np.maximum.at(last, (bought.customer, bought.place), bought.day)
    latest = last.max(axis=1, initial=-np.inf, keepdims=True)
    was_last = (last == latest) & np.isfinite(last)
    looked = [
        np.log1p(browsed(known, categories, kind, moment, summed, measure))
        for kind, measure in (
            (Deed.VIEW, np.ones(len(known))),
            (Deed.CLICK, np.ones(len(known))),
            (Deed.SEARCH, np.ones(len(known))),
            (Deed.VIEW, np.clip(known.dwell, 0, MOST_DWELL_MS) / MINUTE_MS),
        )
    ]
    popular = np.broadcast_to(np.log(popularity), shape)
    due = dueness(summed(bought.customer, bought.place, np.ones(len(bought.day))), bought, last, moment)
    return np.stack([popular, *habits, was_last.astype(np.float64), *looked, due], axis=2)


MINUTE_MS = 60_000
# A page left open is not looked at.
MOST_DWELL_MS = 30 * MINUTE_MS


def browsed(
    known: Behaviour,
    categories: Sequence[str],
    kind: Deed,
    moment: int,
    summed: Callable[[Ints, Ints, Floats], Floats],
    measure: Floats,
) -> Floats:
    """Sum of a measure over deeds of a kind, fading with a half-life of 7 days."""
    rows = known.is_kind(kind) & (known.weight > 0)
    some = known.where(rows)
    place = places(some, categories)
    named = place >= 0
    worth = measure[rows] * some.weight * fading(some.time // DAY, moment, 7)
    return summed(some.customer[named], place[named], worth[named])


def habit(counts: Floats, popularity: Floats, drawn: float) -> Floats:
    """Log of a customer's own shares, drawn to everybody's as if by ``drawn`` purchases more."""
    return np.asarray(np.log((counts + drawn * popularity) / (counts.sum(axis=1, keepdims=True) + drawn)))


def dueness(times: Floats, bought: PurchaseDays, last: Floats, moment: int) -> Floats:
    """Log of the days since he last bought the category over his mean gap, between -2 and 2; 0 below two purchases."""
    first = np.full(last.shape, np.inf)
    np.minimum.at(first, (bought.customer, bought.place), bought.day)
    again = times >= 2
    gap = np.where(again, (last - first) / np.maximum(times - 1, 1), 1.0)
    since = np.where(again, moment / DAY - last, 1.0)
    return np.asarray(np.clip(np.log(np.maximum(since, 0.5) / np.maximum(gap, 0.5)), -2, 2))


@dataclass(frozen=True)
class PurchaseDays:
    """Distinct days (since 1970) on which a customer bought in a category (its place)."""

    customer: Ints
    place: Ints
    day: Ints


def purchase_days(bought: Behaviour, categories: Sequence[str]) -> PurchaseDays:
    place = places(bought, categories)
    named = place >= 0
    day = bought.time[named] // DAY
    first = int(day.min(initial=0))
    span = int(day.max(initial=0)) - first + 1
    # One number for all three, sorted by hand: np.unique takes ten times as long.
    keys = np.sort((bought.customer[named] * len(categories) + place[named]) * span + day - first)
    keys = keys[np.diff(keys, prepend=-1) > 0]
    cell = keys // span
    return PurchaseDays(cell // len(categories), cell % len(categories), keys % span + first)


def places(behaviour: Behaviour, categories: Sequence[str]) -> Ints:
    """Place of each row's category; -1 for one that is not among them."""
    where = {name: place for place, name in enumerate(categories)}
    by_word = np.array([where.get(word, -1) for word in behaviour.words] or [-1], dtype=np.int64)
    return by_word[behaviour.category]


def fading(day: Ints, moment: int, half_life_days: float) -> Floats:
    """2^(-age / half-life), age in whole days."""
    return np.asarray(0.5 ** ((moment // DAY - day) / half_life_days))


def losses(chances: Floats, choices: Choices) -> Floats:
    """Log loss of each choice, shape (n,): a basket of several categories counts each in equal parts."""
    return -np.asarray((choices.chosen * np.log(np.maximum(chances, TINY))).sum(axis=1))


def hits(chances: Floats, choices: Choices) -> float:
    """Share of choices whose likeliest category was bought."""
    return float((choices.chosen[np.arange(len(choices)), chances.argmax(axis=1)] > 0).mean())


def rivals(choices: Choices) -> dict[str, Floats]:
    """What has to be beaten: everybody's shares, and his own drawn to them by one purchase."""
    popular, habits = (
        np.exp(choices.inputs[:, :, INPUTS.index(name)]) for name in ("popular", "bought_180d")
    )
    return {
        name: each / each.sum(axis=1, keepdims=True)
        for name, each in (("popularity", popular), ("own shares", habits))
    }
