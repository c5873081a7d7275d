"""Sets of series in SQL: definitions, observations, inputs; knows no forecaster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from fieldwise_runtime.database import upsert
from fieldwise_runtime.errors import AlreadyExists, FailedPrecondition, NotFound

from ..core.features import Floats
from ..core.series.periods import number_of
from ..core.series.sets import Definition, InputValue, Observation, Rows

T = TypeVar("T")
Wholes = NDArray[np.int64]

# Rows of one statement: SQLite takes 32,766 values.
CHUNK = 2000
MOST_SERIES = 20_000
# Rows in memory at once.
PIECE = 50_000
EVERY_SERIES = 0

_metadata = sa.MetaData()
_sets = sa.Table(
    "series_sets",
    _metadata,
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(64)),
    sa.Column("definition", sa.Text),
    sa.Column("revision", sa.BigInteger),
)
_members = sa.Table(
    "series_members",
    _metadata,
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("set_place", sa.Integer),
    sa.Column("key", sa.Text),
)
_observations = sa.Table(
    "series_observations",
    _metadata,
    sa.Column("series", sa.Integer, primary_key=True),
    sa.Column("period", sa.Integer, primary_key=True),
    sa.Column("set_place", sa.Integer),
    sa.Column("value", sa.Double),
)
_inputs = sa.Table(
    "series_inputs",
    _metadata,
    sa.Column("set_place", sa.Integer, primary_key=True),
    sa.Column("input", sa.String(64), primary_key=True),
    sa.Column("series", sa.Integer, primary_key=True),
    sa.Column("period", sa.Integer, primary_key=True),
    sa.Column("value", sa.Double),
)


@dataclass(frozen=True)
class Stored:
    """A set as it is stored.

    Attributes:
        revision: Rises with every change of its content.
        first, last: Numbers of its first and last period (`periods.number_of`); None while it is empty.
    """

    place: int
    definition: Definition
    revision: int
    series: int
    first: int | None
    last: int | None


@dataclass(frozen=True)
class Written:
    """What a batch of observations did."""

    added: int
    changed: int
    unchanged: int


def create(connection: sa.Connection, definition: Definition) -> Stored:
    """A new set, or the one that is there with the same definition.

    Raises:
        AlreadyExists: Reason SERIES_SET_EXISTS, with another definition.
    """
    here = _find(connection, definition.id)
    if here is None:
        text = json.dumps(definition.to_plain(), sort_keys=True)
        connection.execute(sa.insert(_sets).values(id=definition.id, definition=text, revision=0))
        return get(connection, definition.id)
    if here.definition != definition:
        remedy = "choose another id, or delete the set first"
        raise AlreadyExists(f"{definition.name} with another definition", remedy, reason="SERIES_SET_EXISTS")
    return here


def get(connection: sa.Connection, id: str) -> Stored:
    """One set.

    Raises:
        NotFound: Reason SERIES_SET_NOT_FOUND.
    """
    found = _find(connection, id)
    if found is None:
        remedy = "create it first, or list the sets that there are"
        raise NotFound(f"seriesSets/{id}", remedy, reason="SERIES_SET_NOT_FOUND")
    return found


def state(connection: sa.Connection, id: str) -> tuple[int, int]:
    """Place and revision of a set: equal for equal content.

    Raises:
        NotFound: Reason SERIES_SET_NOT_FOUND.
    """
    row = connection.execute(sa.select(_sets.c.place, _sets.c.revision).where(_sets.c.id == id)).first()
    stored = get(connection, id) if row is None else row
    return stored.place, stored.revision


def page(connection: sa.Connection, after: str, most: int) -> list[Stored]:
    """Sets by id, behind ``after``."""
    statement = sa.select(_sets).where(_sets.c.id > after).order_by(_sets.c.id).limit(most)
    return [_stored(connection, row) for row in connection.execute(statement)]


def ids(connection: sa.Connection) -> list[str]:
    """Ids of all sets."""
    return list(connection.execute(sa.select(_sets.c.id).order_by(_sets.c.id)).scalars())


def delete(connection: sa.Connection, id: str) -> int:
    """Remove a set with all it holds; how many observations that were."""
    place = get(connection, id).place
    gone = connection.execute(sa.delete(_observations).where(_observations.c.set_place == place)).rowcount
    for table in (_inputs, _members):
        connection.execute(sa.delete(table).where(table.c.set_place == place))
    connection.execute(sa.delete(_sets).where(_sets.c.place == place))
    return int(gone)


def write_observations(connection: sa.Connection, id: str, batch: Sequence[Observation]) -> Written:
    """Store observations that fit the set; what was stored for the same series and period is replaced.

    Raises:
        NotFound: Reason SERIES_SET_NOT_FOUND.
        FailedPrecondition: Reason TOO_MANY_SERIES.
    """
    stored = get(connection, id)
    places = _places(connection, stored, {one.keys for one in batch})
    frequency = stored.definition.frequency
    new = {(places[one.keys], number_of(frequency, one.period)): one.value for one in batch}
    old = _old(connection, sorted({series for series, _ in new}), [period for _, period in new])
    rows = [
        {"series": series, "period": period, "set_place": stored.place, "value": value}
        for (series, period), value in new.items()
        if old.get((series, period)) != value
    ]
    _upsert(connection, _observations, rows)
    changed = sum((row["series"], row["period"]) in old for row in rows)
    if rows:
        _revise(connection, stored.place)
    return Written(len(rows) - changed, changed, len(new) - len(rows))


def write_inputs(connection: sa.Connection, id: str, batch: Sequence[InputValue]) -> int:
    """Store inputs known in advance, in place of what was stored; how many they are.

    Raises:
        NotFound: Reason SERIES_SET_NOT_FOUND.
        FailedPrecondition: Reason TOO_MANY_SERIES.
    """
    stored = get(connection, id)
    places = _places(connection, stored, {one.keys for one in batch if one.keys})
    rows = [
        {
            "set_place": stored.place,
            "input": one.input,
            "series": places[one.keys] if one.keys else EVERY_SERIES,
            "period": number_of(stored.definition.frequency, one.period),
            "value": one.value,
        }
        for one in batch
    ]
    _upsert(connection, _inputs, rows)
    _revise(connection, stored.place)
    return len(rows)


def rows_of(connection: sa.Connection, id: str) -> tuple[Stored, Rows]:
    """All that a set holds.

    Raises:
        NotFound: Reason SERIES_SET_NOT_FOUND.
    """
    stored = get(connection, id)
    members = sa.select(_members.c.place, _members.c.key).where(_members.c.set_place == stored.place)
    keys = {row.place: tuple(json.loads(row.key)) for row in connection.execute(members)}
    ordered = sorted(keys, key=lambda place: keys[place])
    index = np.zeros(max(ordered, default=0) + 1, dtype=np.int64)
    index[ordered] = np.arange(len(ordered))
    series, periods, values = _columns(connection, stored.place)
    inputs = sa.select(_inputs).where(_inputs.c.set_place == stored.place)
    rows = Rows(
        keys=tuple(keys[place] for place in ordered),
        series=index[series],
        periods=periods,
        values=values,
        inputs=tuple(
            (row.input, -1 if row.series == EVERY_SERIES else int(index[row.series]), row.period, row.value)
            for row in connection.execute(inputs)
        ),
    )
    return stored, rows


def _columns(connection: sa.Connection, set_place: int) -> tuple[Wholes, Wholes, Floats]:
    """Places of series, numbers of periods and values of all observations, read piece by piece: rows take ten times more."""
    wanted = sa.select(_observations.c.series, _observations.c.period, _observations.c.value)
    reading = connection.execution_options(yield_per=PIECE)
    found = reading.execute(wanted.where(_observations.c.set_place == set_place))
    pieces = [np.array([tuple(row) for row in part], dtype=np.float64) for part in found.partitions()]
    table = np.concatenate([np.zeros((0, 3)), *pieces])
    return table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2]


def _find(connection: sa.Connection, id: str) -> Stored | None:
    row = connection.execute(sa.select(_sets).where(_sets.c.id == id)).first()
    return None if row is None else _stored(connection, row)


def _stored(connection: sa.Connection, row: sa.Row[Any]) -> Stored:
    own = _observations.c.set_place == row.place
    count = sa.select(sa.func.count()).select_from(_members).where(_members.c.set_place == row.place)
    ends = sa.select(sa.func.min(_observations.c.period), sa.func.max(_observations.c.period)).where(own)
    first, last = connection.execute(ends).one()
    definition = Definition.from_plain(row.id, json.loads(row.definition))
    series = int(connection.execute(count).scalar_one())
    return Stored(row.place, definition, row.revision, series, first, last)


def _places(
    connection: sa.Connection, stored: Stored, wanted: set[tuple[str, ...]]
) -> dict[tuple[str, ...], int]:
    """Places of the series, made where they are new."""
    texts = {json.dumps(keys, ensure_ascii=False): keys for keys in sorted(wanted)}
    known = _known_places(connection, stored.place, texts)
    new = [text for text in texts if text not in known]
    if stored.series + len(new) > MOST_SERIES:
        message = (
            f"{stored.definition.name} has {stored.series} series, and {len(new)} more would make over {MOST_SERIES}; "
            f"leave out a level or split the set"
        )
        raise FailedPrecondition("TOO_MANY_SERIES", message)
    for part in chunks(new, CHUNK):
        connection.execute(sa.insert(_members), [{"set_place": stored.place, "key": text} for text in part])
    known |= _known_places(connection, stored.place, new)
    return {keys: known[text] for text, keys in texts.items()}


def _known_places(connection: sa.Connection, set_place: int, texts: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in chunks(texts, CHUNK):
        statement = sa.select(_members.c.key, _members.c.place).where(
            _members.c.set_place == set_place, _members.c.key.in_(part)
        )
        found |= {row.key: row.place for row in connection.execute(statement)}
    return found


def _old(
    connection: sa.Connection, series: Sequence[int], periods: Sequence[int]
) -> dict[tuple[int, int], float]:
    """Values stored for the series between the first and the last of the periods."""
    found: dict[tuple[int, int], float] = {}
    for part in chunks(series, CHUNK):
        statement = sa.select(_observations.c.series, _observations.c.period, _observations.c.value).where(
            _observations.c.series.in_(part), _observations.c.period.between(min(periods), max(periods))
        )
        found |= {(row.series, row.period): row.value for row in connection.execute(statement)}
    return found


def _upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    statement = upsert(table, connection.dialect.name)
    replaced = statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns), set_={"value": statement.excluded.value}
    )
    for part in chunks(rows, CHUNK):
        connection.execute(replaced, part)


def _revise(connection: sa.Connection, place: int) -> None:
    change = sa.update(_sets).where(_sets.c.place == place).values(revision=_sets.c.revision + 1)
    connection.execute(change)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most ``size``."""
    left = iter(items)
    while part := list(islice(left, size)):
        yield part
