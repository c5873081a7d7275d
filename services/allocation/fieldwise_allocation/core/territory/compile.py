"""A question as a territory problem in columns, sorted by name; knows nothing of solvers or of the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.question import ACCOUNTS, VALUE, WORKLOAD, Account, Band, Place, Question, Rep
from fieldwise_allocation.core.territory.problem import (
    LEFT,
    NO_AREA,
    NOBODY,
    Bools,
    Floats,
    Ints,
    Problem,
    km_to,
)

# Accounts x reps whose nearness is looked at together: some 100 MB.
BLOCK_PAIRS = 4_000_000


@dataclass(frozen=True)
class Compiled:
    """A problem and the way back to its question.

    Args:
        rows: For each account of the problem its index in the question, shape (n,).
        seats: The same for reps, shape (r,).
        measures: Name of each measure.
        bands: The band that each row of the problem's bands is.
        needs: The skills that each kind needs.
        areas: Name of each area that has a rule of staffing.
        whole: What of each measure is shared out, shape (m,).
        share: Each rep's part of the whole, shape (r,).
        free: Reps whose home the plan may choose, shape (r,).
    """

    problem: Problem
    rows: npt.NDArray[np.int64]
    seats: npt.NDArray[np.int64]
    measures: tuple[str, ...]
    bands: tuple[Band, ...]
    needs: tuple[frozenset[str], ...]
    areas: tuple[str, ...]
    whole: Floats
    share: Floats
    free: Bools

    def asked(self, rep_of: Ints) -> Ints:
        """An assignment of the problem, in the order of the question."""
        answer = np.empty(len(rep_of), dtype=np.int32)
        answer[self.rows] = self.seats[rep_of]
        return answer

    def solved(self, rep_of: Ints) -> Ints:
        """An assignment of the question, in the order of the problem; -1 stays."""
        seat = np.full(len(self.seats) + 1, -1, dtype=np.int32)
        seat[self.seats] = np.arange(len(self.seats), dtype=np.int32)
        return np.ascontiguousarray(seat[rep_of[self.rows]])


def compiled(question: Question) -> Compiled:
    """The columns of a question. The order of the request changes nothing: accounts and reps come by name."""
    rows = _by_name([account.name for account in question.accounts])
    seats = _by_name([rep.name for rep in question.reps])
    accounts = [question.accounts[j] for j in rows.tolist()]
    reps = [question.reps[i] for i in seats.tolist()]
    bands = question.rules.all_bands()
    measures = _measures(bands)
    areas = tuple(sorted(each.area for each in question.rules.staffing))
    needs, kind = _kinds(accounts)
    problem = _without_bands(question, accounts, reps, measures, needs, kind, areas)
    share = np.array([rep.capacity for rep in reps])
    share = share / share.sum()
    whole = problem.amount.sum(axis=1)
    if problem.pace.any():
        whole[0] += float((problem.pace * _km_to_nearest(problem)).sum())
    free = np.array([rep.home is None or rep.free_home for rep in reps]) & question.travels
    limits = [_limits(band, whole[measures.index(band.measure)] * share, reps) for band in bands]
    shape = (len(bands), len(reps))
    return Compiled(
        replace(
            problem,
            band_measure=np.array([measures.index(band.measure) for band in bands], dtype=np.int32),
            low=np.array([low for low, _, _ in limits]).reshape(shape),
            high=np.array([high for _, high, _ in limits]).reshape(shape),
            outside=np.array([outside for _, _, outside in limits]).reshape(shape),
        ),
        rows,
        seats,
        measures,
        bands,
        needs,
        areas,
        whole,
        share,
        free,
    )


def _by_name(names: Sequence[str]) -> npt.NDArray[np.int64]:
    return np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)


def _measures(bands: Iterable[Band]) -> tuple[str, ...]:
    """Workload, then whatever else a band limits: what nobody limits is not carried along."""
    return (WORKLOAD, *sorted({band.measure for band in bands} - {WORKLOAD}))


def _kinds(accounts: Sequence[Account]) -> tuple[tuple[frozenset[str], ...], Ints]:
    needs = sorted({account.needs for account in accounts}, key=sorted)
    index = {each: g for g, each in enumerate(needs)}
    return tuple(needs), np.array([index[account.needs] for account in accounts], dtype=np.int32)


def _without_bands(
    question: Question,
    accounts: Sequence[Account],
    reps: Sequence[Rep],
    measures: Sequence[str],
    needs: Sequence[frozenset[str]],
    kind: Ints,
    areas: Sequence[str],
) -> Problem:
    rules = question.rules
    seat = {rep.name: i for i, rep in enumerate(reps)} | {"": NOBODY}
    zone = {area: a for a, area in enumerate(areas)}
    least = {each.area: each.least for each in rules.staffing}
    hours = np.array([a.hours + a.visit_hours * a.visits_per_week for a in accounts])
    visits = np.array([a.visits_per_week for a in accounts])
    travels = question.travels
    none = np.empty((0, len(reps)))
    return Problem(
        place=_on_sphere([a.place for a in accounts]),
        home=_on_sphere([rep.home if travels else None for rep in reps]),
        amount=np.ascontiguousarray([hours, *(_amount(accounts, name) for name in measures[1:])]),
        pace=2 * visits / rules.speed,
        kind=kind,
        able=np.array([[needed <= rep.skills for rep in reps] for needed in needs]),
        incumbent=np.array([seat.get(a.incumbent, LEFT) for a in accounts], dtype=np.int32),
        locked=np.array([a.locked for a in accounts], dtype=np.bool_),
        per_km=rules.kilometre_cost * hours,
        per_move=rules.move_cost * _amount(accounts, VALUE),
        band_measure=np.empty(0, dtype=np.int32),
        low=none,
        high=none,
        outside=none,
        most_moves=rules.most_moves,
        area=np.array([zone.get(a.area, NO_AREA) for a in accounts], dtype=np.int32),
        least_reps=np.array([least[area] for area in areas], dtype=np.int32),
    )


def _amount(accounts: Sequence[Account], measure: str) -> Floats:
    if measure == VALUE:
        return np.array([a.value for a in accounts])
    if measure == ACCOUNTS:
        return np.ones(len(accounts))
    return np.array([dict(a.measures).get(measure, 0.0) for a in accounts])


def _limits(band: Band, share: Floats, reps: Sequence[Rep]) -> tuple[Floats, Floats, Floats]:
    """Least, most and cost outside, each of shape (r,); without limit for those whom the band leaves alone."""
    low, high = np.full(len(reps), band.low), np.full(len(reps), band.high)
    if band.width is not None:
        low, high = (1 - band.width) * share, (1 + band.width) * share
    bound = np.array([not band.reps or rep.name in band.reps for rep in reps])
    return (
        np.where(bound, low, 0.0),
        np.where(bound, high, np.inf),
        np.where(bound & (not band.hard), band.cost, np.inf),
    )


def _on_sphere(places: Sequence[Place | None]) -> Floats:
    """Unit vectors, shape (n, 3); NaN without a place."""
    degrees = np.array([(p.latitude, p.longitude) if p else (np.nan, np.nan) for p in places]).reshape(-1, 2)
    latitude, longitude = np.radians(degrees).T
    ring = np.cos(latitude)
    return np.ascontiguousarray(
        np.stack([ring * np.cos(longitude), ring * np.sin(longitude), np.sin(latitude)], axis=1)
    )


def _km_to_nearest(problem: Problem) -> Floats:
    """Road km to the nearest able rep who has a home, 0 where none has, shape (n,)."""
    block = max(1, BLOCK_PAIRS // problem.reps)
    rows = np.arange(problem.accounts)
    home = np.nan_to_num(problem.home)
    settled = problem.able & ~np.isnan(problem.home[:, 0])
    nearest = np.empty(problem.accounts, dtype=np.int32)
    for start in range(0, problem.accounts, block):
        part = rows[start : start + block]
        # Of unit vectors the nearest has the largest product.
        cosine = np.nan_to_num(problem.place[part]) @ home.T
        nearest[part] = np.argmax(np.where(settled[problem.kind[part]], cosine, -2.0), axis=1)
    return np.where(np.asarray(settled.any(axis=1))[problem.kind], km_to(problem, rows, nearest), 0.0)
