"""A few recent situations, to say whom a rule reaches before it is published; knows no names and no wire."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fieldwise_recommend.core.situation import Situation

SIZE: Final = 1_000
# Once it is full, every so many-th decision takes the place of the oldest: the sample then spans as many decisions times SIZE.
_EVERY: Final = 16


class Sample:
    """One situation per customer, the latest; a customer is known by a hash that differs in every process."""

    def __init__(self) -> None:
        self._held: dict[int, Situation] = {}
        self._gone: set[int] = set()
        self._seen = 0

    def see(self, customer: str, situation: Situation) -> None:
        self._seen += 1
        held, key = self._held, hash(customer)
        if key in self._gone:
            return
        if len(held) >= SIZE and key not in held:
            if self._seen % _EVERY:
                return
            del held[next(iter(held))]
        held[key] = situation

    def forget(self, customers: Collection[str]) -> None:
        """Drops these customers for good: a call that is under way does not bring them back."""
        for key in map(hash, customers):
            self._gone.add(key)
            self._held.pop(key, None)

    @property
    def situations(self) -> list[Situation]:
        return list(self._held.values())
