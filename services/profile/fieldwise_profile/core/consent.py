"""Which consents hold for which purpose; knows no event and no store.

What a customer said is kept by subject: `decision` and `training` (what for), or a channel (`call`, `email`, `mail`, `sms`,
`app`, `social`, `all`). For each subject the latest word by event time holds, and of two at one moment the withdrawal; as
twice the time, plus 1 when it withdraws, that is simply the larger number, so any order of the same words gives the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final

DECISION: Final = "decision"
TRAINING: Final = "training"
ALL_CHANNELS: Final = "all"
CHANNELS: Final = ("call", "email", "mail", "sms", "app", "social")

# Twice the event time in microseconds, plus 1 when it withdraws.
Word = int


class Unasked(Enum):
    """The installation's rule for customers of whom no consent is on record."""

    ALLOW = "allow"
    REFUSE = "refuse"


class Permission(Enum):
    """What a read may see."""

    GIVEN = "given"
    # Nobody asked him; the installation's rule allows the read, and the answer says so.
    ASSUMED = "assumed"
    NEEDLESS = "needless"
    REFUSED = "refused"

    @property
    def is_given(self) -> bool:
        return self is not Permission.REFUSED


def word(time: int, *, granted: bool) -> Word:
    """What was said at a time."""
    return 2 * time + (0 if granted else 1)


def withdraws(said: Word) -> bool:
    """Whether a word takes the consent back."""
    return bool(said % 2)


def together(several: Iterable[Mapping[str, Word]]) -> dict[str, Word]:
    """The words of one person of whom there are several records."""
    held: dict[str, Word] = {}
    for said in several:
        for subject, each in said.items():
            held[subject] = max(held.get(subject, 0), each)
    return held


def permission(consents: Mapping[str, Word], subject: str | None, unasked: Unasked) -> Permission:
    """Whether the customer's words allow a read.

    Args:
        subject: The consent that the read needs; None for a read that needs none.
    """
    if subject is None:
        return Permission.NEEDLESS
    said = consents.get(subject)
    if said is None:
        return Permission.ASSUMED if unasked is Unasked.ALLOW else Permission.REFUSED
    return Permission.REFUSED if withdraws(said) else Permission.GIVEN


def refused_channels(consents: Mapping[str, Word]) -> list[str]:
    """Channels through which he may not be reached, ascending; all of them after a word against `all`.

    A later word for one channel opens that channel again, a later word for all opens every one. An OPTED_OUT outcome of a
    decision is a word against `all`.
    """
    overall = consents.get(ALL_CHANNELS, 0)
    return sorted(each for each in CHANNELS if withdraws(max(consents.get(each, 0), overall)))


def is_opted_out(consents: Mapping[str, Word]) -> bool:
    """Whether his last word on all channels is a withdrawal."""
    return withdraws(consents.get(ALL_CHANNELS, 0))
