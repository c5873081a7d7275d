"""When contacts were answered and how many coupons came back: what that says of the next ones; knows no wire and no store.

Answers are counted by channel, weekday and hour (UTC). The share of a slot is drawn to the channel's by a Beta prior whose weight is learned from how
much slots differ. Another time than the usual one is taken only where its share is higher beyond doubt.

Source: Beta-binomial shrinkage with its weight by moments, as Efron and Morris (1975), Data analysis using Stein's estimator; the bound of a share by the
normal approximation of the Beta posterior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Final, NamedTuple

from fieldwise_recommend.core.contact_time import FIRST_HOUR, LAST_HOUR

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
# 1 January 1970 was a Thursday.
_FIRST_WEEKDAY: Final = 4
# A contact that is put off for longer is another one.
_WAIT_DAYS: Final = 3
# One-sided, for all slots of three days together.
_Z: Final = 3.0
_LEAST_CONTACTS: Final = 200
_LEAST_SENT: Final = 100
_LEAST_WEIGHT, _MOST_WEIGHT = 20.0, 2_000.0
# A coupon's share counts like so many sent.
_PRIOR_SENT: Final = 200.0

# What a time of contact or a share of coupons rests on.
ASSUMED, USUAL, MEASURED = "assumed", "usual", "measured"

Slot = tuple[int, int]


class Count(NamedTuple):
    """Contacts through a channel in an hour (0 to 23) of a weekday (1 Monday to 7), and how many of them were answered."""

    channel: str
    weekday: int
    hour: int
    contacts: int
    answered: int


class Sent(NamedTuple):
    """Coupons of an action (treatments together), and how many of them came back."""

    action: str
    sent: int
    redeemed: int


class Chosen(NamedTuple):
    """A time in seconds since 1970, the share of contacts at such a time that are answered, the share of all, and how many were counted."""

    time: int
    share: float
    overall: float
    contacts: int


class _Channel(NamedTuple):
    overall: float
    contacts: int
    slots: Mapping[Slot, tuple[float, float]]  # share, and its standard error
    other: tuple[float, float]  # of a slot without contacts


def slot_of(moment: int) -> Slot:
    """Weekday and hour of a moment in seconds since 1970, UTC."""
    return (moment // _DAY + _FIRST_WEEKDAY - 1) % 7 + 1, moment % _DAY // _HOUR


class AnswerBook:
    """What was counted, ready to ask.

    Args:
        version: What the counts are known by; empty when there are none.
    """

    def __init__(self, counts: Sequence[Count] = (), sent: Sequence[Sent] = (), version: str = "") -> None:
        self.counts, self.sent, self.version = tuple(counts), tuple(sent), version
        by_channel: dict[str, list[Count]] = {}
        for each in counts:
            by_channel.setdefault(each.channel, []).append(each)
        self._channels = {
            name: _learned(own)
            for name, own in by_channel.items()
            if sum(each.contacts for each in own) >= _LEAST_CONTACTS
        }
        self._sent = {each.action: each for each in sent if each.sent >= _LEAST_SENT}

    @property
    def channels(self) -> Sequence[str]:
        """Those of which enough is known."""
        return tuple(self._channels)

    def better(self, channel: str, now: int, usual: int) -> Chosen | None:
        """A time in the next days at which more is answered than at ``usual``; None where no slot is better beyond doubt.

        Args:
            now: Seconds since 1970.
            usual: When the contact would be made without any answers.
        """
        known = self._channels.get(channel)
        if known is None:
            return None
        share, error = known.slots.get(slot_of(usual), known.other)
        best: Chosen | None = None
        first = now - now % _DAY
        for day in range(_WAIT_DAYS + 1):
            for hour in range(FIRST_HOUR, LAST_HOUR + 1):
                time = first + day * _DAY + hour * _HOUR
                if not now < time <= now + _WAIT_DAYS * _DAY:
                    continue
                found = known.slots.get(slot_of(time))
                if found is None or (best is not None and found[0] <= best.share):
                    continue
                if found[0] - share > _Z * sqrt(found[1] ** 2 + error**2):
                    best = Chosen(time, round(found[0], 6), round(known.overall, 6), known.contacts)
        return best

    def redeemed(self, action: str, prior: float) -> float | None:
        """Probability that a coupon of the action comes back, drawn to ``prior``; None while too few were sent."""
        known = self._sent.get(action)
        if known is None:
            return None
        return round((known.redeemed + _PRIOR_SENT * prior) / (known.sent + _PRIOR_SENT), 6)


def _learned(counts: Sequence[Count]) -> _Channel:
    contacts = sum(each.contacts for each in counts)
    overall = sum(each.answered for each in counts) / contacts
    weight = _weight(counts, overall)
    slots = {
        (each.weekday, each.hour): _posterior(each.answered, each.contacts, overall, weight)
        for each in counts
    }
    return _Channel(overall, contacts, slots, _posterior(0, 0, overall, weight))


def _posterior(answered: int, contacts: int, overall: float, weight: float) -> tuple[float, float]:
    share = (answered + weight * overall) / (contacts + weight)
    return share, sqrt(share * (1.0 - share) / (contacts + weight + 1.0))


def _weight(counts: Sequence[Count], overall: float) -> float:
    """Contacts that the overall share counts like: few where slots differ more than chance explains."""
    spread = overall * (1.0 - overall)
    contacts = sum(each.contacts for each in counts)
    observed = sum(each.contacts * (each.answered / each.contacts - overall) ** 2 for each in counts)
    # Expected by chance alone: one spread for each slot, less the one of the common share.
    beyond = observed - spread * (len(counts) - 1)
    room = contacts - sum(each.contacts**2 for each in counts) / contacts
    if spread <= 0.0 or beyond <= 0.0 or room <= 0.0:
        return _MOST_WEIGHT
    return min(_MOST_WEIGHT, max(_LEAST_WEIGHT, spread / (beyond / room) - 1.0))
