"""Finding segments: how many there are, and where; knows no wire, and what the measures mean only by name.

The number of segments is not given. For each number of a grid, customers are split into segments several times, on random parts of
them: a number under which the parts agree (stability) and in which segments stand apart (silhouette) is a number that the
customers have, and not one that we gave them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from fieldwise_profile.core.segments.matching import Labels, kept_ids
from fieldwise_profile.core.segments.model import Deviation, Segment, SegmentModel, Trial
from fieldwise_profile.core.segments.scaling import Matrix, Measure, Scale, scale_of

COUNTS: Final = (3, 4, 5, 6, 7, 8, 9, 10)
# A measure whose mean is off by less is nothing that makes a segment differ.
SMALLEST_DEVIATION: Final = 0.5
MOST_DEVIATIONS: Final = 8
# Fewer customers make no segment worth a name.
SMALLEST_SHARE: Final = 0.02
# Fits from random starts, of which the best is taken.
_STARTS: Final = 10
_STARTS_OF_A_PART: Final = 4
# Parts of the customers for stability; each pair of them is compared on all customers.
_PARTS: Final = 4
_PART_SHARE: Final = 0.6
# Silhouettes take the distance of every pair.
_SILHOUETTE_CUSTOMERS: Final = 1_500
FEWEST_CUSTOMERS: Final = 100
# People work with the segments that they know: another number of them has to be clearly better, and the old middles are kept to when
# they fit the customers almost as well (inertia) as the best start.
CHANGE_GAIN: Final = 0.2
_ALMOST: Final = 1.02

Told = Callable[[Trial], None]


@dataclass(frozen=True)
class Occasion:
    """What is said of a fit: its version, the moment of the behaviour (microseconds), its chance."""

    version: int
    as_of: int
    seed: int


def fit(
    rows: Matrix,
    measures: Sequence[Measure],
    occasion: Occasion,
    previous: SegmentModel | None = None,
    *,
    counts: Sequence[int] = COUNTS,
    told: Told | None = None,
) -> SegmentModel:
    """Segments of these customers.

    Args:
        rows: Shape (n_customers, n_measures), at least `FEWEST_CUSTOMERS`; NaN for what is not known.
        previous: The fit before; groups that are the same people keep its ids.
        told: Called after each number of segments that was tried.
    """
    # Late, as everything of scikit-learn: it takes a second, and only a fitting needs it.
    from threadpoolctl import threadpool_limits

    # Threads that wait for each other on a busy machine take ten times as long as one that does not.
    with threadpool_limits(1):
        return _fitted(rows, measures, occasion, previous, counts, told)


def _fitted(
    rows: Matrix,
    measures: Sequence[Measure],
    occasion: Occasion,
    previous: SegmentModel | None,
    counts: Sequence[int],
    told: Told | None,
) -> SegmentModel:
    scale = scale_of(measures, rows)
    places = scale.scaled_all(rows)
    trials = []
    for count in counts:
        trials.append(_trial(places, count, occasion.seed))
        if told is not None:
            told(trials[-1])
    before = _usable(previous, measures)
    count = chosen(trials, len(before.segments) if before else None).count
    labels, inertia = _labels(places, count, occasion.seed, _STARTS)
    if before is not None and count == len(before.segments):
        labels = _continued(places, labels, inertia, _before(rows, before))
    ids, next_id = _ids(rows, labels, measures, previous)
    segments = [
        _segment(rows, places, scale, measures, labels == group, each) for group, each in enumerate(ids)
    ]
    return SegmentModel(
        version=occasion.version,
        as_of=occasion.as_of,
        customers=len(rows),
        measures=tuple(measure.name for measure in measures),
        scale=scale,
        segments=tuple(sorted(segments, key=lambda segment: segment.id)),
        trials=tuple(trials),
        next_id=next_id,
        seed=occasion.seed,
    )


def chosen(trials: Sequence[Trial], before: int | None = None) -> Trial:
    """The trial with the largest sum of stability and silhouette; of two alike the one with fewer segments.

    Args:
        before: The number of segments of the fit before; it stays unless another is better by more than `CHANGE_GAIN`.
    """
    sound = [trial for trial in trials if trial.smallest_share >= SMALLEST_SHARE] or list(trials)

    def worth(trial: Trial) -> tuple[float, int]:
        stays = CHANGE_GAIN if trial.count == before else 0.0
        return trial.stability + trial.silhouette + stays, -trial.count

    return max(sound, key=worth)


def _trial(places: Matrix, count: int, seed: int) -> Trial:
    labels, _ = _labels(places, count, seed, _STARTS)
    return Trial(
        count=count,
        silhouette=_silhouette(places, labels, seed),
        stability=_stability(places, count, seed),
        smallest_share=float(np.bincount(labels, minlength=count).min() / len(labels)),
    )


def _usable(previous: SegmentModel | None, measures: Sequence[Measure]) -> SegmentModel | None:
    """The fit before, when it was made of the same measures."""
    names = tuple(measure.name for measure in measures)
    return previous if previous is not None and previous.measures == names else None


def _labels(places: Matrix, count: int, seed: int, starts: int) -> tuple[Labels, float]:
    """Each customer's group, and the sum of squared distances from the middles."""
    from sklearn.cluster import KMeans

    fitted = KMeans(count, n_init=starts, random_state=seed).fit(places)
    return np.asarray(fitted.labels_, dtype=np.int64), float(fitted.inertia_)


