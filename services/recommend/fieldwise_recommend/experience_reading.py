"""From rows to arrays: a period's decisions with their results and outcomes; run where numpy may be, in worker processes.

A million decisions take seconds; nothing is parsed from stored messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from math import nan
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp

from fieldwise_recommend.core.arrays import Floats, Ints
from fieldwise_recommend.core.experience import KINDS, Experience, campaigns_of
from fieldwise_recommend.store import experience as store
from fieldwise_runtime import engines

_MILLION: Final = 1_000_000.0
_HOUR: Final = 3_600_000_000.0
_EVER: Final = (0, 2**62)
_PREFIX: Final = "OUTCOME_KIND_"
# Columns by how they are read; those of words are in `_Rows`.
_COLUMNS: Final = store.PAGE_COLUMNS
_WHOLE: Final = ("time", "arm", "by_rep")
_NUMBERS: Final = ("probability", "p_buy", "p_silent", "purchase_days")
_AMOUNTS: Final = ("baseline", "effect", "value", "money", "money_before")


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    """A connection of its own, on one snapshot, that cannot write."""
    engine = engines.reading(url, connections=1)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def through(moment: Timestamp) -> int:
    """Where a period ends that holds what was decided at this very moment, as microseconds since 1970: a recorded clock stands still."""
    return moment.ToMicroseconds() + 1


def read_experience(
    connection: sa.Connection, start: int = _EVER[0], until: int = _EVER[1], *, facts: bool = True
) -> Experience:
    """Decisions made from ``start`` to just before ``until`` (microseconds since 1970), with what came of them by now.

    Args:
        facts: With the facts of each decision, which take a third of the memory.
    """
    rows = _Rows(keep_facts=facts)
    for page in store.pages(connection, start, until):
        rows.add(page)
    outcomes = _Outcomes(rows.decisions)
    for page in store.outcome_pages(connection):
        outcomes.add(page)
    return rows.experience(outcomes, store.names_of_facts(connection) if facts else {})


class _Codes:
    """Numbers for words, in the order in which they are met."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def of(self, words: Sequence[str]) -> Ints:
        numbers = self.numbers
        return np.array([numbers.setdefault(word, len(numbers)) for word in words], dtype=np.int64)

    @property
    def words(self) -> list[str]:
        return list(self.numbers)


class _Rows:
    """Columns of the pages read so far."""

    def __init__(self, *, keep_facts: bool) -> None:
        self._keep_facts = keep_facts
        self.decisions: list[str] = []
        self._codes = {name: _Codes() for name in ("customer", "action", "rep", "open", "campaigns")}
        self._parts: dict[str, list[Any]] = {}
        self._facts: list[tuple[Sequence[int], Sequence[bytes]]] = []

    def add(self, page: list[Any]) -> None:
        columns = dict(zip(_COLUMNS, zip(*page, strict=True), strict=True))
        self.decisions.extend(columns["decision"])
        for name, codes in self._codes.items():
            self._keep(name, codes.of(columns[name]))
        for name in _WHOLE:
            self._keep(name, np.array(columns[name], dtype=np.int64))
        self._keep("flags", np.array([each or 0 for each in columns["flags"]], dtype=np.int64))
        # None becomes NaN.
        for name in _NUMBERS:
            self._keep(name, np.array(columns[name], dtype=np.float64))
        for name in _AMOUNTS:
            self._keep(name, np.array(columns[name], dtype=np.float64) / _MILLION)
        if self._keep_facts:
            self._facts.append((columns["fact_set"], columns["facts"]))

    def _keep(self, name: str, column: Any) -> None:
        self._parts.setdefault(name, []).append(column)

    def experience(self, outcomes: _Outcomes, names: Mapping[int, Sequence[str]]) -> Experience:
        count = len(self.decisions)
        columns = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        if not count:
            columns = {name: np.zeros(0, dtype=np.int64) for name in (*_WHOLE, "flags", *self._codes)}
            columns |= {name: np.zeros(0) for name in (*_NUMBERS, *_AMOUNTS)}
        return Experience(
            **columns,
            customers=self._codes["customer"].words,
            actions=self._codes["action"].words,
            reps=self._codes["rep"].words,
            open_sets=[tuple(each.split()) for each in self._codes["open"].words],
            campaign_sets=[campaigns_of(each) for each in self._codes["campaigns"].words],
            score=outcomes.score,
            acted_after=(outcomes.acted - columns["time"]) / _HOUR,
            facts=_facts(self._facts, names, count) if self._keep_facts else {},
            said=outcomes.said,
        )


def _facts(
    parts: Sequence[tuple[Sequence[int], Sequence[bytes]]], names: Mapping[int, Sequence[str]], count: int
) -> dict[str, Floats]:
    """Columns by name; rows of an older set of facts have NaN in the newer ones."""
    sets = np.fromiter(chain.from_iterable(part for part, _ in parts), dtype=np.int64, count=count)
    blobs = list(chain.from_iterable(part for _, part in parts))
    kept = np.fromiter((len(blob) > 0 for blob in blobs), dtype=np.bool_, count=count)
    found: dict[str, Floats] = {}
    for number, listed in names.items():
        here = np.flatnonzero((sets == number) & kept)
        if not len(here):
            continue
        raw = b"".join([blobs[place] for place in here])
        table = np.frombuffer(raw, dtype="<f8").reshape(len(here), len(listed))
        for place, name in enumerate(listed):
            found.setdefault(name, np.full(count, nan))[here] = table[:, place]
    return found


class _Outcomes:
    """What outcomes say of the decisions read."""

    def __init__(self, decisions: Sequence[str]) -> None:
        count = len(decisions)
        self._place = {name: place for place, name in enumerate(decisions)}
        self.said = {kind: np.zeros(count, dtype=np.bool_) for kind in KINDS}
        self.score = np.full(count, nan)
        self.acted = np.full(count, nan)

    def add(self, page: list[Any]) -> None:
        find = self._place.get
        for decision, told, time, score in page:
            place = find(decision)
            if place is None:
                continue
            kind = told.removeprefix(_PREFIX).lower()
            if kind in self.said:
                self.said[kind][place] = True
            if score is not None:
                self.score[place] = score
            # Of an erased customer it is not known when.
            if kind == "acted" and time and not self.acted[place] <= time:
                self.acted[place] = time
