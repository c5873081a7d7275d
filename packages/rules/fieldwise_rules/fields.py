"""The fields that rules may read; knows no customer.

A rule reads from a flat list of values, one place a field: a record such as ``features`` exists in the rule's text only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from fieldwise_rules.kinds import Kind


@dataclass(frozen=True)
class Field:
    """One field.

    Args:
        path: As rules write it, such as ``features.spend_28d``.
        meaning: In words, with the unit.
        optional: A customer may have no value: reading it then fails, and `has` is false.
        size: Most elements of a list or map, most characters of a text.
        inner: Most characters of a text inside a list or map.
    """

    path: str
    kind: Kind
    meaning: str
    optional: bool = False
    size: int = 1
    inner: int = 1


class Fields:
    """All fields, by path; each has its place in the list of values.

    Args:
        sealed: Names that people look for and rules may not read, with the reason.
        shown: Where all fields are listed, the remedy for a name that is like none.
    """

    def __init__(
        self,
        listed: Sequence[Field],
        sealed: Mapping[str, str] | None = None,
        shown: str = "name a field that is declared",
    ) -> None:
        self.listed = tuple(listed)
        self._sealed = dict(sealed or {})
        self._shown = shown
        self._places = {field.path: place for place, field in enumerate(listed)}
        self.records = frozenset(field.path.rpartition(".")[0] for field in listed) - {""}

    def place(self, path: str) -> int | None:
        """Where the field's value stands; None when there is no such field."""
        return self._places.get(path)

    def remedy(self, path: str) -> str:
        """What to do about a name that is no field."""
        last = path.rpartition(".")[2]
        if last in self._sealed:
            return self._sealed[last]
        near = self._near(path, last)
        return f"did you mean {near}?" if near else self._shown

    def _near(self, path: str, last: str) -> str:
        ends = {known.rpartition(".")[2]: known for known in reversed(self._places)}
        if last in ends:
            return ends[last]
        close = get_close_matches(path, self._places, 1, 0.75)
        if close:
            return close[0]
        return next((ends[end] for end in get_close_matches(last, ends, 1, 0.75)), "")
