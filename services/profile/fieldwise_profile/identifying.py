"""Looks up the duplicates of every new record, in the background; knows no wire.

Who waits stands in the database, so that a process that dies forgets nobody. What is done twice changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from fieldwise_profile.core.identity.clustering import AGREEING, CHAIN, mean_evidence
from fieldwise_profile.core.identity.comparing import compare
from fieldwise_profile.core.identity.limits import contradiction
from fieldwise_profile.core.identity.policy import Thresholds, Verdict
from fieldwise_profile.identities import Identities
from fieldwise_profile.linking import KEPT_APART, Linking, linked_by_evidence
from fieldwise_profile.matching import Candidate, Matching
from fieldwise_profile.store import identity_records, links
from fieldwise_profile.store.links import Changed, Wanted
from fieldwise_profile.trying import Trying
from fieldwise_runtime.database import Database

EVERY_SECONDS: Final = 0.25
_PORTION: Final = 100
# Names of one person whose records are compared with a newcomer's.
_MEMBERS: Final = 20
_BY: Final = "auto"


@dataclass(frozen=True)
class Finding:
    """What came of looking up one customer."""

    wanted: Sequence[Wanted]
    queued: Sequence[tuple[Wanted, Sequence[str]]]


class Identifying:
    """Takes those who wait off the line, looks them up, links or queues."""

    def __init__(
        self,
        database: Database,
        matching: Matching,
        linking: Linking,
        identities: Identities,
        thresholds: Thresholds,
    ) -> None:
        self._database = database
        self._matching = matching
        self._linking = linking
        self._identities = identities
        self._thresholds = thresholds

    async def run(self) -> None:
        """Goes on until it is cancelled. A database that is away is health's matter; here we try again."""
        trying = Trying()
        while True:
            done = await trying.result(self.step) or 0
            if done < _PORTION:
                await asyncio.sleep(EVERY_SECONDS)

    async def step(self) -> int:
        """One portion; returns how many records it looked up."""
        waiting = await self._database.read(lambda connection: identity_records.waiting(connection, _PORTION))
        if not waiting:
            return 0
        found: list[Finding] = []
        done: list[int] = []
        touched: set[str] = set()
        for sequence, customer, at in waiting:
            finding, persons = await self._looked_up(customer, at)
            if finding.wanted and not touched.isdisjoint(persons):
                # Their persons change in this portion: whether all of them agree is seen in the next one.
                continue
            touched |= persons
            found.append(finding)
            if not finding.wanted:
                done.append(sequence)

        def work(connection: sa.Connection) -> Changed:
            wanted = [each for finding in found for each in finding.wanted]
            queued = [each for finding in found for each in finding.queued]
            changed = linked_by_evidence(connection, wanted, queued)
            identity_records.looked_up(connection, done)
            return changed

        await self._linking.take(await self._database.write(work))
        # Who was linked is looked up again: whether a third agrees with both is asked when the two are one.
        return len(found)

    async def _looked_up(self, customer: str, at: int) -> tuple[Finding, frozenset[str]]:
        members = self._identities.members(customer)
        candidates, against = await self._database.read(
            lambda connection: self._found(connection, customer, members)
        )
        return self._judged(customer, at, candidates, against)

    def _found(
        self, connection: sa.Connection, customer: str, members: Sequence[str]
    ) -> tuple[list[Candidate], dict[str, str]]:
        """Candidates worth a thought, and what a name of their persons says against the customer's person."""
        records = self._matching.records(connection, [customer]).get(customer, [])
        candidates = [
            each
            for each in self._matching.find(connection, records, leave_out=members)
            if each.probability >= self._thresholds.review
        ]
        return candidates, {
            each.customer: self._against(connection, members, each.customer) for each in candidates
        }

    def _against(self, connection: sa.Connection, members: Sequence[str], candidate: str) -> str:
        theirs = self._identities.members(candidate)
        if links.kept_apart(connection, members, theirs):
            return KEPT_APART
        if len(members) == 1 and len(theirs) == 1:
            return ""
        records = self._matching.records(connection, [*members[:_MEMBERS], *theirs[:_MEMBERS]])
        mine = [record for name in members[:_MEMBERS] for record in records.get(name, ())]
        others = [record for name in theirs[:_MEMBERS] for record in records.get(name, ())]
        scorer = self._matching.scorer(connection, mine)
        pairs = [(one, other, compare(one, other)) for one in mine for other in others]
        for one, other, levels in pairs:
            if said := contradiction(one, other, levels):
                return said
        # One good link does not make two groups one person when most of their records disagree.
        agree = mean_evidence(scorer.weigh(one, other, levels) for one, other, levels in pairs) >= AGREEING
        return "" if agree else CHAIN

    def _judged(
        self, customer: str, at: int, candidates: Sequence[Candidate], against: dict[str, str]
    ) -> tuple[Finding, frozenset[str]]:
        wanted: list[Wanted] = []
        queued: list[tuple[Wanted, Sequence[str]]] = []
        persons = set(self._identities.members(customer))
        for each in candidates:
            theirs = self._identities.members(each.customer)
            # The strongest candidate of a person speaks for the person.
            if each.customer in persons:
                continue
            says = each.contradiction or against[each.customer]
            verdict, reason = self._thresholds.verdict(each.probability, says)
            pair = Wanted(customer, each.customer, each.probability, links.AUTO, at, _BY)
            if verdict is Verdict.LINK:
                wanted.append(pair)
                persons.update(theirs)
                break
            if verdict is Verdict.REVIEW:
                queued.append((pair, (reason,)))
                persons.update(theirs)
        return Finding(wanted, queued), frozenset(persons)
