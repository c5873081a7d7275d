"""The fold of one customer's events; knows no time but theirs.

Every part is a sum, a set, a minimum or a maximum over integers, so any order of the same events gives the same state, and
so do any pieces that are folded one after the other. Duplicates are kept out before the fold, by event id.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fieldwise_profile.core.event import DAY, HOUR, OPTED_OUT, Kind

# Positions in a day's tally.
LINES, AMOUNT, DISCOUNT, MAILINGS, REDEMPTIONS, CONTACTS = range(6)
TALLY: Final = 6
KINDS: Final = len(Kind) + 1
# What sources send for a product without a category.
UNKNOWN_CATEGORY: Final = "unknown"

# Plain numbers: comparing with a member of an enum takes several times as long.
_PURCHASE: Final = int(Kind.PURCHASE)
_TALLY_OF_KIND: Final = {
    int(Kind.MAILING): MAILINGS,
    int(Kind.REDEMPTION): REDEMPTIONS,
    int(Kind.CONTACT): CONTACTS,
}


class CategoryState:
    """One customer's purchases of one category."""

    __slots__ = ("amount", "days", "last", "lines")

    def __init__(self) -> None:
        self.days: set[int] = set()
        self.lines = 0
        self.amount = 0
        self.last = 0


class State:
    """One customer's folded events. Grows in place: copying it for each of millions of events would cost more than the fold.

    Attributes:
        count: Events folded in.
        known_at: When the newest of them was known, microseconds; 0 for none.
        first, last: Earliest and latest event time of each kind, indexed by `Kind`; 0 for none.
        hours: Purchase lines by UTC hour of the day.
        days: Tally of each UTC day (days since 1970): lines, amount, discount, mailings, redemptions, contacts.
        categories: Purchases of each category.
        opt_outs: How often he asked not to be contacted.
    """

    __slots__ = ("categories", "count", "days", "first", "hours", "known_at", "last", "opt_outs")

    def __init__(self) -> None:
        self.count = 0
        self.known_at = 0
        self.opt_outs = 0
        self.first = [0] * KINDS
        self.last = [0] * KINDS
        self.hours = [0] * 24
        self.days: dict[int, list[int]] = {}
        self.categories: dict[str, CategoryState] = {}

    @property
    def last_event_time(self) -> int:
        """Latest event time of any kind; 0 for none."""
        return max(self.last)

    def add(
        self,
        event_time: int,
        known_at: int,
        kind: int,
        category: str | None,
        amount: int | None,
        discount: int | None,
        outcome: int | None = None,
    ) -> None:
        """Folds one event in. Written flat: it runs for every event of a load and of every training."""
        self.count += 1
        if known_at > self.known_at:
            self.known_at = known_at
        if event_time > self.last[kind]:
            self.last[kind] = event_time
        first = self.first[kind]
        if not first or event_time < first:
            self.first[kind] = event_time
        day = event_time // DAY
        tally = self.days.get(day)
        if tally is None:
            tally = self.days[day] = [0] * TALLY
        if kind != _PURCHASE:
            counted = _TALLY_OF_KIND.get(kind)
            if counted is not None:
                tally[counted] += 1
            elif outcome == OPTED_OUT:
                self.opt_outs += 1
            return
        spent = amount or 0
        tally[LINES] += 1
        tally[AMOUNT] += spent
        tally[DISCOUNT] += discount or 0
        self.hours[event_time % DAY // HOUR] += 1
        bought = self.categories.get(category or UNKNOWN_CATEGORY)
        if bought is None:
            bought = self.categories[category or UNKNOWN_CATEGORY] = CategoryState()
        bought.days.add(day)
        bought.lines += 1
        bought.amount += spent
        if event_time > bought.last:
            bought.last = event_time

    def is_whole_at(self, moment: int) -> bool:
        """Whether every event folded in happened before ``moment`` and was known by then."""
        return self.known_at <= moment and self.last_event_time < moment


def fold(
    happenings: Iterable[tuple[int, int, int, str | None, int | None, int | None, int | None]],
    state: State | None = None,
) -> State:
    """Adds events (in any order) to ``state``, a new one by default, and returns it."""
    folded = State() if state is None else state
    add = folded.add
    for happening in happenings:
        add(*happening)
    return folded
