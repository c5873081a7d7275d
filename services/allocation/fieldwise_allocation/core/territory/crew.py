"""Who does the parts of a large problem: the searching process itself, or others at the same time; knows no part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from fieldwise_allocation.core.territory.found import Watch

A = TypeVar("A")
T = TypeVar("T")


class Crew(Protocol):
    """Does the same work on several items."""

    def each(
        self, work: Callable[[A, Watch], T], items: Iterable[A], watch: Watch
    ) -> Iterator[tuple[int, T]]:
        """(index, result) as they come, in any order; the work of an item is told the time that is left then.

        Args:
            work: A module-level function, for it may go to another process.
        """
        ...


class Alone:
    """One after the other, here."""

    def each(
        self, work: Callable[[A, Watch], T], items: Iterable[A], watch: Watch
    ) -> Iterator[tuple[int, T]]:
        for index, item in enumerate(items):
            yield index, work(item, Watch(watch.seconds_left))
