"""Compares all records with each other and links those that are one person; knows no wire.

Nothing is kept but links and reviews, so a run that was broken off is simply done again: what is linked stays linked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from random import Random
from typing import Final, TypeVar

import sqlalchemy as sa

from fieldwise_profile.core.identity.clustering import AGREEING, CHAIN, Clusters, cluster
from fieldwise_profile.core.identity.comparing import Levels, compare
from fieldwise_profile.core.identity.learning import learn
from fieldwise_profile.core.identity.limits import contradiction
from fieldwise_profile.core.identity.pairing import blocks, pairs
from fieldwise_profile.core.identity.policy import Thresholds, Verdict
from fieldwise_profile.core.identity.record import Record
from fieldwise_profile.core.identity.weighing import Scorer, Weights, frequencies, probability
from fieldwise_profile.linking import Linking
from fieldwise_profile.matching import Matching
from fieldwise_profile.store import identity_records, links
from fieldwise_profile.store.links import Wanted
from fieldwise_runtime.database import Database

_READ_AT_ONCE: Final = 2_000
_WEIGHED_AT_ONCE: Final = 20_000
_LINKED_AT_ONCE: Final = 200
_FEWEST_TO_LEARN: Final = 1_000
_PAIRS_TO_LEARN: Final = 300_000
_RANDOM_PAIRS: Final = 100_000
_BY: Final = "auto"


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    records: int = 0
    pairs: int = 0
    weighed: int = 0
    linked: int = 0
    queued: int = 0
    kept_apart: int = 0
    done: bool = False


@dataclass
class Gathered:
    """All records, with their customers."""

    records: list[Record] = field(default_factory=list)
    customers: list[str] = field(default_factory=list)
    last: int = 0


Link = tuple[str, str, float]
T = TypeVar("T")


class Resolving:
    """Runs over all records."""

    def __init__(
        self,
        database: Database,
        matching: Matching,
        linking: Linking,
        thresholds: Thresholds,
        most_sharing: int,
    ) -> None:
        self._database = database
        self._matching = matching
        self._linking = linking
        self._thresholds = thresholds
        self._most_sharing = most_sharing

    async def resolve(
        self, at: int, learn_weights: bool = False, dry_run: bool = False
    ) -> AsyncIterator[Progress]:
        """Reads, blocks, weighs, groups, links; says how far it is. Ends where the caller stops asking."""
        gathered = Gathered()
        async for count in self._read(gathered):
            yield (progress := Progress(records=count))
        progress = Progress(records=len(gathered.records))
        blocked = await asyncio.to_thread(blocks, gathered.records)
        weights = self._matching.weights
        if learn_weights and len(gathered.records) >= _FEWEST_TO_LEARN:
            weights = await asyncio.to_thread(learned, gathered.records, blocked, weights)
        scorer = Scorer(weights, frequencies(gathered.records), self._most_sharing)
        best: dict[tuple[str, str], tuple[float, str]] = {}
        found = pairs(blocked, len(gathered.records))
        while chunk := await asyncio.to_thread(lambda: list(islice(found, _WEIGHED_AT_ONCE))):
            await asyncio.to_thread(self._weigh, gathered, chunk, scorer, best)
            progress = replace(
                progress, pairs=progress.pairs + len(chunk), weighed=progress.weighed + len(chunk)
            )
            yield progress
        clusters, queued = await asyncio.to_thread(self._grouped, gathered, scorer, best)
        progress = replace(progress, kept_apart=len(clusters.parted))
        if dry_run:
            yield replace(progress, linked=len(clusters.joined), queued=len(queued), done=True)
            return
        async for step in self._kept(progress, clusters.joined, queued, at):
            yield (progress := step)
        await self._database.write(
            lambda connection: identity_records.all_looked_up(connection, gathered.last)
        )
        yield replace(progress, done=True)

    async def _read(self, gathered: Gathered) -> AsyncIterator[int]:
        after = 0

        def portion(connection: sa.Connection) -> int:
            sealed = identity_records.records_after(connection, after, _READ_AT_ONCE)
            opened = self._matching.read(connection, sealed)
            for each in sealed:
                if each.sequence in opened:
                    gathered.records.append(opened[each.sequence])
                    gathered.customers.append(each.customer)
            return sealed[-1].sequence if sealed else 0

        while last := await self._database.read(portion):
            after = gathered.last = last
            yield len(gathered.records)

    def _weigh(
        self,
        gathered: Gathered,
        chunk: Sequence[tuple[int, int]],
        scorer: Scorer,
        best: dict[tuple[str, str], tuple[float, str]],
    ) -> None:
        """Keeps, of each two customers, the evidence of their best pair of records when it is worth a thought."""
        records, customers = gathered.records, gathered.customers
        for one, other in chunk:
            if customers[one] == customers[other]:
                continue
            levels = compare(records[one], records[other])
            log_odds = scorer.weigh(records[one], records[other], levels)
            if probability(log_odds) >= self._thresholds.review:
                pair = links.pair_of(customers[one], customers[other])
                before, said = best.get(pair, (log_odds, ""))
                said = said or contradiction(records[one], records[other], levels)
                best[pair] = (max(before, log_odds), said)

    def _grouped(
        self, gathered: Gathered, scorer: Scorer, best: dict[tuple[str, str], tuple[float, str]]
    ) -> tuple[Clusters[str], list[tuple[Link, str]]]:
        """Persons, and the pairs that somebody should look at."""
        own: dict[str, list[Record]] = {}
        for customer, record in zip(gathered.customers, gathered.records, strict=True):
            own.setdefault(customer, []).append(record)
        wanted: list[Link] = []
        queued: list[tuple[Link, str]] = []
        for (one, other), (log_odds, said) in best.items():
            verdict, reason = self._thresholds.verdict(probability(log_odds), said)
            if verdict is Verdict.LINK:
                wanted.append((one, other, log_odds))
            elif verdict is Verdict.REVIEW:
                queued.append(((one, other, log_odds), reason))
        clusters = cluster(
            wanted,
            lambda one, other: max(_log_odds(scorer, a, b) for a in own[one] for b in own[other]),
            lambda one, other: any(contradiction(a, b, compare(a, b)) for a in own[one] for b in own[other]),
            AGREEING,
        )
        queued += [(link, CHAIN) for link in clusters.parted]
        return clusters, queued

    async def _kept(
        self, progress: Progress, joined: Sequence[Link], queued: Sequence[tuple[Link, str]], at: int
    ) -> AsyncIterator[Progress]:
        for portion in _portions(joined):
            changed = await self._linking.by_evidence([_wanted(link, at) for link in portion])
            progress = replace(
                progress, linked=progress.linked + len(changed.links), queued=progress.queued + changed.queued
            )
            yield progress
        for some in _portions(queued):
            changed = await self._linking.by_evidence(
                (), [(_wanted(link, at), (reason,)) for link, reason in some]
            )
            progress = replace(progress, queued=progress.queued + changed.queued)
            yield progress


def learned(
    records: Sequence[Record], blocked: Sequence[Sequence[int]], start: Weights, seed: int = 1
) -> Weights:
    """Weights learned from these records alone, nobody telling which are one person."""
    found = islice(pairs(blocked, len(records)), _PAIRS_TO_LEARN)
    candidates: list[Levels] = [compare(records[one], records[other]) for one, other in found]
    chance = Random(seed)
    places = range(len(records))
    drawn = (chance.sample(places, 2) for _ in range(_RANDOM_PAIRS))
    return learn(candidates, [compare(records[one], records[other]) for one, other in drawn], start)


def _log_odds(scorer: Scorer, one: Record, other: Record) -> float:
    return scorer.weigh(one, other, compare(one, other))


def _wanted(link: Link, at: int) -> Wanted:
    one, other, log_odds = link
    return Wanted(one, other, probability(log_odds), links.AUTO, at, _BY)


def _portions(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _LINKED_AT_ONCE):
        yield items[start : start + _LINKED_AT_ONCE]
