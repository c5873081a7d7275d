"""Items in slices, and the results of a slice as they come; knows no process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from fieldwise_executor.kept import Kept
from fieldwise_runtime.worker_process import report, reporting_to

A = TypeVar("A")
Slice = list[tuple[int, A]]


def slices(items: Iterable[A], size: int) -> Iterator[Slice[A]]:
    """The items with their indices, ``size`` at a time, taken only when they are asked for."""
    numbered = enumerate(items)
    while part := list(islice(numbered, size)):
        yield part


def undone(part: Slice[A], kept: Kept | None) -> tuple[Slice[A], list[tuple[int, Any]]]:
    """What of a slice is to be done, and what was kept of it."""
    if kept is None:
        return part, []
    done = [(index, kept[index]) for index, _ in part if index in kept]
    finished = {index for index, _ in done}
    return [(index, item) for index, item in part if index not in finished], done


def done_one_by_one(work: Callable[[A], object], part: Slice[A]) -> None:
    """Reports (index, result) of each item as soon as it is done, so that a death costs one item and not the slice."""
    for index, item in part:
        with reporting_to(lambda _: None):  # What a single item tells of itself has no reader here.
            result = work(item)
        report((index, result))
