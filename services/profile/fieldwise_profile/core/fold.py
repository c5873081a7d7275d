"""The fold of one customer's events; knows no time but theirs.

Every part is a sum, a set, a minimum or a maximum over integers, or the latest of a total order, so any order of the same events
gives the same state, and so do any pieces that are folded one after the other, and any states that are merged. Duplicates are
kept out before the fold, by event id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from sys import intern
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from fieldwise_profile.core.browsing import BrowsingHours
from fieldwise_profile.core.event import DAY, HOUR, OPENED, OPTED_OUT, Flag, Happening, Kind
from fieldwise_profile.core.noise import Browsing, Raw
from fieldwise_profile.core.words import words as words_of

# Positions in a day's tally.
LINES, AMOUNT, DISCOUNT, MAILINGS, REDEMPTIONS, CONTACTS = range(6)
TALLY: Final = 6
KINDS: Final = len(Kind) + 1
# What sources send for a product without a category.
UNKNOWN_CATEGORY: Final = "unknown"
# The channel that stands for all: an opt-out is the withdrawal of it.
ALL_CHANNELS: Final = "all"

# Plain numbers: comparing with a member of an enum takes several times as long.
_PURCHASE: Final = int(Kind.PURCHASE)
_TALLY_OF_KIND: Final = {
    int(Kind.MAILING): MAILINGS,
    int(Kind.REDEMPTION): REDEMPTIONS,
    int(Kind.CONTACT): CONTACTS,
}
_ROBOT, _CLOSED, _GRANTED = int(Flag.ROBOT), int(Flag.CLOSED), int(Flag.GRANTED)
# A time, and whether it is the stronger of two words: of two at one moment that one holds.
Word = tuple[int, int]
# Scores kept of one question: how many, their sum, time and value of the latest (the higher of two at once).
Score = tuple[int, int, int, int]


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class PlainFacts(NamedTuple):
    """Facts that are plain by design; 0 or empty where nobody stated them."""

    birth_month: int
    birth_day: int
    birth_year_band: int
    gender: str
    place: str
    time_zone: str


class CategoryState:
    """One customer's purchases of one category."""

    __slots__ = ("amount", "days", "last", "lines")

    def __init__(self) -> None:
        self.days: set[int] = set()
        self.lines = 0
        self.amount = 0
        self.last = 0

    def merge(self, other: CategoryState) -> None:
        self.days |= other.days
        self.lines += other.lines
        self.amount += other.amount
        self.last = max(self.last, other.last)


