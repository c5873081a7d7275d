"""A rule's tree with kinds, bounds and costs: all that the compiler may see; knows no text."""

from __future__ import annotations

from dataclasses import dataclass

from fieldwise_rules.faults import Place
from fieldwise_rules.kinds import Kind


@dataclass(frozen=True)
class Checked:
    """A piece of a rule that is right.

    Attributes:
        op: What it does: ``const``, ``field``, ``has``, ``local``, a macro, an operator or the code of a function.
        data: What ``op`` needs: the constant, the place of a field, the name of a variable.
        size: Most elements or characters of its value; ``inner`` of one element.
        cost: Most steps it takes.
        reads: Optional fields whose absence makes it fail, and which it always reads.
        fails: It may fail for another reason than these.
    """

    op: str
    kind: Kind
    place: Place
    parts: tuple[Checked, ...] = ()
    data: object = None
    size: int = 1
    inner: int = 1
    cost: int = 1
    reads: frozenset[int] = frozenset()
    fails: bool = False
