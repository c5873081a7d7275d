"""Learning the tables of `shortlist` from who bought what on which day; knows no wire and no store.

At cut-offs a window apart each customer is seen as a decision would have seen him then: his most bought categories, and the most popular
that he never bought. What he bought in the window after says how likely each was.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from fieldwise_recommend.core.arrays import Bools, Floats, Ints
from fieldwise_recommend.core.logistic import fitted
from fieldwise_recommend.core.next_purchase.history import History, Table
from fieldwise_recommend.core.next_purchase.likeness import ease, neighbours, together
from fieldwise_recommend.core.next_purchase.shortlist import (
    PLAIN_INPUTS,
    WINDOW_DAYS,
    Popularity,
    Tables,
    log_loss,
    plain_inputs,
    repeat_inputs,
)

# Cases that a regression needs of each kind.
LEAST_CASES: Final = 100
_RIDGE: Final = 1.0
_LEAST_SPREAD: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Sight:
    """How much of a customer a decision sees: his most bought categories, and popular ones that he never bought.

    ``cutoffs`` are the windows that are learned from.
    """

    habits: int = 30
    finds: int = 23
    cutoffs: int = 3


class Cases(NamedTuple):
    """Pairs of customer and thing by customer, with their inputs."""

    customer: Ints
    thing: Ints
    inputs: Floats


class Fit(NamedTuple):
    """Mean log loss in a window that was not learned from, and that of the base rate, nats."""

    loss: float
    base: float


class Things(NamedTuple):
    """What the purchases before a day say of things: shares by thing, and things by things."""

    share: Floats
    kept: Floats
    growing: Floats
    ease: Table
    likeness: Table
    companions: Table


class TooLittleHistoryError(Exception):
    """Fewer cases than a regression needs."""


def things_at(history: History, day: int) -> Things:
    """Shares are of customers who bought anything in the window before the day."""
    known = history.before(day)
    days = known.table()
    bought = (days > 0).astype(np.float32)
    lately = known.between(day - WINDOW_DAYS, day).table() > 0
    earlier = known.between(day - 2 * WINDOW_DAYS, day - WINDOW_DAYS).table() > 0
    few = 5.0 / max(history.customers, 1)
    return Things(
        lately.sum(axis=0) / max(int(lately.any(axis=1).sum()), 1),
        (lately & earlier).sum(axis=0) / (earlier.sum(axis=0) + 2.0),
        (lately.mean(axis=0) + few) / (earlier.mean(axis=0) + few),
        ease(bought),
        neighbours(days),
        together(bought),
    )


def seen(history: History, things: Things, day: int, sight: Sight) -> tuple[Cases, Cases]:
    """Repeats and discoveries of all customers, from their purchases before the day."""
    known = history.before(day)
    days = known.table()
    latest, earliest = np.full(days.size, -1.0), np.full(days.size, np.inf)
    np.maximum.at(latest, known.cells, known.day)
    np.minimum.at(earliest, known.cells, known.day)
    last, first = latest.reshape(days.shape), earliest.reshape(days.shape)
    trips = known.trips.astype(np.float64)
    last_any = np.full(history.customers, -1.0)
    np.maximum.at(last_any, known.customer, known.day)
    since_any = day - last_any

    most = min(sight.habits, history.things)
    order = np.argsort(-days, axis=1, kind="stable")[:, :most]
    customer = np.repeat(np.arange(history.customers), most)
    thing = order.ravel()
    real = days[customer, thing] > 0
    customer, thing = customer[real], thing[real]
    count = days[customer, thing].astype(np.float64)
    since = day - last[customer, thing]
    has_gap = (count > 1).astype(np.float64)
    mean = (last[customer, thing] - first[customer, thing]) / np.maximum(count - 1, 1)
    gap = np.maximum(np.where(count > 1, mean, since + WINDOW_DAYS), 0.5)
    inputs = repeat_inputs(
        np.log1p, count, since, gap, has_gap, trips[customer], since_any[customer], things.share[thing], things.kept[thing]
    )  # fmt: skip
    repeats = Cases(customer, thing, np.stack(inputs, axis=1))

    owned = np.zeros(days.shape, np.float32)
    owned[customer, thing] = 1.0
    recent = owned * (day - last <= WINDOW_DAYS)
    whose, what = _finds(days > 0, things.share, sight.finds)
    parts = owned.sum(axis=1)[whose] + 1.0
    spoken = (
        (owned @ things.ease)[whose, what],
        (owned @ things.likeness)[whose, what],
        (recent @ things.ease)[whose, what],
        (owned @ things.likeness)[whose, what] / parts,
        (owned @ things.companions)[whose, what] / parts,
    )
    plain = plain_inputs(
        np.log1p, things.share[what], things.kept[what], things.growing[what], trips[whose], since_any[whose]
    )
    inputs = (*plain, *(each.astype(np.float64) for each in spoken))
    return repeats, Cases(whose, what, np.stack(inputs, axis=1))


def _finds(bought: Bools, share: Floats, most: int) -> tuple[Ints, Ints]:
    """The most popular things that each customer never bought."""
    order = np.argsort(-share, kind="stable")
    new = ~bought[:, order]
    rank = np.cumsum(new, axis=1)
    whose, place = np.nonzero(new & (rank <= most))
    return whose, order[place]


def learn(
    history: History, words: tuple[str, ...], day: int, sight: Sight = Sight()
) -> tuple[Tables, Fit, Fit]:
    """Tables from the purchases before a day, without a version, and how well repeats and discoveries were foreseen.

    Windows without any purchase are left out. The fit is told of the newest window, foreseen from the earlier ones; the tables in force are learned from all.

    Raises:
        TooLittleHistoryError: There are too few cases of both kinds; of which there are too few, nothing is learned.
    """
    learned: list[tuple[list[float], Fit]] = []
    cutoffs = (day - number * WINDOW_DAYS for number in range(1, sight.cutoffs + 1))
    # A window in which nobody bought anything is one whose purchases have not come in.
    told = [cutoff for cutoff in cutoffs if history.between(cutoff, cutoff + WINDOW_DAYS).table().any()]
    windows = [_window(history, cutoff, sight) for cutoff in told]
    for kind in range(2):
        parts = [window[kind] for window in windows]
        if sum(int(labels.sum()) for _, labels in parts) < LEAST_CASES:
            learned.append(([], Fit(0.0, 0.0)))
        else:
            learned.append((_weights(parts), _fit(parts[0], parts[1:])))
    if not any(weights for weights, _ in learned):
        raise TooLittleHistoryError
    things = things_at(history, day)
    popularity = tuple(
        Popularity(*map(float, each)) for each in zip(things.share, things.kept, things.growing, strict=True)
    )
    (repeat, repeat_fit), (discovery, discovery_fit) = learned
    spoken = _spoken(things, discovery) if discovery else ()
    pairs = tuple(array("f", each.astype(np.float32).tobytes()) for each in spoken)
    return Tables(words, popularity, pairs, tuple(repeat), tuple(discovery)), repeat_fit, discovery_fit


def _spoken(things: Things, discovery: list[float]) -> tuple[Table, Table, Table]:
    """What each thing says of each other one, in log-odds, as `shortlist` keeps it."""
    own, alike, lately, mean_alike, mean_companion = discovery[1 + len(PLAIN_INPUTS) :]
    always = own * things.ease + alike * things.likeness
    return (
        always,
        always + lately * things.ease,
        mean_alike * things.likeness + mean_companion * things.companions,
    )


def _window(history: History, cutoff: int, sight: Sight) -> list[tuple[Floats, Bools]]:
    """Inputs and labels of repeats and of discoveries, of everybody who had bought anything by then."""
    bought = history.between(cutoff, cutoff + WINDOW_DAYS).table() > 0
    there = history.before(cutoff).trips > 0
    found: list[tuple[Floats, Bools]] = []
    for cases in seen(history, things_at(history, cutoff), cutoff, sight):
        mine = there[cases.customer]
        found.append((cases.inputs[mine], bought[cases.customer[mine], cases.thing[mine]]))
    return found


def _weights(parts: list[tuple[Floats, Bools]]) -> list[float]:
    inputs = np.concatenate([part for part, _ in parts])
    labels = np.concatenate([part for _, part in parts]).astype(np.float64)
    return logistic(inputs, labels)


def _fit(newest: tuple[Floats, Bools], earlier: list[tuple[Floats, Bools]]) -> Fit:
    inputs, labels = newest
    if not len(labels) or not any(len(part) for _, part in earlier):
        return Fit(0.0, 0.0)
    weights = np.array(_weights(earlier))
    odds = np.clip(weights[0] + inputs @ weights[1:], -30.0, 30.0)
    loss = np.logaddexp(0.0, np.where(labels, -odds, odds))
    return Fit(float(loss.mean()), log_loss(float(labels.mean())))


def logistic(inputs: Floats, labels: Floats, ridge: float = _RIDGE) -> list[float]:
    """Weights of a ridge logistic regression, that of the base first, on the inputs' own scales."""
    middle, spread = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), _LEAST_SPREAD)
    # An input that never differs says nothing.
    spread[inputs.std(axis=0) < _LEAST_SPREAD] = np.inf
    rows = np.column_stack([np.ones(len(inputs)), (inputs - middle) / spread])
    pulls = np.full(rows.shape[1], ridge)
    pulls[0] = 1e-6
    weights = fitted(rows, labels, pulls)
    slopes = weights[1:] / spread
    return [float(weights[0] - slopes @ middle), *map(float, slopes)]
