"""Better tours from given ones, in chunks of rounds between which a caller may stop; knows no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fieldwise_allocation.core.visits.problem import MOST_IN_A_TOUR, REST, Floats, Problem, Sequences, Whole
from fieldwise_allocation.core.visits.rebuilding import Scratch, State, cost_now, put_back, rounds
from fieldwise_allocation.core.visits.tours import Given, Tours, empty_tours, given, refresh

# Rounds between two looks at the caller's watch.
CHUNK = 500
# Temperatures in units of the mean cost per stop, at the first and the last round: tuned on generated instances (seeds 100 to 107).
WARM = 0.3
COLD = 0.03
# The first one where stops may stay out: prizes are larger than ways (tuned on made worlds, seeds 10 to 14).
WARM_CHOOSING = 3.0
NEAREST = 100


@dataclass
class Search:
    """A search that can be asked for its best tours between chunks.

    Attributes:
        cost: Cost of the best tours so far, what is left out included.
    """

    problem: Problem
    seed: int

    def __post_init__(self) -> None:
        problem = self.problem
        most = min(problem.stops, MOST_IN_A_TOUR)
        self._given: Given = given(problem)
        self._tours: Tours = empty_tours(problem.tours, most)
        self._state = State(
            np.full(problem.stops, -1, dtype=np.int64),
            np.zeros(problem.stops + 1, dtype=np.int64),
            np.zeros(1, dtype=np.int64),
            np.zeros_like(self._tours.seq),
            np.zeros_like(self._tours.length),
            np.zeros(2),
        )
        kinds = problem.able.shape[1]
        self._room = Scratch(
            np.zeros_like(self._tours.seq),
            np.zeros_like(self._tours.length),
            np.zeros(problem.tours + 1, dtype=np.int64),
            np.zeros(kinds + 1, dtype=np.int64),
            np.zeros(problem.stops + 1, dtype=np.int64),
            np.zeros(problem.stops + 1),
        )
        self._near = _nearest(problem)
        self._keys, self._weight = _orders(problem)
        self._chunks = 0

    @property
    def cost(self) -> float:
        return float(self._state.cost[1])

    def start_from(self, sequences: Sequences) -> bool:
        """Take these tours as the start and put what they leave out where it fits; whether they were possible as given."""
        t, state = self._tours, self._state
        possible = True
        state.tour_of[:] = -1
        for v, stops in enumerate(sequences):
            t.length[v] = len(stops)
            t.seq[v, : len(stops)] = stops
            if not refresh(v, self._given, t):
                possible = False
                t.length[v] = 0
                refresh(v, self._given, t)
                continue
            state.tour_of[stops] = v
        out = np.flatnonzero(state.tour_of < 0)
        out = out[np.lexsort((_tightness(self.problem)[out], ~self.problem.mandatory[out]))]
        state.out[: len(out)] = out
        state.how_many[0] = len(out)
        put_back(len(out), 0, 1.0, 0.0, self._given, t, state, self._room)
        state.cost[:] = cost_now(self._given, t, state)
        self._keep()
        return possible

    def run(self, progress: Callable[[], float], on_better: Callable[[float], None] = lambda _: None) -> None:
        """Search until ``progress`` says 1; it is asked between chunks and must not fall.

        Args:
            progress: Share of the budget that is used, in [0, 1]: rounds for the same answer every time, seconds for a race.
        """
        scale = self._scale()
        if scale == 0.0 or self.problem.stops < 2:
            return
        done, told, rate = progress(), self.cost, 0.0
        warmest = WARM if self.problem.mandatory.all() else WARM_CHOOSING
        while done < 1.0:
            warm = warmest * scale * (COLD / warmest) ** done
            cooling = (COLD / warmest) ** (rate / CHUNK)
            self._chunks += 1
            rounds(
                CHUNK,
                self.seed * 1_000_003 + self._chunks,
                warm,
                cooling,
                self._near,
                self._keys,
                self._weight,
                self._given,
                self._tours,
                self._state,
                self._room,
            )
            now = progress()
            rate, done = now - done, now
            if self.cost < told - 1e-9:
                told = self.cost
                on_better(told)

    def best(self) -> Sequences:
        """The best tours: stops in order, without breaks."""
        state = self._state
        return [
            [int(s) for s in row[:n] if s != REST]
            for row, n in zip(state.best_seq, state.best_length, strict=True)
        ]

    def _keep(self) -> None:
        self._state.best_length[:] = self._tours.length
        self._state.best_seq[:] = self._tours.seq

    def _scale(self) -> float:
        inside = max(1, int((self._state.tour_of >= 0).sum()))
        return float(self._tours.totals[:, 2].sum()) / inside


def rounds_done(budget: int, stopped: Callable[[], bool] = lambda: False) -> Callable[[], float]:
    """A budget of rounds as `Search.run` takes it, so that the same question gives the same tours."""
    chunks = max(1, budget // CHUNK)
    asked = -1

    def progress() -> float:
        nonlocal asked
        asked += 1
        return 1.0 if stopped() else min(1.0, asked / chunks)

    return progress


def _nearest(problem: Problem) -> Whole:
    between = problem.minutes[np.ix_(problem.place, problem.place)]
    between = between + between.T
    np.fill_diagonal(between, -1.0)
    most = min(problem.stops, NEAREST)
    return np.argsort(between, axis=1, kind="stable")[:, :most].astype(np.int64)


def _tightness(problem: Problem) -> Floats:
    room = np.maximum(0.0, problem.closes - problem.opens)
    return np.asarray(room.sum(axis=1))


def _orders(problem: Problem) -> tuple[Floats, Floats]:
    """Orders of putting back, smallest first: load, far, near, tight, early, late, dear; and their chances summed up."""
    depots = np.unique(problem.tour_whole[:, :2])
    reach = problem.minutes[np.ix_(depots, problem.place)].min(axis=0)
    is_open = problem.opens <= problem.closes
    early = np.where(is_open, problem.opens, np.inf).min(axis=1, initial=np.inf)
    late = np.where(is_open, problem.closes, -np.inf).max(axis=1, initial=-np.inf)
    keys = np.stack(
        [-problem.load, -reach, reach, _tightness(problem), early, -late, -problem.penalty], axis=1
    )
    alike = np.ptp(problem.penalty) == 0.0
    weight = np.array([4.0, 2.0, 1.0, 2.0, 2.0, 2.0, 0.0 if alike else 4.0, 4.0])
    return np.nan_to_num(keys, posinf=1e12, neginf=-1e12), np.cumsum(weight)
