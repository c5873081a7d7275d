"""Possible duplicates of a record, found by shared keys and weighed; knows no wire and links nobody."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.identity.blocking import MOST_SHARING
from fieldwise_profile.core.identity.comparing import Field, Levels, compare
from fieldwise_profile.core.identity.limits import contradiction
from fieldwise_profile.core.identity.record import Record
from fieldwise_profile.core.identity.weighing import (
    COMMON,
    Frequencies,
    Scorer,
    Weights,
    probability,
    value_of,
)
from fieldwise_profile.store import appending, identity_records
from fieldwise_profile.store.identity_records import Registry, SealedRecord, stated
from fieldwise_runtime.database import Database

# Candidates that are opened and weighed: those who share the rarest keys.
MOST_WEIGHED: Final = 16
_RECORDS_KEPT: Final = 20_000
_COUNTS_KEPT: Final = 100_000
# Events after which frequencies are counted anew.
_COUNTS_STALE: Final = 20_000
_SAMPLE: Final = 500
# Less probable candidates are given without what each field adds.
_TOLD: Final = 0.01

# Opens (customer, source, event id, sealed) of each; None where the key is gone.
Opener = Callable[[sa.Connection, Sequence[tuple[str, str, str, bytes]]], Sequence[bytes | None]]


@dataclass(frozen=True)
class Candidate:
    """A customer who may be the person of a record, by the best of his records."""

    customer: str
    log_odds: float
    levels: Levels
    contradiction: str
    # What each field adds, all others given.
    evidence: Mapping[Field, float]

    @property
    def probability(self) -> float:
        return probability(self.log_odds)


class Matching:
    """Finds duplicates in a few milliseconds, however many customers there are.

    Args:
        opened: Opens sealed records.
        most_sharing: A phone or e-mail that more customers share than this is no evidence.
    """

    def __init__(
        self, database: Database, registry: Registry, opened: Opener, weights: Weights, most_sharing: int
    ) -> None:
        self._database = database
        self._registry = registry
        self._opened = opened
        self.weights = weights
        self._most_sharing = most_sharing
        self._guard = Lock()
        self._records: OrderedDict[int, tuple[str, Record]] = OrderedDict()
        self._counts: OrderedDict[tuple[Field, str], int] = OrderedDict()
        self._totals: Mapping[Field, int] = {}
        self._counted_at = -_COUNTS_STALE

    async def of_records(self, records: Sequence[Record], leave_out: Collection[str] = ()) -> list[Candidate]:
        """Customers who may be the one person of the records, most probable first."""
        return await self._database.read(lambda connection: self.find(connection, records, leave_out))

    async def records_of(self, customer: str) -> list[Record]:
        """What is stated of a customer, newest first."""
        return await self._database.read(
            lambda connection: self.records(connection, [customer]).get(customer, [])
        )

    def find(
        self, connection: sa.Connection, records: Sequence[Record], leave_out: Collection[str] = ()
    ) -> list[Candidate]:
        """Customers who may be the one person of the records, most probable first."""
        self._freshen(connection)
        said: dict[str, float] = {}
        for record in records:
            for customer, share in self._registry.sharing(connection, record, MOST_SHARING).items():
                said[customer] = max(said.get(customer, 0.0), share)
        for name in leave_out:
            said.pop(name, None)
        likeliest = sorted(said, key=lambda name: (-said[name], name))[:MOST_WEIGHED]
        theirs = self.records(connection, likeliest)
        scorer = self.scorer(connection, records)
        found = [_best(customer, records, own, scorer) for customer, own in theirs.items() if own]
        return sorted(found, key=lambda each: (-each.log_odds, each.customer))

    def scorer(self, connection: sa.Connection, records: Sequence[Record]) -> Scorer:
        """Weighs pairs one side of which is one of the records."""
        counts: dict[Field, dict[str, int]] = {}
        for record in records:
            for field in COMMON:
                value = value_of(record, field)
                if value:
                    counts.setdefault(field, {})[value] = self._count(connection, field, value)
        return Scorer(self.weights, Frequencies(counts, self._totals), self._most_sharing)

    def records(self, connection: sa.Connection, customers: Iterable[str]) -> dict[str, list[Record]]:
        """Records of the customers, opened and normalised, newest first."""
        sealed = identity_records.sealed_records(connection, customers)
        known = self.read(connection, sealed)
        found: dict[str, list[Record]] = {}
        for each in sorted(sealed, key=lambda each: -each.sequence):
            if each.sequence in known:
                found.setdefault(each.customer, []).append(known[each.sequence])
        return found

    def read(self, connection: sa.Connection, sealed: Sequence[SealedRecord]) -> dict[int, Record]:
        """Opened and normalised records by sequence; those whose key was destroyed are left out."""
        found: dict[int, Record] = {}
        with self._guard:
            for each in sealed:
                kept = self._records.get(each.sequence)
                if kept is not None:
                    found[each.sequence] = kept[1]
        missing = [each for each in sealed if each.sequence not in found]
        plain = self._opened(connection, [(m.customer, m.source, m.event_id, m.personal) for m in missing])
        fresh = {
            m.sequence: (m.customer, stated(text))
            for m, text in zip(missing, plain, strict=True)
            if text is not None
        }
        with self._guard:
            self._records.update(fresh)
            while len(self._records) > _RECORDS_KEPT:
                self._records.popitem(last=False)
        return found | {sequence: record for sequence, (_, record) in fresh.items()}

    def forget(self, customers: Collection[str]) -> None:
        """Drops what is remembered of customers who were erased."""
        with self._guard:
            gone = [sequence for sequence, (customer, _) in self._records.items() if customer in customers]
            for sequence in gone:
                del self._records[sequence]
            # Values are remembered without their customers.
            self._counts.clear()

    def _count(self, connection: sa.Connection, field: Field, value: str) -> int:
        with self._guard:
            known = self._counts.get((field, value))
        if known is not None:
            return known
        counted = self._registry.count(connection, field, value)
        with self._guard:
            self._counts[field, value] = counted
            if len(self._counts) > _COUNTS_KEPT:
                self._counts.popitem(last=False)
        return counted

    def _freshen(self, connection: sa.Connection) -> None:
        position = appending.position(connection)
        if position - self._counted_at < min(_COUNTS_STALE, max(100, position // 20)):
            return
        totals = identity_records.totals(connection, _SAMPLE)
        with self._guard:
            self._counted_at = position
            self._totals = totals
            self._counts.clear()


def _best(customer: str, mine: Sequence[Record], theirs: Sequence[Record], scorer: Scorer) -> Candidate:
    pairs = [(one, other, compare(one, other)) for one in mine for other in theirs]
    log_odds, number = max(
        (scorer.weigh(one, other, levels), -number) for number, (one, other, levels) in enumerate(pairs)
    )
    one, other, levels = pairs[-number]
    against = next((said for one, other, each in pairs if (said := contradiction(one, other, each))), "")
    evidence = scorer.explain(one, other, levels) if probability(log_odds) >= _TOLD else {}
    return Candidate(customer, log_odds, levels, against, evidence)
