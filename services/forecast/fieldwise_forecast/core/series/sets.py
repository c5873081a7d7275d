"""Sets of series: what defines one, which observations fit it, and its panel; knows no forecaster and no store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, Violation

from ..features import Floats
from .calendar import supported_countries
from .hierarchy import ALL, TOTAL
from .panel import Frequency, Known, Panel
from .periods import WORDS, begin_of, is_begin, number_of

# A batch that is wrong in one column would otherwise cost more to report than to refuse.
MOST_TOLD = 100


@dataclass(frozen=True)
class Dimension:
    """A dimension as an ordered hierarchy, coarsest level first."""

    name: str
    levels: tuple[str, ...]


@dataclass(frozen=True)
class Definition:
    """One measure, one calendar, one hierarchy.

    Attributes:
        inputs: Names of inputs known in advance.
        holiday_countries: ISO 3166 codes.
        allow_negative: Values may be below 0.
        missing_is_zero: A period without observation between a series' first and the set's last counts as 0.
    """

    id: str
    measure: str
    unit: str
    frequency: Frequency
    dimensions: tuple[Dimension, ...]
    inputs: tuple[str, ...] = ()
    holiday_countries: tuple[str, ...] = ()
    allow_negative: bool = False
    missing_is_zero: bool = False

    @property
    def name(self) -> str:
        return f"seriesSets/{self.id}"

    @property
    def hierarchies(self) -> tuple[tuple[str, ...], ...]:
        """The levels of each dimension, coarsest first."""
        return tuple(dimension.levels for dimension in self.dimensions)

    @property
    def levels(self) -> tuple[str, ...]:
        """All levels, in the order of the values of a key."""
        return tuple(chain.from_iterable(self.hierarchies))

    def to_plain(self) -> dict[str, Any]:
        return {
            "measure": self.measure,
            "unit": self.unit,
            "frequency": self.frequency.value,
            "dimensions": [[dimension.name, list(dimension.levels)] for dimension in self.dimensions],
            "inputs": list(self.inputs),
            "holiday_countries": list(self.holiday_countries),
            "allow_negative": self.allow_negative,
            "missing_is_zero": self.missing_is_zero,
        }

    @classmethod
    def from_plain(cls, id: str, plain: Mapping[str, Any]) -> Definition:
        dimensions = tuple(Dimension(name, tuple(levels)) for name, levels in plain["dimensions"])
        return cls(
            id=id,
            measure=plain["measure"],
            unit=plain["unit"],
            frequency=Frequency(plain["frequency"]),
            dimensions=dimensions,
            inputs=tuple(plain["inputs"]),
            holiday_countries=tuple(plain["holiday_countries"]),
            allow_negative=plain["allow_negative"],
            missing_is_zero=plain["missing_is_zero"],
        )


def demand_definition(definition: Definition, taken: Sequence[str]) -> None:
    """Refuse a definition that no set can have; ``taken`` are ids of models that are no sets.

    Raises:
        InvalidRequest: With every fault.
    """
    faults = [*_id_faults(definition, taken), *_level_faults(definition)]
    unknown = sorted(set(definition.holiday_countries) - supported_countries())
    if unknown:
        remedy = "name countries whose holidays are known, by ISO 3166 code, such as CN or US"
        faults.append(Violation.of("series_set.holiday_countries", unknown, remedy))
    if faults:
        raise InvalidRequest(faults)


def _id_faults(definition: Definition, taken: Sequence[str]) -> Iterator[Violation]:
    if definition.id in taken or definition.id.startswith("table-"):
        remedy = "choose an id that no other model has and that does not begin with table-"
        yield Violation.of("series_set_id", definition.id, remedy)


def _level_faults(definition: Definition) -> Iterator[Violation]:
    seen: set[str] = {TOTAL}
    for i, dimension in enumerate(definition.dimensions):
        for j, level in enumerate(dimension.levels):
            if level in seen:
                remedy = f"name each level once over all dimensions, and none {TOTAL!r}"
                yield Violation.of(f"series_set.dimensions[{i}].levels[{j}]", level, remedy)
            seen.add(level)


class Observation(NamedTuple):
    """One value of one series in the period that begins at ``period``."""

    keys: tuple[str, ...]
    period: datetime
    value: float


class InputValue(NamedTuple):
    """One value of an input; empty keys mean every series."""

    input: str
    keys: tuple[str, ...]
    period: datetime
    value: float


def demand_observations(definition: Definition, observations: Sequence[Observation]) -> None:
    """Refuse a batch with any observation that does not fit the set, or with two of the same series and period.

    Raises:
        InvalidRequest: With every fault, at most a hundred of them.
    """
    faults: list[Violation] = []
    first: dict[tuple[tuple[str, ...], datetime], int] = {}
    for i, one in enumerate(observations):
        path = f"observations[{i}]"
        faults += _key_faults(definition, one.keys, path)
        faults += _period_faults(definition, one.period, path)
        if one.value < 0 and not definition.allow_negative:
            remedy = f"send values of at least 0, or make a set of {definition.measure} with allow_negative"
            faults.append(Violation.of(f"{path}.value", one.value, remedy))
        earlier = first.setdefault((one.keys, one.period), i)
        if earlier != i:
            shown = f"{'/'.join(one.keys)} at {one.period:%Y-%m-%d}"
            remedy = f"observations[{earlier}] is of the same series and period; send one of the two"
            faults.append(Violation(path, shown, remedy))
    _raise(faults)


def demand_inputs(definition: Definition, values: Sequence[InputValue]) -> None:
    """Refuse a batch of inputs with any that does not fit the set, or two values of the same.

    Raises:
        InvalidRequest: With every fault, at most a hundred of them.
    """
    faults: list[Violation] = []
    first: dict[tuple[str, tuple[str, ...], datetime], int] = {}
    for i, one in enumerate(values):
        path = f"values[{i}]"
        if one.input not in definition.inputs:
            known = f"name one of {', '.join(definition.inputs)}" if definition.inputs else "the set has none"
            faults.append(Violation.of(f"{path}.input", one.input, known))
        if one.keys:
            faults += _key_faults(definition, one.keys, path)
        faults += _period_faults(definition, one.period, path)
        earlier = first.setdefault((one.input, one.keys, one.period), i)
        if earlier != i:
            remedy = f"values[{earlier}] is of the same input, series and period; send one of the two"
            faults.append(Violation(path, f"{one.input} at {one.period:%Y-%m-%d}", remedy))
    _raise(faults)


def _raise(faults: Sequence[Violation]) -> None:
    if faults:
        raise InvalidRequest(faults[:MOST_TOLD])


def _key_faults(definition: Definition, keys: tuple[str, ...], path: str) -> Iterator[Violation]:
    wanted = definition.levels
    if len(keys) != len(wanted):
        remedy = f"give one value for each of {', '.join(wanted)}, in this order"
        yield Violation.of(f"{path}.keys", list(keys), remedy)
    for j, value in enumerate(keys):
        if value.strip() in ("", ALL):
            yield Violation.of(f"{path}.keys[{j}]", value, f"give a value other than nothing and {ALL}")


def _period_faults(definition: Definition, period: datetime, path: str) -> Iterator[Violation]:
    if not is_begin(definition.frequency, period):
        nearest = begin_of(definition.frequency, number_of(definition.frequency, period))
        remedy = (
            f"a period begins on {WORDS[definition.frequency]}; this one lies in that of {nearest:%Y-%m-%d}"
        )
        yield Violation(f"{path}.period", period.isoformat(), remedy)


@dataclass(frozen=True)
class Rows:
    """What is stored of a set, by columns: values of series in periods, and of inputs.

    Attributes:
        keys: Of the series, in the order of their places.
        series: Place of the series of each value.
        periods: Number of the period of each value (`periods.number_of`).
        inputs: (name, place of the series or -1 for all, number of the period, value) of each input value.
    """

    keys: tuple[tuple[str, ...], ...]
    series: NDArray[np.int64]
    periods: NDArray[np.int64]
    values: Floats
    inputs: tuple[tuple[str, int, int, float], ...] = ()


def panel_of(definition: Definition, rows: Rows, before: int, ahead: int) -> Panel:
    """The series on one calendar up to the last period with a value.

    Args:
        before: Number of the first period that is not seen.
        ahead: Periods behind the last one for which inputs known in advance are given along.
    """
    seen = rows.periods < before
    series, periods, values = rows.series[seen], rows.periods[seen], rows.values[seen]
    kept, place = np.unique(series, return_inverse=True)
    first = int(periods.min(initial=before))
    length = int(periods.max(initial=first - 1)) + 1 - first
    table = np.full((len(kept), length), np.nan)
    table[place, periods - first] = values
    if definition.missing_is_zero:
        begun = np.logical_or.accumulate(~np.isnan(table), axis=1)
        table = np.where(begun & np.isnan(table), 0.0, table)
    keys = tuple(rows.keys[row] for row in kept)
    panel = Panel(keys, begin_of(definition.frequency, first), definition.frequency, table)
    known = _known(definition, rows, kept.tolist(), first, length + ahead)
    return replace(panel, known=replace(known, values=_planned(known.values, length)) if known else known)


def demand_seen(definition: Definition, rows: Rows, before: int) -> None:
    """Raises FailedPrecondition, reason NO_OBSERVATIONS: nothing was observed before the period ``before``."""
    if (rows.periods < before).any():
        return
    moment = begin_of(definition.frequency, before)
    cure = "write some and ask again"
    if len(rows.periods):
        first = begin_of(definition.frequency, int(rows.periods.min()))
        cure = f"its {len(rows.periods):,} values begin on {first:%Y-%m-%d}: write earlier ones, or ask as of a later moment"
    message = (
        f"{definition.name} has no observation before {moment:%Y-%m-%d}, the moment of the question; {cure}"
    )
    raise FailedPrecondition("NO_OBSERVATIONS", message)


def _known(definition: Definition, rows: Rows, kept: Sequence[int], first: int, length: int) -> Known:
    if not definition.inputs:
        return Known()
    place = {row: i for i, row in enumerate(kept)}
    column = {name: i for i, name in enumerate(definition.inputs)}
    values = np.full((len(kept), length, len(column)), np.nan)
    # What is said of one series goes before what is said of all.
    for name, row, number, value in sorted(rows.inputs, key=lambda one: one[1]):
        step = number - first
        if not 0 <= step < length or name not in column:
            continue
        if row < 0:
            values[:, step, column[name]] = value
        elif row in place:
            values[place[row], step, column[name]] = value
    return Known(definition.inputs, values)


def _planned(values: Floats, length: int) -> Floats:
    """Inputs with a plan for every period ahead: where none was given, an input is what it was on average.

    A learner that never saw an input missing would take a missing one for anything, a promotion in each period for example.
    """
    seen = ~np.isnan(values[:, :length])
    total = np.where(seen, values[:, :length], 0.0).sum(axis=1)
    count = seen.sum(axis=1)
    usual = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    open_ahead = np.isnan(values) & (np.arange(values.shape[1]) >= length)[None, :, None]
    return np.where(open_ahead, usual[:, None, :], values)
