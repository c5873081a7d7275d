"""Measuring what tags are worth: customers read at cut-offs, rules run on them, the figures made in a process of its own; knows no wire."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np
import sqlalchemy as sa

from fieldwise_profile.core.consent import Unasked, permission
from fieldwise_profile.core.event import DAY, Happening, Kind
from fieldwise_profile.core.features import Purchases
from fieldwise_profile.core.fold import State
from fieldwise_profile.core.purposes import Purpose, consent_needed
from fieldwise_profile.core.rhythm import silence_after_days
from fieldwise_profile.core.tags.fields import FIELDS, values_of
from fieldwise_profile.core.tags.subject import Subject
from fieldwise_profile.core.tags.worth import Rows, TagReport, Target, measured
from fieldwise_profile.store import histories, listings
from fieldwise_profile.store import tags as stored
from fieldwise_profile.tagging import Tags
from fieldwise_profile.viewing import Viewing
from fieldwise_rules.compiler import Rule, compiled
from fieldwise_runtime import engines
from fieldwise_runtime.database import Database
from fieldwise_runtime.errors import FailedPrecondition
from fieldwise_runtime.logs import get_logger
from fieldwise_runtime.worker_process import report as tell
from fieldwise_runtime.workers import run_in_process

log: Final = get_logger(__name__)

WINDOW_DAYS: Final = 28
CUTOFFS: Final = 8
CUSTOMERS: Final = 5_000
FEWEST_ROWS: Final = 200
FEWEST_OF_EACH: Final = 20
_LEAST_CUTOFFS: Final = 2
_NAMES_AT_ONCE: Final = 10_000
_READ_AT_ONCE: Final = 500
_FOLD_AT_ONCE: Final = 50
_SECONDS: Final = 1_800.0

_visible_from: Final = attrgetter("visible_from")


@dataclass(frozen=True)
class Question:
    """What is asked.

    Args:
        as_of: Microseconds; the last outcome ends here.
        cutoffs: How many, 28 days apart, the last one 28 days before ``as_of``.
        customers: Most to read, taken evenly from all.
        propose: Mark what the report proposes.
    """

    target: Target
    as_of: int
    cutoffs: int = CUTOFFS
    customers: int = CUSTOMERS
    propose: bool = False
    seed: int = 0


class Step(NamedTuple):
    """Progress: what, done, total."""

    what: str
    done: int
    total: int


class Read(NamedTuple):
    """Rows of some customers: of each the customer's place, the cut-off's, the outcome and a bit a tag."""

    customers: list[int]
    cutoffs: list[int]
    outcomes: list[int]
    tags: list[bytes]


class TagWorth:
    """Measures the tags in force, one measurement at a time.

    Args:
        url: Where a process of its own finds the database.
    """

    def __init__(self, database: Database, url: str, viewing: Viewing, tags: Tags, unasked: Unasked) -> None:
        self._database = database
        self._url = url
        self._viewing = viewing
        self._tags = tags
        self._unasked = unasked
        self._one_measures = asyncio.Lock()

    async def measure(self, question: Question) -> AsyncIterator[Step | tuple[int, TagReport]]:
        """Progress, and at last the report with its number, kept.

        Raises:
            FailedPrecondition: Reason TOO_LITTLE_HISTORY.
        """
        ready = self._tags.in_force()
        if len(ready) < 2:
            message = f"{len(ready)} tags are in force; a comparison needs two or more"
            raise FailedPrecondition("TOO_LITTLE_HISTORY", message)
        names = [each.tag.name for each in ready]
        async with self._one_measures:
            customers = await self._customers(question)
            told: asyncio.Queue[Step | None] = asyncio.Queue()
            working = asyncio.create_task(
                run_in_process(
                    measured_in_process,
                    self._url,
                    customers,
                    [(each.tag.name, each.tag.expression) for each in ready],
                    question,
                    timeout=_SECONDS,
                    on_message=told.put_nowait,
                )
            )
            working.add_done_callback(lambda _: told.put_nowait(None))
            try:
                while (step := await told.get()) is not None:
                    yield step
                report = await working
            finally:
                working.cancel()
            number = await self._database.write(lambda connection: stored.keep_report(connection, report))
            if question.propose:
                note = f"proposed by tagReports/{number}"
                await self._tags.propose([each.tag for each in report.proposals], question.as_of, note)
        log.info(
            "tags measured", report=number, tags=len(names), kept=len(report.kept), rows=report.training_rows
        )
        yield number, report

    async def _customers(self, question: Question) -> list[tuple[str, ...]]:
        """Customers taken evenly from all who let themselves be read for TRAINING, each with all his names."""
        names = await self._every_name()
        step = max(1, -(-len(names) // question.customers))
        chosen: list[tuple[str, ...]] = []
        for start in range(0, len(names[::step]), _READ_AT_ONCE):
            some = names[::step][start : start + _READ_AT_ONCE]
            for view in await self._viewing.at(some, question.as_of):
                # One person once: under the name that stands for all of his.
                is_himself = view.members[0] == view.customer
                subject = consent_needed(Purpose.TRAINING)
                if is_himself and permission(view.consents, subject, self._unasked).is_given:
                    chosen.append(view.members)
        return chosen

    async def _every_name(self) -> list[str]:
        names: list[str] = []
        while some := await self._names_after(names[-1] if names else ""):
            names += some
        return names

    async def _names_after(self, name: str) -> list[str]:
        return await self._database.read(
            lambda connection: listings.customers_after(connection, name, _NAMES_AT_ONCE)
        )


def measured_in_process(
    url: str, customers: Sequence[tuple[str, ...]], tags: Sequence[tuple[str, str]], question: Question
) -> TagReport:
    """What a worker process does: reads the customers from its own connection, and measures; tells each step."""
    rules = [compiled(expression, FIELDS) for _, expression in tags]
    moments = [question.as_of - back * WINDOW_DAYS * DAY for back in range(question.cutoffs, -1, -1)]
    found = Read([], [], [], [])
    engine = engines.reading(url, connections=1)
    try:
        with engine.begin() as connection:
            for start in range(0, len(customers), _FOLD_AT_ONCE):
                some = customers[start : start + _FOLD_AT_ONCE]
                own = _histories(connection, some, moments[-1])
                for place, happenings in enumerate(own, start):
                    read_customer(found, place, happenings, moments, rules, question.target)
                tell(Step("reading", min(start + _FOLD_AT_ONCE, len(customers)), len(customers)))
    finally:
        engine.dispose()
    old, new = split(found, question.cutoffs, len(rules))
    check(old, new)
    occasion = question.target, question.as_of, question.seed
    return measured([name for name, _ in tags], old, new, occasion, lambda *step: tell(Step(*step)))


def read_customer(
    found: Read,
    customer: int,
    happenings: list[Happening],
    moments: Sequence[int],
    rules: Sequence[Rule],
    target: Target,
) -> None:
    """Adds the rows of one customer: his tags at each moment but the last, and the outcome at the next."""
    happenings.sort(key=_visible_from)
    starts = [happening.visible_from for happening in happenings]
    reads = frozenset().union(*(rule.reads for rule in rules))
    state, done = State(), 0
    asked: tuple[bytes, float | None, int] | None = None
    for place, moment in enumerate(moments):
        visible = bisect_right(starts, moment)
        for happening in happenings[done:visible]:
            state.add(*happening)
        done = visible
        if asked is not None:
            tags, silence, bought_until = asked
            found.customers.append(customer)
            found.cutoffs.append(place - 1)
            found.tags.append(tags)
            found.outcomes.append(_outcome(state, moment, silence, bought_until, target))
        asked = _asked(state, moment, rules, reads, target) if done else None


def _asked(
    state: State, moment: int, rules: Sequence[Rule], reads: frozenset[int], target: Target
) -> tuple[bytes, float | None, int] | None:
    """Tags, silence threshold and last purchase now; None for one of whom the question is not asked."""
    bought = Purchases(state, moment)
    silence = silence_after_days(bought.ascending_gaps)
    last = state.last[Kind.PURCHASE]
    if target is Target.SILENT_28D and (silence is None or moment - last > silence * DAY):
        return None
    values: list[Any] = values_of(Subject(state, bought), reads)
    return bytes(rule.holds(values) for rule in rules), silence, last


def _outcome(state: State, moment: int, silence: float | None, bought_until: int, target: Target) -> int:
    last = state.last[Kind.PURCHASE]
    if target is Target.SILENT_28D:
        assert silence is not None
        return int(moment - last > silence * DAY)
    return int(last > bought_until and last >= moment - WINDOW_DAYS * DAY)


def _histories(
    connection: sa.Connection, customers: Sequence[tuple[str, ...]], until: int
) -> Iterator[list[Happening]]:
    """All events of each customer, whatever his name was."""
    names = sorted({name for members in customers for name in members})
    found = dict(histories.whole_histories(connection, names, until))
    for members in customers:
        yield [happening for name in members for happening in found.get(name, [])]


def split(found: Read, cutoffs: int, tag_count: int) -> tuple[Rows, Rows]:
    """Older rows and the newest quarter of the cut-offs, at least one."""
    newest = cutoffs - max(1, cutoffs // 4)
    tags = (
        np.frombuffer(b"".join(found.tags), dtype=np.uint8)
        .reshape(len(found.tags), tag_count)
        .astype(np.float64)
    )
    outcomes, customers = (
        np.array(found.outcomes, dtype=np.float64),
        np.array(found.customers, dtype=np.int64),
    )
    places = np.array(found.cutoffs, dtype=np.int64)
    ages, is_new = newest - 1 - places, places >= newest
    old, new = (
        Rows(tags[which], outcomes[which], customers[which], ages[which]) for which in (~is_new, is_new)
    )
    return old, new


def check(old: Rows, new: Rows) -> None:
    """Raises FailedPrecondition when there is too little to say anything."""
    for side, rows in (("older", old), ("newest", new)):
        yes = int(rows.outcome.sum())
        if len(rows.outcome) < FEWEST_ROWS or min(yes, len(rows.outcome) - yes) < FEWEST_OF_EACH:
            message = (
                f"the {side} cut-offs have {len(rows.outcome)} rows, {yes} with the outcome; needed are {FEWEST_ROWS}, "
                f"and {FEWEST_OF_EACH} with and without it. Ask for more cut-offs or customers, or a later as_of"
            )
            raise FailedPrecondition("TOO_LITTLE_HISTORY", message)