def _continued(places: Matrix, labels: Labels, inertia: float, before: Labels) -> Labels:
    """Groups found from the old segments' middles, when they fit almost as well as the best of the new ones."""
    from sklearn.cluster import KMeans

    count = int(labels.max()) + 1
    if len(np.unique(before)) < count:
        return labels
    middles = np.array([places[before == group].mean(axis=0) for group in range(count)])
    fitted = KMeans(count, init=middles, n_init=1).fit(places)
    fits = float(fitted.inertia_) <= _ALMOST * inertia
    return np.asarray(fitted.labels_, dtype=np.int64) if fits else labels


def _silhouette(places: Matrix, labels: Labels, seed: int) -> float:
    from sklearn.metrics import silhouette_score

    some = np.random.default_rng(seed).permutation(len(places))[:_SILHOUETTE_CUSTOMERS]
    if len(np.unique(labels[some])) < 2:
        return -1.0
    return float(silhouette_score(places[some], labels[some]))


def _stability(places: Matrix, count: int, seed: int) -> float:
    """Mean agreement on all customers of fits to parts of them.

    Source: Ben-Hur, Elisseeff and Guyon (2002), A stability based method for discovering structure in clustered data;
    Hubert and Arabie (1985) for the adjusted Rand index.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    chance = np.random.default_rng(seed)
    size = max(count, int(_PART_SHARE * len(places)))
    views = []
    for part in range(_PARTS):
        some = chance.permutation(len(places))[:size]
        fitted = KMeans(count, n_init=_STARTS_OF_A_PART, random_state=seed + part).fit(places[some])
        views.append(fitted.predict(places))
    return float(np.mean([adjusted_rand_score(one, other) for one, other in combinations(views, 2)]))


def _ids(
    rows: Matrix, labels: Labels, measures: Sequence[Measure], previous: SegmentModel | None
) -> tuple[list[int], int]:
    count = int(labels.max()) + 1
    before = _usable(previous, measures)
    if before is None:
        sizes = np.bincount(labels, minlength=count)
        order = sorted(range(count), key=lambda group: (-int(sizes[group]), group))
        first = previous.next_id if previous else 1
        ids = [first + order.index(group) for group in range(count)]
    else:
        old_ids = [segment.id for segment in before.segments]
        ids = kept_ids(_before(rows, before), labels, old_ids, count, before.next_id)
    return ids, max([*ids, previous.next_id - 1 if previous else 0]) + 1


def _before(rows: Matrix, previous: SegmentModel) -> Labels:
    """Where the fit before would put these customers now."""
    places = previous.scale.scaled_all(rows)
    centres = np.array([segment.centre for segment in previous.segments])
    squares = ((places[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(squares.argmin(axis=1), dtype=np.int64)


def _segment(
    rows: Matrix, places: Matrix, scale: Scale, measures: Sequence[Measure], members: Matrix, number: int
) -> Segment:
    own = places[members]
    centre = own.mean(axis=0)
    off = scale.deviations_of_all(rows[members]).mean(axis=0)
    known = ~np.isnan(rows[members])
    sums = np.where(known, rows[members], 0.0).sum(axis=0)
    return Segment(
        id=number,
        size=len(own),
        centre=tuple(centre.tolist()),
        spread=float(np.sqrt(((own - centre) ** 2).sum(axis=1).mean())),
        means=tuple((sums / np.maximum(known.sum(axis=0), 1)).tolist()),
        deviations=_deviations(measures, off),
    )


def _deviations(measures: Sequence[Measure], off: Matrix) -> tuple[Deviation, ...]:
    found = [
        Deviation(measure.name, float(each))
        for measure, each in zip(measures, off, strict=True)
        if abs(each) >= SMALLEST_DEVIATION
    ]
    found.sort(key=lambda deviation: (-abs(deviation.deviations), deviation.measure))
    return tuple(found[:MOST_DEVIATIONS])
