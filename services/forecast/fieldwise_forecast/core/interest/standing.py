"""Where a customer stands against his own rhythm: active, waiting, lost; knows no profile."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Words of the contract."""

    NEW = "new"
    ACTIVE = "active"
    WAITING = "waiting"
    LOST = "lost"


@dataclass(frozen=True)
class Standing:
    """The status, and of one past his rhythm the probabilities that he waits and that he is lost; they add up to 1."""

    status: Status
    waiting: float | None = None
    lost: float | None = None


def standing(status: Status, waiting: float | None, lost: float | None) -> Standing:
    """The standing of a customer whose rhythm says ``status``; one who is past it is lost when that is likelier than waiting."""
    if status is not Status.WAITING or waiting is None or lost is None or waiting + lost <= 0:
        return Standing(status)
    gone = lost / (waiting + lost)
    return Standing(Status.LOST if gone > 0.5 else Status.WAITING, 1 - gone, gone)
