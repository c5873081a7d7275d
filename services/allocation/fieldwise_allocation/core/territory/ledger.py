"""The columns of a question as a checker reads them: from the question alone; knows no solver and no problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fieldwise_allocation.core.question import ACCOUNTS, VALUE, WORKLOAD, Band, Place, Question
from fieldwise_allocation.core.territory.contiguity import Map, drawn
from fieldwise_allocation.core.travel import DETOUR, EARTH_RADIUS_KM

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]

BLOCK_PAIRS = 2_000_000
STRANGER = -2  # the incumbent is no rep of this plan


@dataclass(frozen=True)
class Ledger:
    """A question in columns, read once for several audits; accounts and reps in its order.

    Args:
        home: Where each rep starts from, when a plan chose it; else their own homes.
    """

    question: Question
    home: Sequence[Place | None] | None = None

    def read(self) -> None:
        """Read all columns now: an audit then takes a few milliseconds."""
        _ = self.homes, self.hours, self.visits, self.incumbent, self.able, self.locked, self.targets
        if self.question.travels:
            _ = self.chart

    @cached_property
    def degrees(self) -> Floats:
        return _degrees([account.place for account in self.question.accounts])

    @cached_property
    def homes(self) -> Floats:
        stated = [rep.home for rep in self.question.reps] if self.home is None else self.home
        return _degrees(stated)

    @cached_property
    def chart(self) -> Map:
        return drawn(self.degrees, len(self.question.reps))

    @cached_property
    def hours(self) -> Floats:
        """Hours a week, the way to visits left out."""
        return np.array([a.hours + a.visits_per_week * a.visit_hours for a in self.question.accounts])

    @cached_property
    def visits(self) -> Floats:
        return np.array([a.visits_per_week for a in self.question.accounts])

    @cached_property
    def incumbent(self) -> Indices:
        """Index of today's rep, -1 for nobody, STRANGER for one who is not in the plan."""
        seat = {rep.name: i for i, rep in enumerate(self.question.reps)} | {"": -1}
        return np.array([seat.get(a.incumbent, STRANGER) for a in self.question.accounts], dtype=np.int64)

    @cached_property
    def locked(self) -> Bools:
        return np.array([account.locked for account in self.question.accounts], dtype=np.bool_)

    @cached_property
    def needs(self) -> tuple[list[frozenset[str]], Indices]:
        """The different needs there are, and which of them each account has."""
        found: dict[frozenset[str], int] = {}
        which = [found.setdefault(a.needs, len(found)) for a in self.question.accounts]
        return list(found), np.array(which, dtype=np.int64)

    @cached_property
    def able(self) -> Bools:
        """Whether a rep has all that is needed; shape (different needs, r)."""
        return np.array([[not needs - rep.skills for rep in self.question.reps] for needs in self.needs[0]])

    @cached_property
    def share(self) -> Floats:
        capacity = np.array([rep.hours * rep.share for rep in self.question.reps])
        return np.asarray(capacity / capacity.sum())

    @cached_property
    def targets(self) -> Floats:
        return np.asarray(self.share * self._whole(WORKLOAD))

    def amount(self, measure: str) -> Floats:
        """What each account has of a measure other than workload, shape (n,)."""
        accounts = self.question.accounts
        if measure == VALUE:
            return np.array([a.value for a in accounts])
        if measure == ACCOUNTS:
            return np.ones(len(accounts))
        return np.array([sum(much for name, much in a.measures if name == measure) for a in accounts])

    def _whole(self, measure: str) -> float:
        if measure != WORKLOAD:
            return float(self.amount(measure).sum())
        visited = np.flatnonzero((self.visits > 0) & ~np.isnan(self.degrees[:, 0]))
        ways = 2 * self.visits[visited] * self._km_to_nearest(visited) / self.question.rules.speed
        return float(self.hours.sum() + ways.sum())

    def _km_to_nearest(self, rows: Indices) -> Floats:
        """Road km to the nearest able rep with a stated home; 0 where there is none."""
        # The whole is what it is before homes are chosen.
        homes = _degrees([rep.home for rep in self.question.reps])
        found = np.zeros(len(rows))
        step = max(1, BLOCK_PAIRS // len(homes))
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            km = road_km(self.degrees[part, None], homes[None, :])
            km[~self.able[self.needs[1][part]] | np.isnan(homes[:, 0])] = np.inf
            nearest = km.min(axis=1)
            found[start : start + step] = np.where(np.isfinite(nearest), nearest, 0.0)
        return found

    def limits(self, band: Band) -> tuple[Floats, Floats]:
        """Least and most that a band allows each rep, (r,) each; 0 and infinite for whom it leaves alone."""
        names = [rep.name for rep in self.question.reps]
        low, high = np.full(len(names), band.low), np.full(len(names), band.high)
        if band.width is not None:
            share = self.share * self._whole(band.measure)
            low, high = share - band.width * share, share + band.width * share
        bound = np.array([name in band.reps or not band.reps for name in names])
        return np.where(bound, low, 0.0), np.where(bound, high, np.inf)


def _degrees(places: Sequence[Place | None]) -> Floats:
    """Latitude and longitude, NaN without a place, shape (n, 2)."""
    return np.array(
        [(p.latitude, p.longitude) if p else (np.nan, np.nan) for p in places], dtype=np.float64
    ).reshape(-1, 2)


def road_km(a: Floats, b: Floats) -> Floats:
    """Great circle x detour by the haversine of degrees, another formula than the problem's; 0 without a place."""
    from_latitude, from_longitude = np.radians(a[..., 0]), np.radians(a[..., 1])
    to_latitude, to_longitude = np.radians(b[..., 0]), np.radians(b[..., 1])
    half = np.sin((to_latitude - from_latitude) / 2) ** 2
    half = (
        half + np.cos(from_latitude) * np.cos(to_latitude) * np.sin((to_longitude - from_longitude) / 2) ** 2
    )
    km = 2 * DETOUR * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return np.asarray(np.nan_to_num(km, nan=0.0))
