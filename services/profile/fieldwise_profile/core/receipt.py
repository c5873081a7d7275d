"""Receipts of erasures: what was destroyed where, signed; knows no table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fieldwise_profile.core import signing


@dataclass(frozen=True)
class Part:
    """What one place destroyed; ``done_at`` in microseconds."""

    place: str
    counts: Mapping[str, int]
    done_at: int
    model_versions: tuple[str, ...] = ()
    remains: str = ""

    def facts(self) -> dict[str, object]:
        return {
            "place": self.place,
            "counts": dict(self.counts),
            "done_at": self.done_at,
            "model_versions": sorted(self.model_versions),
            "remains": self.remains,
        }


@dataclass(frozen=True)
class Receipt:
    """An erasure; ``erased_at`` in microseconds of the business clock, customers ascending, one part for each place."""

    request_id: str
    customers: tuple[str, ...]
    erased_at: int
    parts: tuple[Part, ...] = field(default=())

    def with_part(self, part: Part) -> Receipt:
        """With a part in the place of what that place said before; of its counts the larger ones.

        A place that is asked twice, because its first answer was late, finds nothing the second time.
        """
        others = [each for each in self.parts if each.place != part.place]
        counts = dict(part.counts)
        for before in self.parts:
            if before.place == part.place:
                keys = sorted(before.counts.keys() | counts.keys())
                counts = {key: max(before.counts.get(key, 0), counts.get(key, 0)) for key in keys}
        ordered = tuple(sorted([*others, replace(part, counts=counts)], key=lambda each: each.place))
        return Receipt(self.request_id, self.customers, self.erased_at, ordered)

    def lacks(self, places: Iterable[str]) -> bool:
        """Whether one of these places has not said yet that it is done."""
        return not set(places) <= {part.place for part in self.parts}

    def statement(self) -> str:
        """What is signed."""
        return signing.statement(
            {
                "fieldwise_erasure": 1,
                "request_id": self.request_id,
                "customers": list(self.customers),
                "erased_at": self.erased_at,
                "parts": [part.facts() for part in self.parts],
            }
        )


def read(text: str) -> Receipt:
    """The receipt in a statement.

    Raises:
        ValueError: It is none.
    """
    facts: Any = json.loads(text)
    try:
        parts = tuple(
            Part(
                each["place"],
                each["counts"],
                each["done_at"],
                tuple(each["model_versions"]),
                each["remains"],
            )
            for each in facts["parts"]
        )
        return Receipt(facts["request_id"], tuple(facts["customers"]), facts["erased_at"], parts)
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError(f"no statement of an erasure: {fault}") from None
