"""The tree of a rule as it was read: no kinds yet; knows no field."""

from __future__ import annotations

from dataclasses import dataclass

from fieldwise_rules.faults import Place


@dataclass(frozen=True)
class Literal:
    """A number, a text, true or false."""

    place: Place
    value: bool | int | float | str


@dataclass(frozen=True)
class Name:
    """A field or the variable of a macro."""

    place: Place
    name: str


@dataclass(frozen=True)
class Select:
    """``operand.field``."""

    place: Place
    operand: Node
    field: str


@dataclass(frozen=True)
class Call:
    """A function or an operator; ``target`` is what stands before the dot of a method."""

    place: Place
    function: str
    arguments: tuple[Node, ...]
    target: Node | None = None


@dataclass(frozen=True)
class Many:
    """``[a, b]``."""

    place: Place
    elements: tuple[Node, ...]


@dataclass(frozen=True)
class Mapping:
    """``{k: v}``."""

    place: Place
    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True)
class Macro:
    """``operand.all(variable, steps...)``: all, exists, exists_one, filter (one step), map (one or two)."""

    place: Place
    macro: str
    operand: Node
    variable: str
    steps: tuple[Node, ...]


Node = Literal | Name | Select | Call | Many | Mapping | Macro
