"""What is done with a pair: linked, given to a person, or left; knows no field."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

BETWEEN_THRESHOLDS: Final = "BETWEEN_THRESHOLDS"


class Verdict(Enum):
    """What is to be done."""

    LINK = "link"
    REVIEW = "review"
    LEAVE = "leave"


@dataclass(frozen=True)
class Thresholds:
    """Probabilities from which on a pair is linked, and from which on a person is asked.

    Raises:
        ValueError: They are not in (0, 1], or a person would be asked about pairs that are linked anyway.
    """

    link: float = 0.99
    review: float = 0.6

    def __post_init__(self) -> None:
        if not 0 < self.review <= self.link <= 1:
            raise ValueError(
                f"thresholds are review {self.review} and link {self.link}; give 0 < review <= link <= 1"
            )

    def verdict(self, probability: float, contradiction: str) -> tuple[Verdict, str]:
        """What is to be done, and why when a person is asked. What is contradicted is never linked."""
        if probability < self.review:
            return Verdict.LEAVE, ""
        if contradiction:
            return Verdict.REVIEW, contradiction
        if probability >= self.link:
            return Verdict.LINK, ""
        return Verdict.REVIEW, BETWEEN_THRESHOLDS
