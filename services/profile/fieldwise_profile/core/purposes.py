"""What personal data is read for, and which consent that needs; knows no wire.

Source: the Purpose enum of the contract, whose numbers these are; PIPL 13-15 and 24, GDPR 6, 7, 15-22.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from fieldwise_profile.core.consent import DECISION, TRAINING


class Purpose(IntEnum):
    """The contract's purposes, by its numbers."""

    DECISION = 1
    TRAINING = 2
    PLANNING = 3
    REPORTING = 4
    SERVICE = 5
    RIGHTS = 6
    UPKEEP = 7


_CONSENT_NEEDED: Final = {
    Purpose.DECISION: DECISION,
    Purpose.PLANNING: DECISION,
    Purpose.TRAINING: TRAINING,
    Purpose.REPORTING: TRAINING,
}
# Whoever reads for these may see what is sealed.
OPENING: Final = frozenset({Purpose.SERVICE, Purpose.RIGHTS})


def consent_needed(purpose: int) -> str | None:
    """The subject of the consent that a read for this purpose needs; None when it needs none."""
    return _CONSENT_NEEDED.get(Purpose(purpose))


def opens(purpose: int) -> bool:
    """Whether a person may be shown what is sealed, for this purpose."""
    return purpose in OPENING
