"""Contacts and what customers did about them, in memory; knows no store and no thread (one event loop owns it).

Looking up and adding happen without an await between them, so no two decisions count on the same free place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from fieldwise_recommend.core.contact_policy.policy import (
    ANSWER_DAYS,
    MOST_DAYS,
    UNANSWERED,
    ContactPolicy,
    Suppression,
)
from fieldwise_recommend.core.contact_policy.terms import DAY, Cap, Contact, Rest

# How far a contact got: decided, carried out (ACTED), answered. One that a rep did not carry out is taken from the book.
PLANNED, REACHED, ANSWERED = 0, 1, 2


class Entry(NamedTuple):
    """A contact, its state, and the decision that it is of: one that is decided several times stands here as often."""

    contact: Contact
    state: int = PLANNED
    decision: str = ""


class Remark(NamedTuple):
    """Something the customer did about a decision, ``time`` in seconds since 1970: a decision is remarked once for each event."""

    event: str
    decision: str
    channel: str
    time: int


class Card:
    """What is known of one customer."""

    __slots__ = ("entries", "remarks")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.remarks: set[Remark] = set()

    def prune(self, moment: int) -> None:
        """Lets go of what no window reaches."""
        since = moment - MOST_DAYS * DAY
        if any(each.contact.due <= since for each in self.entries):
            self.entries = [each for each in self.entries if each.contact.due > since]
        if any(each.time <= since for each in self.remarks):
            self.remarks = {each for each in self.remarks if each.time > since}

    def contacts(self, moment: int, caps: Collection[Cap]) -> tuple[Contact, ...]:
        """Those that a cap may count."""
        since = moment - max((cap.days for cap in caps), default=0) * DAY
        return tuple(sorted({each.contact for each in self.entries if each.contact.due > since}))

    def is_over(self, channel: str, action: str, since: int, moment: int, *, by_rep: bool) -> bool:
        """Whether such a contact took place since then and none is to come.

        What a rep does took place when it is said so; what is sent by itself took place when its time is past.
        """
        mine = [each for each in self.entries if each.contact[:2] == (channel, action)]
        if any(each.state == PLANNED and (by_rep or each.contact.due >= moment) for each in mine):
            return False
        return any(each.contact.due >= since and (each.state != PLANNED or not by_rep) for each in mine)

    def rests(self, moment: int, rules: Iterable[Suppression]) -> tuple[Rest, ...]:
        """Rests that he is in at a moment, seconds since 1970."""
        found = (self._rest(moment, rule) for rule in rules)
        return tuple(rest for rest in found if rest is not None)

    def _rest(self, moment: int, rule: Suppression) -> Rest | None:
        times = sorted(self._times(rule.event, rule.channel, moment))
        window, latest = rule.window * DAY, None
        for place in range(rule.limit - 1, len(times)):
            if times[place] - times[place - rule.limit + 1] < window:
                latest = place
        if latest is None or (until := times[latest] + rule.rest * DAY) <= moment:
            return None
        counted = sum(1 for time in times[: latest + 1] if time > times[latest] - window)
        return Rest(rule.event, rule.channel, counted, rule.limit, until)

    def _times(self, event: str, channel: str, moment: int) -> list[int]:
        if event != UNANSWERED:
            own = (each for each in self.remarks if each.event == event)
            return [each.time for each in own if channel in ("", each.channel)]
        reached = {each.contact for each in self.entries if each.state == REACHED}
        waited = (each.due + ANSWER_DAYS * DAY for each in reached if channel in ("", each.channel))
        return [time for time in waited if time <= moment]


class Book:
    """All cards, by customer."""

    def __init__(self) -> None:
        self._cards: dict[str, Card] = {}

    def __len__(self) -> int:
        return len(self._cards)

    def card(self, customer: str, moment: int) -> Card | None:
        """What is known of a customer; None when nothing is."""
        card = self._cards.get(customer)
        if card is not None:
            card.prune(moment)
        return card

    def add(self, customer: str, contact: Contact, state: int = PLANNED, decision: str = "") -> None:
        self._cards.setdefault(customer, Card()).entries.append(Entry(contact, state, decision))

    def remove(self, customer: str, contact: Contact, decision: str = "") -> None:
        """Takes back one `add`."""
        card = self._cards.get(customer)
        if card is None:
            return
        same = (each for each in card.entries if (each.contact, each.decision) == (contact, decision))
        gone = next(same, None)
        if gone is not None:
            card.entries.remove(gone)
        self._drop_if_empty(customer, card)

    def cancel(self, customer: str, contact: Contact) -> list[str]:
        """A planned contact does not take place, however often it was decided; those decisions."""
        card = self._cards.get(customer)
        if card is None:
            return []
        gone = [each for each in card.entries if each.contact == contact and each.state == PLANNED]
        card.entries = [each for each in card.entries if each not in gone]
        self._drop_if_empty(customer, card)
        return [each.decision for each in gone]

    def move(self, customer: str, contact: Contact, due: int, state: int) -> list[str]:
        """A contact took place, at another time perhaps, or was answered; what is further on stays so.

        Returns:
            The decisions that it is of.
        """
        card = self._cards.get(customer)
        if card is None:
            return []
        moved = contact._replace(due=due)
        same = [each.contact in (contact, moved) for each in card.entries]
        decisions = [each.decision for each, is_same in zip(card.entries, same, strict=True) if is_same]
        card.entries = [
            Entry(moved, max(each.state, state), each.decision) if is_same else each
            for each, is_same in zip(card.entries, same, strict=True)
        ]
        return decisions

    def _drop_if_empty(self, customer: str, card: Card) -> None:
        if not card.entries and not card.remarks:
            del self._cards[customer]

    def remark(self, customer: str, remark: Remark) -> None:
        self._cards.setdefault(customer, Card()).remarks.add(remark)

    def forget(self, customers: Collection[str]) -> None:
        for customer in customers:
            self._cards.pop(customer, None)


def needed_caps(policy: ContactPolicy, contacts: Collection[Contact]) -> tuple[Cap, ...]:
    """The caps that could matter to a customer with these contacts: without any only those that allow none."""
    return policy.limits if contacts else tuple(cap for cap in policy.limits if cap.most == 0)
