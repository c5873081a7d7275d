"""Sets of series: kept, trained, forecast, taken apart, held against a target; knows no wire."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TypeVar

import numpy as np
import sqlalchemy as sa

from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, NotFound, Violation

from .core.features import Floats
from .core.series.calendar import named_holidays
from .core.series.decomposition import Decomposition, Events, decomposed
from .core.series.hierarchy import ALL, TOTAL, Hierarchy, Places
from .core.series.nodes import node_panel
from .core.series.panel import Panel
from .core.series.periods import begin_of, is_begin, number_of
from .core.series.reach import total
from .core.series.set_model import MOST_AHEAD, SetForecast, SetModel, forecast_set, some_series
from .core.series.sets import (
    Definition,
    InputValue,
    Observation,
    Rows,
    demand_definition,
    demand_inputs,
    demand_observations,
    demand_seen,
    panel_of,
)
from .core.versions import Version
from .forecasting import reach_of_sales
from .kinds import BUILT_IN, KINDS
from .lineup import Lineups
from .store import series as store
from .store.series import Stored, Written

T = TypeVar("T")

KIND = "series-set"
HORIZON = 8
# Weekly sales by category, which profile feeds; it is no set that anyone created.
BUILT_IN_SET = "seriesSets/weekly-sales"
# Sets and forecasts kept in memory; a set of 10,000 series over ten years of weeks takes 40 MB.
KEPT_SETS, KEPT_FORECASTS = 4, 8
# Behind the data inputs known in advance are read for as many periods.
AHEAD = MOST_AHEAD


@dataclass(frozen=True)
class Wanted:
    """What of a set is asked for.

    Attributes:
        levels: One level name per dimension or ``total``; empty for the finest.
        keys: The begin of the keys, ``*`` for any; empty for all.
        periods: Ahead; 0 for 8.
    """

    name: str
    decision_time: datetime
    levels: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    periods: int = 0


@dataclass(frozen=True)
class Ahead:
    """Forecasts of some nodes.

    Attributes:
        version: Of the model.
        first: Number of the first period ahead; ``skip`` periods before it are forecast too, since data end earlier.
        rows: The nodes wanted, by keys.
    """

    definition: Definition
    version: Version
    model: SetModel
    forecast: SetForecast
    first: int
    skip: int
    rows: Places


@dataclass(frozen=True)
class Reach:
    """The sum of some series over periods: what was, what is expected, and whether a target is reached.

    Attributes:
        version: Name of the model's.
        low90: The sum stays above it with probability 0.9; below ``high90`` likewise.
    """

    version: str
    probability: float
    mean: float
    low90: float
    high90: float
    actual: float


class Recent(OrderedDict[tuple[object, ...], T]):
    """The results asked for last."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def of(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """What is kept for the key, made where there is none."""
        found = self.pop(key, None)
        self[key] = make() if found is None else found
        while len(self) > self._most:
            self.popitem(last=False)
        return self[key]


class SeriesSets:
    """The sets of one database and what their models say of them."""

    def __init__(self, db: Database, lineups: Lineups) -> None:
        self._db = db
        self._lineups = lineups
        self._rows: Recent[tuple[Stored, Rows]] = Recent(KEPT_SETS)
        self._panels: Recent[Panel] = Recent(KEPT_SETS)
        self._forecasts: Recent[SetForecast] = Recent(KEPT_FORECASTS)
        # Forecasts are computed one at a time: two of a large set at once would only wait for each other.
        self._turn = asyncio.Lock()

    async def create(self, definition: Definition) -> Stored:
        """A new set, or the one that is there with the same definition.

        Raises:
            InvalidRequest: With every fault of the definition.
            AlreadyExists: Reason SERIES_SET_EXISTS.
        """

        def work(connection: sa.Connection) -> Stored:
            demand_definition(definition, taken(connection))
            return store.create(connection, definition)

        return await self._db.write(work)

    async def get(self, name: str) -> Stored:
        """One set.

        Raises:
            NotFound: Reason SERIES_SET_NOT_FOUND.
        """
        return await self._db.read(lambda connection: store.get(connection, id_of(name)))

    async def page(self, after: str, most: int) -> list[Stored]:
        """Sets by id, behind ``after``."""
        return await self._db.read(lambda connection: store.page(connection, after, most))

    async def delete(self, name: str) -> int:
        """Remove a set; how many observations it held.

        Raises:
            NotFound: Reason SERIES_SET_NOT_FOUND.
        """
        return await self._db.write(lambda connection: store.delete(connection, id_of(name)))

    async def write_observations(self, name: str, batch: Sequence[Observation]) -> Written:
        """Store a batch whole or not at all.

        Raises:
            InvalidRequest: With every fault.
            NotFound: Reason SERIES_SET_NOT_FOUND.
            FailedPrecondition: Reason TOO_MANY_SERIES.
        """
        definition = (await self.get(name)).definition
        await asyncio.to_thread(demand_observations, definition, batch)
        return await self._db.write(
            lambda connection: store.write_observations(connection, id_of(name), batch)
        )

    async def write_inputs(self, name: str, batch: Sequence[InputValue]) -> int:
        """Store a batch of inputs whole or not at all; how many they are.

        Raises:
            InvalidRequest: With every fault.
            NotFound: Reason SERIES_SET_NOT_FOUND.
            FailedPrecondition: Reason TOO_MANY_SERIES.
        """
        definition = (await self.get(name)).definition
        await asyncio.to_thread(demand_inputs, definition, batch)
        return await self._db.write(lambda connection: store.write_inputs(connection, id_of(name), batch))

    async def forecast(self, wanted: Wanted) -> Ahead:
        """Coherent forecasts of the nodes of a level.

        A key of the finest level that the set has never seen is answered too, borrowed from series like it.

        Raises:
            NotFound: Reasons SERIES_SET_NOT_FOUND, SERIES_NOT_FOUND.
            InvalidRequest: A level that the set does not have.
            FailedPrecondition: Reasons NO_MODEL, NO_OBSERVATIONS, STALE_OBSERVATIONS.
        """
        stored, rows = await self._content(wanted.name)
        depth = level_of(stored.definition, wanted.levels)
        ahead = await self._ahead(stored, rows, wanted)
        return replace(ahead, rows=await asyncio.to_thread(nodes_by_keys, ahead, depth, wanted))

    async def reach(self, wanted: Wanted, target: float, first_period: datetime | None) -> Reach:
        """The chance that a sum over periods is at or above a target; periods that are past count with what they were.

        Raises:
            As `forecast`; InvalidRequest also for a first period that is none.
        """
        if wanted.name == BUILT_IN_SET:
            return await asyncio.to_thread(self._sales_reach, wanted, target, first_period)
        stored, rows = await self._content(wanted.name)
        frequency = stored.definition.frequency
        periods = wanted.periods or HORIZON
        open_period = number_of(frequency, wanted.decision_time)
        if first_period is not None and not is_begin(frequency, first_period):
            nearest = begin_of(frequency, number_of(frequency, first_period))
            remedy = f"give the begin of a period, such as {nearest:%Y-%m-%d}"
            raise InvalidRequest([Violation("first_period", first_period.isoformat(), remedy)])
        first = open_period if first_period is None else number_of(frequency, first_period)
        needed = max(first + periods - open_period, 1)
        ahead = await self._ahead(stored, rows, replace(wanted, keys=(), periods=needed))
        return await asyncio.to_thread(summed_up, ahead, wanted, target, range(first, first + periods))

    def _sales_reach(self, wanted: Wanted, target: float, first_period: datetime | None) -> Reach:
        """The same of the weekly sales by category that profile feeds."""
        version, found = reach_of_sales(
            self._lineups.current.series,
            wanted.decision_time,
            target,
            wanted.keys,
            first_period,
            wanted.periods,
        )
        return Reach(version.name, **asdict(found))

    async def decompose(self, wanted: Wanted) -> tuple[Panel, Decomposition]:
        """The sum of the series that match, taken apart; the panel has that one series.

        Raises:
            NotFound: Reasons SERIES_SET_NOT_FOUND, SERIES_NOT_FOUND.
            FailedPrecondition: Reasons NO_OBSERVATIONS, NOT_ENOUGH_HISTORY.
        """
        stored, rows = await self._content(wanted.name)
        return await asyncio.to_thread(taken_apart, stored.definition, rows, wanted)

    async def _content(self, name: str) -> tuple[Stored, Rows]:
        """All that a set holds, read again when it has changed."""
        id = id_of(name)

        def work(connection: sa.Connection) -> tuple[Stored, Rows]:
            # A set that was deleted and made anew begins at revision 0 again, but in another place.
            return self._rows.of(store.state(connection, id), lambda: store.rows_of(connection, id))

        async with self._turn:
            return await self._db.read(work)

    async def _ahead(self, stored: Stored, rows: Rows, wanted: Wanted) -> Ahead:
        """Forecasts of all nodes from the end of the data to as many periods ahead as are wanted."""
        definition = stored.definition
        loaded = self._lineups.current.of(definition.id, SetModel)
        if loaded.model.definition != definition:
            message = f"{loaded.version.name} was trained on another {definition.name}; train models/{definition.id} again"
            raise FailedPrecondition("NO_MODEL", message)
        first = number_of(definition.frequency, wanted.decision_time)
        content = (definition.id, stored.place, stored.revision, first)

        def work() -> tuple[SetForecast, int]:
            bottom = self._panels.of(content, lambda: demanded_panel(definition, rows, first))
            extra = unseen(definition, bottom, wanted.keys)
            skip = first - number_of(definition.frequency, bottom.start) - bottom.length
            steps = skip + (wanted.periods or HORIZON)
            demand_fresh(definition, skip, steps)
            whole = with_series(bottom, extra) if extra else bottom
            key = (*content, loaded.version.name, steps, extra)
            return self._forecasts.of(key, lambda: forecast_set(loaded.model, whole, steps)), skip

        async with self._turn:
            made, skip = await asyncio.to_thread(work)
        return Ahead(definition, loaded.version, loaded.model, made, first, skip, np.arange(0))


def taken(connection: sa.Connection) -> list[str]:
    """Ids of models that are no sets: models share one space of names."""
    others = [kind for kind in KINDS if kind.name != KIND]
    return [*BUILT_IN, *(model for kind in others for model in kind.models(connection))]


def id_of(name: str) -> str:
    return name.removeprefix("seriesSets/")


def demanded_panel(definition: Definition, rows: Rows, before: int) -> Panel:
    """What was observed before a period.

    Raises:
        FailedPrecondition: Reason NO_OBSERVATIONS.
    """
    demand_seen(definition, rows, before)
    return panel_of(definition, rows, before, AHEAD)


def demand_fresh(definition: Definition, skip: int, steps: int) -> None:
    if steps > MOST_AHEAD:
        message = (
            f"the observations of {definition.name} end {skip} {definition.frequency.value}s before decision_time; "
            f"with {steps - skip} more that is over {MOST_AHEAD} to forecast: write later observations or ask for fewer"
        )
        raise FailedPrecondition("STALE_OBSERVATIONS", message)


def level_of(definition: Definition, wanted: Sequence[str]) -> str:
    """The name of the level of the hierarchy that the names ask for.

    Raises:
        InvalidRequest: A name that is no level of its dimension, or another number of names than dimensions.
    """
    hierarchies = definition.hierarchies
    if tuple(wanted) == (TOTAL,):
        return TOTAL
    names = list(wanted) or [one[-1] for one in hierarchies]
    if len(names) != len(hierarchies):
        remedy = f"give one level for each of {', '.join(each.name for each in definition.dimensions)}"
        raise InvalidRequest([Violation.of("levels", list(wanted), remedy)])
    faults = [
        Violation.of(f"levels[{i}]", name, f"give one of {', '.join((*one, TOTAL))}")
        for i, (name, one) in enumerate(zip(names, hierarchies, strict=True))
        if name not in (*one, TOTAL)
    ]
    if faults:
        raise InvalidRequest(faults)
    return " x ".join(name for name in names if name != TOTAL) or TOTAL


def matching(hierarchy: Hierarchy, nodes: Places, keys: Sequence[str]) -> Places:
    """Those of the nodes whose keys begin so."""
    table = hierarchy.key_table[nodes]
    if len(keys) > table.shape[1]:
        return nodes[:0]
    fits = [table[:, i] == value for i, value in enumerate(keys) if value != ALL]
    return nodes[np.logical_and.reduce(fits)] if fits else nodes


def nodes_by_keys(ahead: Ahead, depth: str, wanted: Wanted) -> Places:
    """The nodes of a level whose keys begin as wanted, by keys.

    Raises:
        NotFound: Reason SERIES_NOT_FOUND.
    """
    hierarchy = ahead.forecast.hierarchy
    chosen = matching(hierarchy, hierarchy.rows_of(hierarchy.levels.index(depth)), wanted.keys)
    if not len(chosen):
        raise no_series(wanted)
    return np.array(sorted(chosen.tolist(), key=lambda row: hierarchy.keys[row]), dtype=np.intp)


def no_series(wanted: Wanted) -> NotFound:
    remedy = "give the begin of the keys of a series that the set has, * for any value"
    return NotFound(f"series {'/'.join(wanted.keys)} in {wanted.name}", remedy, reason="SERIES_NOT_FOUND")


def unseen(definition: Definition, bottom: Panel, keys: tuple[str, ...]) -> tuple[str, ...]:
    """The keys, if they are of one series of the finest level that the set has not seen but others are like."""
    if len(keys) != len(definition.levels) or ALL in keys or keys in bottom.keys:
        return ()
    known = any(value == key[i] for i, value in enumerate(keys) for key in bottom.keys)
    return keys if known else ()


def with_series(bottom: Panel, key: tuple[str, ...]) -> Panel:
    """The panel with one more series of which nothing is known."""
    known = bottom.known
    if known:
        known = replace(known, values=np.concatenate([known.values, usual_inputs(known.values)]))
    nothing = np.full((1, bottom.length), np.nan)
    return replace(
        bottom, keys=(*bottom.keys, key), values=np.concatenate([bottom.values, nothing]), known=known
    )


def usual_inputs(values: Floats) -> Floats:
    """The mean over the series that have a value, shape (1, n_periods, n_inputs)."""
    count = (~np.isnan(values)).sum(axis=0, keepdims=True)
    mean = np.nansum(values, axis=0, keepdims=True) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan)


def summed_up(ahead: Ahead, wanted: Wanted, target: float, periods: range) -> Reach:
    """The sum over the periods of the series that match."""
    forecast, hierarchy = ahead.forecast, ahead.forecast.hierarchy
    rows = node_of(hierarchy, wanted)
    panel = forecast.panel
    begin = number_of(panel.frequency, panel.start)
    end = begin + panel.length
    known = np.array([number - begin for number in periods if begin <= number < end], dtype=np.intp)
    actual = float(np.nansum(panel.values[np.ix_(rows, known)]))
    steps = np.array([number - end for number in periods if number >= end], dtype=np.intp)
    if not len(steps):
        return Reach(ahead.version.name, float(actual >= target), actual, actual, actual, actual)
    found = total(forecast.distribution, series=rows.tolist(), periods=steps.tolist(), already=actual)
    # The mean is that of the coherent forecasts, so that it adds up with every other answer.
    mean = actual + float(forecast.points[np.ix_(rows, steps)].sum())
    low, high = found.quantile(0.1), found.quantile(0.9)
    return Reach(ahead.version.name, found.probability(target), mean, low, high, actual)


def node_of(hierarchy: Hierarchy, wanted: Wanted) -> Places:
    """The node that holds exactly the series that match, which has a distribution of its own, or those series."""
    finest = np.arange(hierarchy.sums, len(hierarchy.keys))
    parts = matching(hierarchy, finest, wanted.keys)
    if not len(parts):
        raise no_series(wanted)
    member = np.zeros(hierarchy.bottom)
    member[parts - hierarchy.sums] = 1
    inside = np.asarray(hierarchy.summing @ member)
    size = np.asarray(hierarchy.summing.sum(axis=1))
    whole = np.flatnonzero((inside == size) & (inside == len(parts)))
    return whole[:1] if len(whole) else parts


def taken_apart(definition: Definition, rows: Rows, wanted: Wanted) -> tuple[Panel, Decomposition]:
    before = number_of(definition.frequency, wanted.decision_time)
    bottom = demanded_panel(definition, rows, before)
    everything = Hierarchy.of(bottom.keys, definition.hierarchies)
    parts = (
        matching(everything, np.arange(everything.sums, len(everything.keys)), wanted.keys) - everything.sums
    )
    if not len(parts):
        raise no_series(wanted)
    chosen = some_series(bottom, parts)
    # One level above the finest: the total of what was chosen.
    whole = Hierarchy.of(tuple((str(row),) for row in range(chosen.size)), (("series",),))
    one = node_panel(whole, chosen, (), 0)
    days = named_holidays(one.frequency, one.start, one.length, definition.holiday_countries)
    inputs: Floats = one.known.values[0, : one.length] if one.known else np.zeros((one.length, 0))
    events = Events((*one.known.names, *days.names), np.hstack([inputs, days.values]))
    only = replace(one, keys=one.keys[:1], values=one.values[:1])
    return only, decomposed(one.frequency, one.start, one.values[0], events)
