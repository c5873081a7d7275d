"""What profile counts for operators: events and dead letters; knows no customer and no wire."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from fieldwise_profile.store import dead_letters
from fieldwise_runtime.database import Database
from fieldwise_runtime.metrics import counter, gauge, histogram

_MICROS: Final = 1_000_000

EVENTS: Final = counter(
    "fieldwise_events", "Events that were answered: stored, known already, or refused.", "result"
)
LAG: Final = histogram(
    "fieldwise_event_lag_seconds",
    "How old events were when they were stored, by the business clock.",
    bounds=(1, 10, 60, 600, 3_600, 21_600, 86_400, 604_800),
)
DEAD_LETTERS: Final = gauge("fieldwise_dead_letters", "Refused events that are kept.")

_ACCEPTED: Final = EVENTS.labels("accepted")
_DUPLICATE: Final = EVENTS.labels("duplicate")
_REFUSED: Final = EVENTS.labels("refused")


async def measure(database: Database) -> None:
    """Looks at what a query has to be made for."""
    DEAD_LETTERS.set(await database.read(partial(dead_letters.count, wanted=dead_letters.Wanted())))


def answered(accepted: int, duplicates: int, refused: int) -> None:
    """Counts the events of a batch that is answered."""
    _ACCEPTED.inc(accepted)
    _DUPLICATE.inc(duplicates)
    _REFUSED.inc(refused)


def arrived(moment: int, times: Iterable[int]) -> None:
    """Counts how old the oldest and the newest event of a batch are: two say what all would, at no cost.

    Args:
        moment: Now, in microseconds since 1970.
        times: When they were, in the same.
    """
    known = list(times)
    if known:
        LAG.observe(max(0, moment - min(known)) / _MICROS)
        LAG.observe(max(0, moment - max(known)) / _MICROS)