class State:
    """One customer's folded events. Grows in place: copying it for each of millions of events would cost more than the fold.

    Attributes:
        count: Events folded in.
        known_at: When the newest of them was known, microseconds; 0 for none.
        first, last: Earliest and latest event time of each kind, indexed by `Kind`; 0 for none.
        hours: Purchases by UTC hour of the day.
        days: Tally of each UTC day (days since 1970): lines, amount, discount, mailings, redemptions, contacts.
        categories: Purchases of each category.
        opt_outs: How often he asked not to be contacted.
        counts: Events by day, of kinds that have no place in `days` and are not weighed, such as ``visit`` or
            ``message_sent``; custom ones by their schema.
        channels: Events by day and channel, of what is not weighed; and the last time of each.
        browsing: Views, clicks, searches and opened messages; None until there is one.
        consents: By purpose (``decision``, ``training``) or channel, twice the time of the latest word on it, plus 1 when it
            withdraws.
        facts: Latest time and value (as JSON) of each plain fact of his person, such as ``gender``.
        cases: Time of the latest word on each service case, and 1 when it closes the case.
        scores: Answers to questions about satisfaction, and ratings, by question.
    """

    __slots__ = (
        "browsing",
        "cases",
        "categories",
        "channel_last",
        "channels",
        "consents",
        "count",
        "counts",
        "days",
        "facts",
        "first",
        "hours",
        "known_at",
        "last",
        "opt_outs",
        "scores",
    )

    def __init__(self) -> None:
        self.count = 0
        self.known_at = 0
        self.opt_outs = 0
        self.first = [0] * KINDS
        self.last = [0] * KINDS
        self.hours = [0] * 24
        self.days: dict[int, list[int]] = {}
        self.categories: dict[str, CategoryState] = {}
        self.browsing: BrowsingHours | None = None
        # Most customers have no more than purchases and browsing: the rest is one shared nothing until there is something.
        self.counts: Mapping[str, dict[int, int]] = _NOTHING
        self.channels: Mapping[str, dict[int, int]] = _NOTHING
        self.channel_last: Mapping[str, int] = _NOTHING
        self.consents: Mapping[str, int] = _NOTHING
        self.facts: Mapping[str, tuple[int, str]] = _NOTHING
        self.cases: Mapping[str, Word] = _NOTHING
        self.scores: Mapping[str, Score] = _NOTHING

    @property
    def last_event_time(self) -> int:
        """Latest event time of any kind; 0 for none."""
        return max(self.last)

    @property
    def has_words(self) -> bool:
        """Whether words he searched for are in it: those are personal."""
        return self.browsing is not None and self.browsing.has_words

    def fact(self, name: str) -> Any:
        """The latest value of a plain fact; None when nobody stated it."""
        if name in _BIRTH:
            birth = self.fact("birth")
            return None if birth is None else birth[_BIRTH[name]]
        found = self.facts.get(name)
        return None if found is None else json.loads(found[1])

    @property
    def plain(self) -> PlainFacts:
        """What is known of the person without anything personal being opened."""
        month, day, band = self.fact("birth") or (0, 0, 0)
        texts = (self.fact(name) or "" for name in ("gender", "place", "time_zone"))
        return PlainFacts(month, day, band, *texts)

    def add(
        self,
        event_time: int,
        known_at: int,
        kind: int,
        category: str | None,
        amount: int | None,
        discount: int | None,
        outcome: int | None = None,
        product: str | None = None,
        channel: str | None = None,
        target: str | None = None,
        measure: int | None = None,
        stage: int | None = None,
        flags: int | None = None,
        details: str | None = None,
        personal: bytes | None = None,
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
        if kind in _BROWSING:
            self._browse(event_time, kind, category, product, channel, target, measure, flags, personal)
            return
        if kind != _PURCHASE:
            rest = (category, product, channel, target, measure, stage, flags, outcome, details, personal)
            _FOLDS[kind](self, _Other(event_time, day, kind, *rest))
            return
        tally = self.days.get(day)
        if tally is None:
            tally = self.days[day] = [0] * TALLY
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

    def add_known(self, event_time: int, known_at: int, kind: int) -> None:
        """Folds in only that an event was: for features that read nothing else of its kind."""
        self.count += 1
        self.known_at = max(self.known_at, known_at)
        self.last[kind] = max(self.last[kind], event_time)
        self.first[kind] = _earlier(self.first[kind], event_time)

    def merge(self, other: State) -> None:
        """Adds all events of another customer who turned out to be the same person."""
        self.count += other.count
        self.known_at = max(self.known_at, other.known_at)
        self.opt_outs += other.opt_outs
        self.first = [_earlier(*both) for both in zip(self.first, other.first, strict=True)]
        self.last = [max(both) for both in zip(self.last, other.last, strict=True)]
        self.hours = [sum(both) for both in zip(self.hours, other.hours, strict=True)]
        for day, tally in other.days.items():
            own = self.days.get(day)
            self.days[day] = (
                list(tally) if own is None else [sum(both) for both in zip(own, tally, strict=True)]
            )
        for name, bought in other.categories.items():
            self.categories.setdefault(name, CategoryState()).merge(bought)
        self._merge_browsing(other.browsing)
        _merge_days(self._own("counts"), other.counts)
        _merge_days(self._own("channels"), other.channels)
        for name in ("channel_last", "consents", "facts", "cases"):
            _merge_latest(self._own(name), getattr(other, name))
        for question, score in other.scores.items():
            self._score(question, *score)

    def is_whole_at(self, moment: int) -> bool:
        """Whether every event folded in happened before ``moment`` and was known by then."""
        return self.known_at <= moment and self.last_event_time < moment

    def _own(self, name: str) -> dict[str, Any]:
        """One of the mappings that are shared while there is nothing in them, to write in."""
        found: dict[str, Any] = getattr(self, name)
        if found is _NOTHING:
            found = {}
            setattr(self, name, found)
        return found

    def _browse(
        self,
        time: int,
        kind: int,
        category: str | None,
        product: str | None,
        channel: str | None,
        target: str | None,
        measure: int | None,
        flags: int | None,
        personal: bytes | None,
    ) -> None:
        browsing = self.browsing
        if browsing is None:
            browsing = self.browsing = BrowsingHours()
        browsing.add(time, _raw(time, kind, category, product, channel, target, measure, flags, personal))

    def _tally(self, event: _Other) -> None:
        tally = self.days.get(event.day)
        if tally is None:
            tally = self.days[event.day] = [0] * TALLY
        tally[_TALLY_OF_KIND[event.kind]] += 1
        self._reach(event.channel, event.day, event.time)

    def _outcome(self, event: _Other) -> None:
        self._count("outcome", event.day)
        if event.outcome == OPTED_OUT:
            self.opt_outs += 1
            self._consent(ALL_CHANNELS, event.time, granted=False)

    def _message(self, event: _Other) -> None:
        stage = event.stage or 0
        if stage == OPENED:
            looked = (event.category, event.product, event.channel, event.target, event.measure)
            self._browse(event.time, event.kind, *looked, event.flags, None)
            return
        self._count(_MESSAGES[stage], event.day)
        self._reach(event.channel, event.day, event.time)

    def _visit(self, event: _Other) -> None:
        self._count("visit", event.day)
        self._reach("visit", event.day, event.time)

    def _call(self, event: _Other) -> None:
        self._count("call", event.day)
        self._reach("call", event.day, event.time)

    def _coupon(self, event: _Other) -> None:
        self._count("coupon_received", event.day)
        self._reach(event.channel, event.day, event.time)

    def _review(self, event: _Other) -> None:
        self._count("review", event.day)
        self._score("review", 1, event.measure or 0, event.time, event.measure or 0)

    def _case(self, event: _Other) -> None:
        self._count("service_case", event.day)
        if event.target:
            said = (event.time, 1 if (event.flags or 0) & _CLOSED else 0)
            self._own("cases")[event.target] = max(self.cases.get(event.target, said), said)

    def _satisfaction(self, event: _Other) -> None:
        self._count("satisfaction", event.day)
        self._score(
            _SCALES.get(event.stage or 0, "csat"), 1, event.measure or 0, event.time, event.measure or 0
        )

    def _custom(self, event: _Other) -> None:
        self._count(event.target or "custom", event.day)

    def _identification(self, event: _Other) -> None:
        self._count("identification", event.day)
        if event.details:
            for name, value in json.loads(event.details).items():
                stated = (event.time, json.dumps(value, ensure_ascii=False))
                self._own("facts")[name] = max(self.facts.get(name, stated), stated)

    def _consented(self, event: _Other) -> None:
        self._count("consent", event.day)
        granted = bool((event.flags or 0) & _GRANTED)
        for what in (event.target, event.channel):
            if what:
                self._consent(what, event.time, granted=granted)

    def _consent(self, what: str, time: int, *, granted: bool) -> None:
        # Of two words at one moment the withdrawal holds.
        self._own("consents")[what] = max(self.consents.get(what, 0), 2 * time + (0 if granted else 1))

    def _count(self, name: str, day: int) -> None:
        days = self.counts.get(name)
        if days is None:
            days = self._own("counts")[name] = {}
        days[day] = days.get(day, 0) + 1

    def _reach(self, channel: str | None, day: int, time: int) -> None:
        if not channel:
            return
        days = self.channels.get(channel)
        if days is None:
            days = self._own("channels")[channel] = {}
        days[day] = days.get(day, 0) + 1
        if time > self.channel_last.get(channel, 0):
            self._own("channel_last")[channel] = time

    def _score(self, question: str, count: int, total: int, time: int, value: int) -> None:
        own = self.scores.get(question, (0, 0, 0, 0))
        latest = max(own[2:], (time, value))
        self._own("scores")[question] = (own[0] + count, own[1] + total, *latest)

    def _merge_browsing(self, other: BrowsingHours | None) -> None:
        if other is not None:
            if self.browsing is None:
                self.browsing = BrowsingHours()
            self.browsing.merge(other)


class _Other(NamedTuple):
    """An event that is no purchase."""

    time: int
    day: int
    kind: int
    category: str | None
    product: str | None
    channel: str | None
    target: str | None
    measure: int | None
    stage: int | None
    flags: int | None
    outcome: int | None
    details: str | None
    personal: bytes | None


# Parts of one fact, so that the month and the day of one date stay together.
_BIRTH: Final = {"birth_month": 0, "birth_day": 1, "birth_year_band": 2}
_MESSAGES: Final = {1: "message_sent", 3: "message_answered"}
_SCALES: Final = {1: "csat", 2: "nps"}
_FOLDS: Final[dict[int, Callable[[State, _Other], None]]] = {
    int(Kind.MAILING): State._tally,
    int(Kind.REDEMPTION): State._tally,
    int(Kind.CONTACT): State._tally,
    int(Kind.OUTCOME): State._outcome,
    int(Kind.MESSAGE): State._message,
    int(Kind.VISIT): State._visit,
    int(Kind.CALL): State._call,
    int(Kind.COUPON_RECEIVED): State._coupon,
    int(Kind.REVIEW): State._review,
    int(Kind.SERVICE_CASE): State._case,
    int(Kind.SATISFACTION): State._satisfaction,
    int(Kind.CUSTOM): State._custom,
    int(Kind.IDENTIFICATION): State._identification,
    int(Kind.CONSENT): State._consented,
}


def _raw(
    time: int,
    kind: int,
    category: str | None,
    product: str | None,
    channel: str | None,
    target: str | None,
    measure: int | None,
    flags: int | None,
    personal: bytes | None,
) -> Raw:
    key = (f"{target}|{product}" if target else product) if product else target or ""
    return (
        time % HOUR,
        kind,
        # Shared texts: a page that a thousand look at is kept once.
        intern(key),
        intern(category) if category else "",
        intern(channel) if channel else "",
        -1 if measure is None else measure,
        1 if flags and flags & _ROBOT else 0,
        " ".join(words_of(json.loads(personal).get("query", ""))) if personal else "",
    )


def is_weighed(event: Happening) -> bool:
    """Whether an event is weighed before it counts: browsing, and the opening of a message."""
    return event.kind in _BROWSING or (event.kind == _MESSAGE and event.stage == OPENED)


def weighed_form(event: Happening) -> Browsing:
    """The form in which such an event is weighed."""
    looked = (event.category, event.product, event.channel, event.target, event.measure, event.flags)
    personal = event.personal if event.kind == Kind.SEARCH else None
    return Browsing._make(_raw(event.event_time, event.kind, *looked, personal))


_MESSAGE: Final = int(Kind.MESSAGE)
_BROWSING: Final = frozenset({int(Kind.VIEW), int(Kind.CLICK), int(Kind.SEARCH)})


def _earlier(one: int, other: int) -> int:
    """The earlier of two times, of which 0 says never."""
    return min(one, other) if one and other else one or other


def _merge_days(own: dict[str, dict[int, int]], other: Mapping[str, dict[int, int]]) -> None:
    for name, days in other.items():
        mine = own.setdefault(name, {})
        for day, count in days.items():
            mine[day] = mine.get(day, 0) + count


def _merge_latest(own: dict[str, Any], other: Mapping[str, Any]) -> None:
    for name, latest in other.items():
        own[name] = max(own.get(name, latest), latest)


def fold(happenings: Iterable[Iterable[Any]], state: State | None = None) -> State:
    """Adds events (`Happening`, in any order) to ``state``, a new one by default, and returns it."""
    folded = State() if state is None else state
    add = folded.add
    for happening in happenings:
        add(*happening)
    return folded


def merged(states: Iterable[State]) -> State:
    """One state of all events of several customers who are the same person. The states stay as they are."""
    together = State()
    for state in states:
        together.merge(state)
    return together
