"""The kinds of values in rules; knows no expression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Kind:
    """A kind of value; ``of`` holds the element of a list, or key and value of a map."""

    name: str
    of: tuple[Kind, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.of))})" if self.of else self.name


BOOL: Final = Kind("bool")
INT: Final = Kind("int")
DOUBLE: Final = Kind("double")
STRING: Final = Kind("string")
TIMESTAMP: Final = Kind("timestamp")
DURATION: Final = Kind("duration")
# The element of an empty list: fits every kind.
ANY: Final = Kind("any")
# What a faulty piece has: fits everything, so that one fault is not told twice.
WRONG: Final = Kind("wrong")

NUMBERS: Final = frozenset({INT, DOUBLE})
ORDERED: Final = frozenset({BOOL, INT, DOUBLE, STRING, TIMESTAMP, DURATION})


def list_of(element: Kind) -> Kind:
    return Kind("list", (element,))


def map_of(key: Kind, value: Kind) -> Kind:
    return Kind("map", (key, value))


def joined(one: Kind, other: Kind) -> Kind | None:
    """The kind that both are, an empty list being a list of anything; None when they differ."""
    if one == other or other in (ANY, WRONG):
        return one
    if one in (ANY, WRONG):
        return other
    if one.name != other.name or len(one.of) != len(other.of):
        return None
    parts = [joined(*pair) for pair in zip(one.of, other.of, strict=True)]
    whole = tuple(part for part in parts if part is not None)
    return Kind(one.name, whole) if len(whole) == len(parts) else None


def comparable(one: Kind, other: Kind) -> bool:
    """Whether two values can be equal: of one kind, or both numbers (CEL compares numbers across kinds)."""
    return {one, other} <= NUMBERS or joined(one, other) is not None
